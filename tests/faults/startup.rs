//! What a start does with the first administrator, and what it refuses.

use std::time::Duration;

use crate::admin::REFUSED;
use crate::node::{Node, Setup};
use crate::process::Folder;
use crate::{beside, postgres};

const NAME: &str = "KC_BOOTSTRAP_ADMIN_USERNAME";
const PASSWORD: &str = "KC_BOOTSTRAP_ADMIN_PASSWORD";

fn restart_with(node: &mut Node, name: &str, password: &str) {
    node.terminate();
    node.wait_end(Duration::from_secs(10));
    node.set_up(|setup| setup.env(NAME, name).env(PASSWORD, password));
    node.restart();
}

/// Starts what must refuse to start; its log.
fn refused(setup: Setup) -> String {
    let mut node = setup.spawn();
    let status = node.wait_end(Duration::from_secs(15));
    assert!(!status.success(), "{}", node.log());
    node.log()
}

#[test]
fn the_first_administrator_is_made_once_and_never_reset() {
    let _beside = beside();
    let database = postgres::shared().database();
    let mut node = Setup::start(&database)
        .env(NAME, "root")
        .env(PASSWORD, "first-password")
        .ready();
    let login =
        |node: &Node, name: &str, password: &str| node.login("master", name, password).status;
    assert_eq!(login(&node, "root", "first-password"), 200);
    let rows = || {
        database.sql("select u.xmin, u.*, c.xmin, c.* from user_entity u join credential c on c.user_id = u.id")
    };
    let before = rows();

    restart_with(&mut node, "root", "second-password");
    assert_eq!(
        (
            login(&node, "root", "first-password"),
            login(&node, "root", "second-password")
        ),
        (200, REFUSED)
    );
    restart_with(&mut node, "other", "third-password");
    assert_eq!(
        (
            login(&node, "root", "first-password"),
            login(&node, "other", "third-password")
        ),
        (200, REFUSED)
    );
    assert_eq!(rows(), before);
}

#[test]
fn an_empty_administrator_password_is_refused() {
    let _beside = beside();
    let database = postgres::shared().database();
    for name in [PASSWORD, "REALMKEEP__BOOTSTRAP__ADMIN_PASSWORD"] {
        let log = refused(Setup::start(&database).env(name, ""));
        assert!(
            log.contains("admin_password") && log.contains("empty"),
            "{log}"
        );
        let folder = Folder::new();
        let log = refused(Setup::start_dev(&folder.join("data")).env(name, ""));
        assert!(
            log.contains("admin_password") && log.contains("empty"),
            "start-dev: {log}"
        );
    }
    assert_eq!(
        database.sql("select to_regclass('realm') is null"),
        "t",
        "it touched the database"
    );
}

#[test]
fn start_names_what_it_lacks_and_how_to_give_it() {
    let _beside = beside();
    let database = postgres::shared().database();
    let without = |name: &str| Setup::start(&database).without(name);
    for (name, words) in [
        ("--db-url", &["database", "--db-url", "KC_DB_URL"][..]),
        ("--hostname", &["host name", "--hostname", "KC_HOSTNAME"]),
        (
            "--seal-key-file",
            &["seal key", "--seal-key-file", "openssl rand -base64 32"],
        ),
    ] {
        let log = refused(without(name));
        for word in words {
            assert!(
                log.contains(word),
                "without {name}, not a word of {word}: {log}"
            );
        }
    }
}
