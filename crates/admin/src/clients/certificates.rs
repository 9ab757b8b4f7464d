//! The certificates of a client, for the attribute that a path names (`jwt.credential` …).
//!
//! A private key is told once, to who asked for it to be made, and kept nowhere. Keystores are not made and not read.

use actix_multipart::Multipart;
use actix_web::{HttpResponse, web};
use client::ClientRepresentation;
use futures_util::TryStreamExt as _;
use protocol::HttpError;
use protocol::context::decode_segment;
use realm::certificate;
use serde_json::{Map, json};

use super::change::change;
use super::{named, require_view};
use crate::Admin;
use crate::auth::Role::ManageClients;

type Path = web::Path<(String, String, String)>;

/// Bytes of a certificate that somebody brings, with all around it.
const MAX_UPLOAD: usize = 256 * 1024;
/// Characters of an attribute's name.
const MAX_NAME: usize = 200;

const CERTIFICATE: &str = "certificate";
const PUBLIC_KEY: &str = "public.key";
/// What a client keeps for an attribute, there or in a realm that was brought here.
const PARTS: [&str; 4] = [CERTIFICATE, PUBLIC_KEY, "private.key", "kid"];

fn attribute(path: &Path) -> Result<String, HttpError> {
    decode_segment(&path.2)
        .filter(|name| name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control))
        .ok_or_else(|| HttpError::plain(400, "The attribute's name has at most 200 characters"))
}

pub(super) async fn get(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    let name = attribute(&path)?;
    let client = named(&admin, &path.1).await?;
    let mut shown = Map::new();
    for (member, part) in [
        ("publicKey", PUBLIC_KEY),
        ("certificate", CERTIFICATE),
        ("kid", "kid"),
    ] {
        if let Some(value) = client.attribute(&format!("{name}.{part}")) {
            shown.insert(member.to_owned(), json!(value));
        }
    }
    Ok(HttpResponse::Ok().json(shown))
}

pub(super) async fn generate(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let name = attribute(&path)?;
    let client = named(&admin, &path.1).await?;
    let made = certificate::self_signed(&admin.state().keys, &client.client_id).await?;
    keep(&admin, &path.1, &name, CERTIFICATE, &made.certificate).await?;
    Ok(HttpResponse::Ok().json(json!({
        "privateKey": made.private_key.as_str(),
        "certificate": made.certificate,
    })))
}

/// Takes a certificate or a public key in PEM, in a form as Keycloak's (`keystoreFormat`, `file`).
pub(super) async fn upload(
    admin: Admin,
    path: Path,
    form: Multipart,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    let name = attribute(&path)?;
    named(&admin, &path.1).await?;
    let Form { format, file } = read(form).await?;
    let bad = |text: &str| HttpError::plain(400, text);
    let format = format.ok_or_else(|| bad("keystoreFormat cannot be null"))?;
    let file = file
        .filter(|file| !file.is_empty())
        .ok_or_else(|| bad("file cannot be empty"))?;
    let text = || String::from_utf8(file).map_err(|_| bad("The file is no text"));
    let (member, part, value) = match format.as_str() {
        "Certificate PEM" => ("certificate", CERTIFICATE, certificate::read(&text()?)?),
        "Public Key PEM" => {
            let text = text()?;
            if !certificate::is_public_key(&text) {
                return Err(bad("Failed to decode public key"));
            }
            ("publicKey", PUBLIC_KEY, text)
        }
        _ => {
            return Err(HttpError::plain(
                501,
                "keystores are not available on this server; upload a \"Certificate PEM\" or a \"Public Key PEM\"",
            ));
        }
    };
    keep(&admin, &path.1, &name, part, &value).await?;
    Ok(HttpResponse::Ok().json(json!({ member: value })))
}

/// Keystores would carry private keys, and none is kept here.
pub(super) async fn download(admin: Admin, path: Path) -> Result<HttpResponse, HttpError> {
    require_view(&admin)?;
    no_keystore(&admin, &path).await
}

pub(super) async fn generate_and_download(
    admin: Admin,
    path: Path,
) -> Result<HttpResponse, HttpError> {
    admin.require(&[ManageClients])?;
    no_keystore(&admin, &path).await
}

async fn no_keystore(admin: &Admin, path: &Path) -> Result<HttpResponse, HttpError> {
    named(admin, &path.1).await?;
    Err(HttpError::plain(
        501,
        "keystores are not available on this server; generate gives key and certificate as JSON",
    ))
}

/// Keeps one part and takes the others of this attribute away.
async fn keep(
    admin: &Admin,
    client: &str,
    name: &str,
    kept: &str,
    value: &str,
) -> Result<(), HttpError> {
    let attributes = PARTS.map(|part| {
        let value = if part == kept { value } else { "" };
        (format!("{name}.{part}"), value.to_owned())
    });
    change(admin, client, |_| {
        Some(ClientRepresentation {
            attributes: Some(attributes.into()),
            ..ClientRepresentation::default()
        })
    })
    .await?;
    Ok(())
}

struct Form {
    format: Option<String>,
    file: Option<Vec<u8>>,
}

async fn read(mut form: Multipart) -> Result<Form, HttpError> {
    let unreadable = |_| HttpError::plain(400, "keystoreFormat cannot be null");
    let mut read = Form {
        format: None,
        file: None,
    };
    let mut size = 0;
    while let Some(mut field) = form.try_next().await.map_err(unreadable)? {
        let mut value = Vec::new();
        while let Some(chunk) = field.try_next().await.map_err(unreadable)? {
            size += chunk.len();
            if size > MAX_UPLOAD {
                let text = format!("The body is larger than {MAX_UPLOAD} bytes");
                return Err(HttpError::plain(413, &text));
            }
            value.extend_from_slice(&chunk);
        }
        match field.name() {
            Some("file") => read.file = Some(value),
            Some("keystoreFormat") => read.format = String::from_utf8(value).ok(),
            _ => {}
        }
    }
    Ok(read)
}
