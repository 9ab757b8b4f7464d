//! Libraries and programs by which applications sign people in, each driven by a program of its own
//! below `signin`. The same programs run by hand against any server, see CONTRIBUTING.md.

use std::path::{Path, PathBuf};

use crate::{
    admin_clients::{installed, passes},
    process::{find, skip},
    server::server,
};

/// Something else that a program needs: the variable that says where it is, and its place.
type Need = (&'static str, Result<PathBuf, String>);

/// Runs a program of Node.js's in a folder below `signin`.
fn node(folder: &str, test: &str, needs: Vec<Need>) {
    let (program, variables) = match with_modules(needs) {
        Ok((node, variables)) => (Ok(node), variables),
        Err(why) => (Err(why), vec![]),
    };
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_path()))
        .collect();
    let folder = format!("signin/{folder}");
    passes(&folder, program, &["--test", test], &variables);
}

/// Environment variables and the paths that they hold.
type Paths = Vec<(&'static str, PathBuf)>;

fn with_modules(needs: Vec<Need>) -> Result<(PathBuf, Paths), String> {
    let mut variables = vec![("NODE_PATH", installed("signin-node/node_modules")?)];
    for (name, place) in needs {
        variables.push((name, place?));
    }
    Ok((find("node")?, variables))
}

fn chromium() -> Need {
    ("CHROMIUM", find("chromium"))
}

#[test]
fn openid_client_signs_people_in() {
    node("node", "openid-client.test.mjs", vec![]);
}

#[test]
fn oauth4webapi_signs_people_in() {
    node("node", "oauth4webapi.test.mjs", vec![]);
}

#[test]
fn the_example_of_the_documentation_signs_people_in() {
    node("node", "example.test.mjs", vec![]);
}

#[test]
fn oauth2_proxy_guards_a_page() {
    let proxy = ("OAUTH2_PROXY", find("oauth2-proxy"));
    node("node", "oauth2-proxy.test.mjs", vec![proxy]);
}

#[test]
fn keycloak_js_signs_people_in_with_chromium() {
    node("browser", "keycloak-js.test.mjs", vec![chromium()]);
}

#[test]
fn every_page_is_for_everybody() {
    if server().keycloak {
        return skip("pages", "Keycloak's are not ours");
    }
    node("browser", "pages.test.mjs", vec![chromium()]);
}

#[test]
fn keycloaks_admin_console_administers_a_realm_with_chromium() {
    let mut needs = vec![chromium()];
    if !server().keycloak {
        needs.push(("CONSOLE", installed("console/theme")));
    }
    node("browser", "console.test.mjs", needs);
}

#[test]
fn go_oidc_signs_people_in() {
    let args = ["test", "-count=1", "./..."];
    passes("signin/go", installed("bin/test-go"), &args, &[]);
}

#[test]
fn authlib_signs_people_in() {
    let args = ["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"];
    let variables = [("PYTHONDONTWRITEBYTECODE", Path::new("1"))];
    let python = installed("signin-python/bin/python");
    passes("signin/python", python, &args, &variables);
}
