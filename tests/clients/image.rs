//! A small image made of nothing but one text file: no image can be pulled to begin with.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::process::{Folder, run};

/// The image in the two forms that clients read.
pub struct Image {
    /// A text that only this image holds, in a layer that is not compressed.
    pub marker: String,
    /// An OCI layout with the tag `1`.
    pub layout: PathBuf,
    /// A docker archive.
    pub archive: PathBuf,
    /// The name in the docker archive.
    pub name: String,
    /// The digest of its only layer.
    pub layer: String,
}

impl Image {
    /// Makes an image below `folder`.
    pub fn new(folder: &Folder) -> Self {
        let marker = format!("marker-{}", uuid::Uuid::new_v4());
        let name = format!("localhost/{marker}:1");
        let layout = folder.join("layout");
        let blob = |content: &[u8]| {
            let hash = hex(content);
            folder.write(&format!("layout/blobs/sha256/{hash}"), content);
            (format!("sha256:{hash}"), content.len())
        };
        let json_blob = |value: &Value| blob(value.to_string().as_bytes());

        folder.write("rootfs/hello.txt", &marker);
        tar(
            &folder.join("rootfs"),
            &folder.join("layer.tar"),
            "hello.txt",
        );
        let (layer, layer_size) = blob(&std::fs::read(folder.join("layer.tar")).unwrap());
        let (config, config_size) = json_blob(&json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/hello.txt"]},
            "rootfs": {"type": "layers", "diff_ids": [layer]},
        }));
        let part = |kind: &str, digest: &str, size: usize| {
            let kind = format!("application/vnd.oci.image.{kind}");
            json!({"mediaType": kind, "digest": digest, "size": size})
        };
        let (manifest, manifest_size) = json_blob(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": part("config.v1+json", &config, config_size),
            "layers": [part("layer.v1.tar", &layer, layer_size)],
        }));
        let mut entry = part("manifest.v1+json", &manifest, manifest_size);
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        folder.write("layout/index.json", index.to_string());
        folder.write("layout/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);

        let file = |digest: &str| digest.replace("sha256:", "blobs/sha256/");
        let archived = json!([{
            "Config": file(&config), "RepoTags": [name], "Layers": [file(&layer)],
        }]);
        folder.write("layout/manifest.json", archived.to_string());
        let archive = folder.join("image.tar");
        tar(&layout, &archive, "manifest.json blobs");
        std::fs::remove_file(layout.join("manifest.json")).unwrap();
        Self {
            marker,
            layout,
            archive,
            name,
            layer,
        }
    }

    /// Whether one of the files below a folder, as deep as may be, holds the marker.
    pub fn is_in(&self, folder: &Path) -> bool {
        let args = ["-r", "-q", "-a", &self.marker].map(str::to_owned);
        let args = [&args[..], &[folder.display().to_string()]].concat();
        run(Path::new("grep"), &args, |_| {}).ok
    }
}

fn tar(folder: &Path, archive: &Path, names: &str) {
    let mut args = vec![
        "--numeric-owner".into(),
        "--owner=0".into(),
        "--group=0".into(),
    ];
    args.extend(["-cf".into(), archive.display().to_string()]);
    args.extend(["-C".into(), folder.display().to_string()]);
    args.extend(names.split(' ').map(str::to_owned));
    let tar = run(Path::new("tar"), &args, |_| {});
    assert!(tar.ok, "tar: {}", tar.text);
}

fn hex(content: &[u8]) -> String {
    let hash = digest(&SHA256, content);
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
