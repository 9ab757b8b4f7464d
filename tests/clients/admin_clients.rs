//! Keycloak's admin clients, each in a program of its own below `admin`: what an administrator
//! writes with them. The same programs run by hand against any server, see CONTRIBUTING.md.

use std::path::{Path, PathBuf};

use crate::{
    process::{Folder, find, project, run_within, skip},
    server::{administrator, server},
};

/// What `scripts/test-programs.sh` installed below `.realmkeep`.
pub fn installed(path: &str) -> Result<PathBuf, String> {
    let file = project().join(".realmkeep").join(path);
    match file.exists() {
        true => Ok(file),
        false => Err(format!(
            "{path} is not installed, scripts/test-programs.sh says how"
        )),
    }
}

/// Runs the program of a client, in its folder; all that it asserts has to hold.
pub fn passes(
    client: &str,
    program: Result<PathBuf, String>,
    args: &[&str],
    variables: &[(&str, &Path)],
) {
    let program = match program {
        Ok(program) => program,
        Err(why) => return skip(client, &why),
    };
    let (user, password) = administrator();
    let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
    let said = run_within(300, &program, &args, |command| {
        command
            .current_dir(folder(client))
            .env("KEYCLOAK_URL", &server().url)
            .env("KEYCLOAK_ADMIN", user)
            .env("KEYCLOAK_PASSWORD", password)
            .envs(variables.iter().copied());
    });
    assert!(said.ok, "{client}:\n{}", said.text);
}

fn folder(client: &str) -> PathBuf {
    project().join("tests/clients").join(client)
}

#[test]
fn python_keycloak_administers_realms() {
    let args = ["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"];
    let variables = [("PYTHONDONTWRITEBYTECODE", Path::new("1"))];
    passes(
        "admin/python",
        installed("python/bin/python"),
        &args,
        &variables,
    );
}

#[test]
fn keycloak_admin_client_of_node_administers_realms() {
    let modules = installed("node/node_modules");
    let mut tests: Vec<_> = std::fs::read_dir(folder("admin/node"))
        .unwrap()
        .filter_map(|file| file.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".test.mjs"))
        .collect();
    tests.sort();
    assert!(!tests.is_empty());
    let args: Vec<_> = ["--test"]
        .into_iter()
        .chain(tests.iter().map(String::as_str))
        .collect();
    let path = modules.clone().unwrap_or_default();
    let node = modules.and_then(|_| find("node"));
    passes("admin/node", node, &args, &[("NODE_PATH", &path)]);
}

#[test]
fn gocloak_administers_realms() {
    passes(
        "admin/go",
        installed("bin/test-go"),
        &["test", "-count=1", "./..."],
        &[],
    );
}

#[test]
fn ansible_administers_realms() {
    let home = Folder::new();
    let collections = installed("ansible/collections").unwrap_or_default();
    let variables = [
        ("HOME", &*home),
        ("ANSIBLE_COLLECTIONS_PATH", &collections),
        // It does not start where the encoding is another.
        ("LC_ALL", Path::new("C.UTF-8")),
    ];
    let args = ["--inventory", "localhost,", "play.yml"];
    passes(
        "admin/ansible",
        installed("ansible/bin/ansible-playbook"),
        &args,
        &variables,
    );
}
