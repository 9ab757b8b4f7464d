//! The clients: how each does what every client of a registry does.

/// Command lines of one step, in order, or why the client has no such step.
///
/// `{host}` the registry · `{user}` `{password}` ·
/// `{repo}` `{ref}` a repository there, without and with a tag · `{copy}` `{copied}` the other one
/// without and with a tag, `{digest}` what is there · `{layout}` `{archive}` `{image}` the image here ·
/// `{out}` where a pulled image goes · `{home}` · `{tls}` as below, `{ca}` `{ca-pem}` whom to trust.
pub type Step = Result<&'static [&'static str], &'static str>;

/// A client program.
pub struct Client {
    pub name: &'static str,
    /// Options before every command.
    pub options: &'static str,
    pub environment: &'static [(&'static str, &'static str)],
    /// What `{tls}` is, without TLS and with it.
    pub plain: &'static str,
    pub tls: &'static str,
    /// Whether a login asks the registry, so that a wrong password shows at once.
    pub login_asks: bool,
    pub login: Step,
    pub push: Step,
    pub pull: Step,
    pub copy: Step,
    pub tags: Step,
    pub catalog: Step,
    pub delete: Step,
    pub logout: Step,
}

/// Both read below `~/.config/containers` which registries are plain and whom to trust.
const CONTAINERS: &[(&str, &str)] = &[("REGISTRY_AUTH_FILE", "{home}/auth.json")];

/// Its daemon takes any certificate from a registry on `localhost`.
pub const DOCKER: Client = Client {
    name: "docker",
    options: "",
    environment: &[("DOCKER_HOST", "{dockerd}")],
    plain: "",
    tls: "",
    login_asks: true,
    login: Ok(&["login -u {user} -p {password} {host}"]),
    push: Ok(&[
        "load -i {archive}",
        "tag {image} {ref}",
        "push {ref}",
        "rmi {image} {ref}",
    ]),
    pull: Ok(&["pull {ref}", "save -o {out}/image.tar {ref}"]),
    copy: Ok(&["tag {ref} {copied}", "push {copied}", "rmi {ref} {copied}"]),
    tags: Err("docker lists no tags"),
    catalog: Err("docker lists no repositories"),
    delete: Err("docker deletes nothing in a registry"),
    logout: Ok(&["logout {host}"]),
};

pub const SKOPEO: Client = Client {
    name: "skopeo",
    options: "",
    environment: CONTAINERS,
    plain: "",
    tls: "",
    login_asks: true,
    login: Ok(&["login -u {user} -p {password} {host}"]),
    push: Ok(&["copy oci:{layout}:1 docker://{ref}"]),
    pull: Ok(&["copy docker://{ref} docker-archive:{out}/image.tar"]),
    copy: Ok(&["copy docker://{ref} docker://{copied}"]),
    tags: Ok(&["list-tags docker://{repo}"]),
    catalog: Err("skopeo lists no repositories"),
    delete: Ok(&["delete docker://{copied}"]),
    logout: Ok(&["logout {host}"]),
};

pub const PODMAN: Client = Client {
    name: "podman",
    options: "--root {home}/store --runroot {home}/run --tmpdir {home}/tmp --storage-driver vfs \
              --cgroup-manager cgroupfs --events-backend none",
    environment: CONTAINERS,
    plain: "",
    tls: "",
    login_asks: true,
    login: Ok(&["login -u {user} -p {password} {host}"]),
    push: Ok(&["load -i {archive}", "push {image} {ref}", "rmi {image}"]),
    pull: Ok(&["pull {ref}", "save -o {out}/image.tar {ref}"]),
    copy: Ok(&["push {ref} {copied}", "rmi {ref}"]),
    tags: Ok(&["search --list-tags {repo}"]),
    catalog: Ok(&["search --limit 100 {host}/"]),
    delete: Err("podman deletes nothing in a registry"),
    logout: Ok(&["logout {host}"]),
};

/// Takes its authorities from `SSL_CERT_FILE`.
pub const CRANE: Client = Client {
    name: "crane",
    options: "",
    environment: &[("SSL_CERT_FILE", "{ca}")],
    plain: "",
    tls: "",
    login_asks: false,
    login: Ok(&["auth login -u {user} -p {password} {host}"]),
    push: Ok(&["push {layout} {ref}"]),
    pull: Ok(&["export {ref} {out}/image.tar"]),
    copy: Ok(&["copy {ref} {copied}"]),
    tags: Ok(&["ls {repo}"]),
    catalog: Ok(&["catalog {host}"]),
    delete: Ok(&["delete {copy}@{digest}"]),
    logout: Ok(&["auth logout {host}"]),
};

pub const ORAS: Client = Client {
    name: "oras",
    options: "",
    environment: &[],
    plain: "",
    tls: "--plain-http=false --ca-file {ca}",
    login_asks: true,
    login: Ok(&["login {tls} -u {user} -p {password} {host}"]),
    push: Ok(&["push {tls} {ref} hello.txt:text/plain"]),
    pull: Ok(&["pull {tls} -o {out} {ref}"]),
    copy: Ok(&["copy {ref} {copied}"]),
    tags: Ok(&["repo tags {repo}"]),
    catalog: Ok(&["repo ls {host}"]),
    delete: Ok(&["manifest delete --force {copied}"]),
    logout: Ok(&["logout {host}"]),
};

pub const REGCTL: Client = Client {
    name: "regctl",
    options: "",
    environment: &[],
    plain: "--tls disabled",
    tls: "--tls enabled --cacert {ca-pem}",
    login_asks: true,
    login: Ok(&[
        "registry set --skip-check {tls} {host}",
        "registry login -u {user} -p {password} {host}",
    ]),
    push: Ok(&["image copy ocidir://{layout}:1 {ref}"]),
    pull: Ok(&["image copy {ref} ocidir://{out}/image:1"]),
    copy: Ok(&["image copy {ref} {copied}"]),
    tags: Ok(&["tag ls {repo}"]),
    catalog: Ok(&["repo ls {host}"]),
    delete: Ok(&["manifest delete {copy}@{digest}"]),
    logout: Ok(&["registry logout {host}"]),
};
