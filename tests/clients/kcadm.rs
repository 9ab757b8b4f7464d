//! Keycloak's own administration program.

use std::{ffi::OsString, path::PathBuf};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    process::{Finished, Folder, environment, project, run, skip, words},
    server::{SERVICE, administrator, server},
};

fn kcadm() -> Result<PathBuf, String> {
    let path = project().join(".realmkeep/keycloak/bin/kcadm.sh");
    match path.is_file() {
        true => Ok(path),
        false => Err("kcadm.sh is not unpacked, scripts/test-programs.sh says how".into()),
    }
}

/// The newest Java of the machine, as `JAVA_HOME`.
fn java() -> Result<OsString, String> {
    if let Some(home) = std::env::var_os("JAVA_HOME") {
        return Ok(home);
    }
    let version = |home: &PathBuf| {
        let release = std::fs::read_to_string(home.join("release")).ok()?;
        let version = release.split_once("JAVA_VERSION=\"")?.1;
        version.split(['.', '"']).next()?.parse::<u32>().ok()
    };
    let homes = std::fs::read_dir("/usr/lib/jvm").map_err(|error| error.to_string())?;
    homes
        .flatten()
        .map(|home| home.path())
        .filter(|home| home.join("bin/java").is_file())
        .max_by_key(version)
        .map(Into::into)
        .ok_or_else(|| "no Java below /usr/lib/jvm, scripts/test-programs.sh says how".into())
}

/// A user of the program, with a home of its own; `{realm}` and `{server}` in a line are filled in.
struct Kcadm {
    program: PathBuf,
    variables: [(&'static str, OsString); 2],
    home: Folder,
    realm: String,
}

impl Kcadm {
    /// Says why where the program is missing.
    fn new() -> Option<Self> {
        let (program, java) = match (kcadm(), java()) {
            (Ok(program), Ok(java)) => (program, java),
            (program, java) => {
                let why: Vec<_> = [program.err(), java.err()].into_iter().flatten().collect();
                skip("kcadm", &why.join(", "));
                return None;
            }
        };
        let id = uuid::Uuid::new_v4().simple().to_string();
        Some(Self {
            program,
            // The program starts in half the time with the quick compiler alone.
            variables: [
                ("JAVA_HOME", java),
                ("KC_OPTS", "-XX:TieredStopAtLevel=1".into()),
            ],
            home: Folder::new(),
            realm: format!("kcadm-{}", &id[..8]),
        })
    }

    fn go(&self, line: &str) -> Finished {
        let config = self.home.join("kcadm.config").display().to_string();
        let line = format!("{line} --config {config}");
        let args = words(&line, |name| match name {
            "realm" => self.realm.clone(),
            "server" => server().url.clone(),
            _ => panic!("no value {name}"),
        });
        run(&self.program, &args, |command| {
            environment(command, &self.home, &self.variables);
        })
    }

    /// What a command that succeeds says.
    fn done(&self, line: &str) -> String {
        let said = self.go(line);
        assert!(said.ok, "kcadm {line}: {}", said.text);
        said.text.trim().to_owned()
    }

    fn json(&self, line: &str) -> Value {
        let text = self.done(line);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("kcadm {line}: {error}: {text}"))
    }

    /// What a command that fails says.
    fn refused(&self, line: &str, why: &str) {
        let said = self.go(line);
        assert!(
            !said.ok && said.text.contains(why),
            "kcadm {line}: {}",
            said.text
        );
    }

    /// Logs in as an administrator of master.
    fn login(&self) {
        let (user, password) = administrator();
        self.done(&format!(
            "config credentials --server {{server}} --realm master --user {user} --password {password}"
        ));
    }

    /// Writes what a command reads with `-f`.
    fn file(&self, name: &str, content: &Value) -> String {
        let file = self.home.write(name, content.to_string());
        file.display().to_string()
    }
}

/// The values of one member of every entry of a list, sorted.
fn all(list: &Value, member: &str) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let mut all: Vec<_> = list
        .iter()
        .map(|one| one[member].as_str().unwrap_or_default().to_owned())
        .collect();
    all.sort();
    all
}

#[test]
fn kcadm_makes_a_realm_with_user_and_registry_and_takes_it_away() {
    let Some(kcadm) = Kcadm::new() else { return };
    let realm = &kcadm.realm;
    let (done, json) = (|line: &str| kcadm.done(line), |line: &str| kcadm.json(line));

    let login = "config credentials --server {server} --realm master --user admin --password";
    kcadm.refused(&format!("{login} wrong"), "Invalid user credentials");
    kcadm.login();

    done("create realms -s realm={realm} -s enabled=true");
    assert_eq!(json("get realms/{realm}")["realm"], *realm);
    let user = done(
        "create users -r {realm} -i -s username=alice -s enabled=true -s firstName=Alice \
         -s lastName=Liddell -s email=alice@example.org",
    );
    done("set-password -r {realm} --username alice --new-password wonderland-1");
    let client = format!("-s clientId={SERVICE} -s protocol=docker-v2 -s enabled=true");
    let client = done(&format!("create clients -r {{realm}} -i {client}"));

    let keys = json("get keys -r {realm}");
    let active = &keys["active"]["RS256"];
    assert!(active.is_string(), "{keys}");
    let listed = keys["keys"].as_array().unwrap();
    assert!(listed.iter().any(|key| key["kid"] == *active), "{keys}");
    let users = json("get users -r {realm} -q username=alice -F id,username");
    assert_eq!(
        users,
        serde_json::json!([{"id": user.trim(), "username": "alice"}])
    );
    let status = |password| {
        let answer = server().docker_token(realm, "alice", password, "repository:app:pull");
        answer.status
    };
    assert_eq!(status("wonderland-1"), StatusCode::OK);
    assert_eq!(status("wrong"), StatusCode::UNAUTHORIZED);

    done(&format!("delete clients/{} -r {{realm}}", client.trim()));
    done(&format!("delete users/{} -r {{realm}}", user.trim()));
    assert_eq!(json("get users -r {realm}"), serde_json::json!([]));
    done("delete realms/{realm}");
    kcadm.refused("get realms/{realm}", "not found");
}

#[test]
fn kcadm_administers_all_that_is_in_a_realm() {
    let Some(kcadm) = Kcadm::new() else { return };
    let (done, json) = (|line: &str| kcadm.done(line), |line: &str| kcadm.json(line));
    kcadm.login();

    let whole = kcadm.file(
        "realm.json",
        &json!({
            "realm": kcadm.realm,
            "enabled": true,
            "roles": {"realm": [{"name": "chief"}, {"name": "clerk"}]},
            "groups": [{"name": "office", "subGroups": [{"name": "desk"}]}],
            "clients": [{"clientId": "portal", "secret": "portal-1", "serviceAccountsEnabled": true}],
            "users": [{
                "username": "ada", "enabled": true, "email": "ada@example.org",
                "firstName": "Ada", "lastName": "L", "groups": ["/office"],
                "credentials": [{"type": "password", "value": "engine-1"}],
            }],
        }),
    );
    done(&format!("create realms -f {whole}"));
    kcadm.refused(&format!("create realms -f {whole}"), "already exists");
    done(
        "update realms/{realm} -s displayName=Office -s bruteForceProtected=true -s failureFactor=1",
    );
    assert_eq!(
        json("get realms/{realm} --fields displayName,failureFactor"),
        json!({"displayName": "Office", "failureFactor": 1})
    );
    done(
        "update events/config -r {realm} -s eventsEnabled=true -s adminEventsEnabled=true \
         -s enabledEventTypes=[\"LOGIN\",\"LOGIN_ERROR\"]",
    );

    let bob =
        done("create users -r {realm} -i -s username=bob -s enabled=true -s lastName=Builder");
    done(&format!(
        "update users/{bob} -r {{realm}} -s firstName=Bob -s requiredActions=[\"VERIFY_EMAIL\"]"
    ));
    assert_eq!(
        all(&json("get users -r {realm} -q search=buil"), "firstName"),
        ["Bob"]
    );
    kcadm.refused(
        "create users -r {realm} -s username=bob",
        "User exists with same username",
    );

    let desk = json("get group-by-path/office/desk -r {realm}")["id"].clone();
    let desk = desk.as_str().unwrap();
    done(&format!(
        "update users/{bob}/groups/{desk} -r {{realm}} -s realm={{realm}} -s userId={bob} -s groupId={desk} -n"
    ));
    assert_eq!(
        all(
            &json(&format!("get groups/{desk}/members -r {{realm}}")),
            "username"
        ),
        ["bob"]
    );

    done("add-roles -r {realm} --rname chief --rolename clerk");
    done("add-roles -r {realm} --gname office --rolename chief");
    done("add-roles -r {realm} --uusername bob --cclientid realm-management --rolename view-users");
    // Who arrives with a realm has the roles that the realm says, and no default ones.
    let roles = json("get-roles -r {realm} --uusername ada --effective");
    assert_eq!(all(&roles, "name"), ["chief", "clerk"]);
    done("remove-roles -r {realm} --gname office --rolename chief");
    assert_eq!(json("get-roles -r {realm} --gname office"), json!([]));

    let client = &json("get clients -r {realm} -q clientId=portal")[0];
    let client = client["id"].as_str().unwrap();
    let path = format!("clients/{client}");
    done(&format!("create {path}/roles -r {{realm}} -s name=reader"));
    let mapper = kcadm.file(
        "mapper.json",
        &json!({
            "name": "colour", "protocol": "openid-connect",
            "protocolMapper": "oidc-hardcoded-claim-mapper",
            "config": {"claim.name": "colour", "claim.value": "red", "access.token.claim": "true"},
        }),
    );
    done(&format!(
        "create {path}/protocol-mappers/models -r {{realm}} -f {mapper}"
    ));
    let scope = done("create client-scopes -r {realm} -i -s name=extra -s protocol=openid-connect");
    done(&format!(
        "update {path}/default-client-scopes/{scope} -r {{realm}} -n -s name=extra"
    ));
    let client = json(&format!("get {path} -r {{realm}}"));
    assert!(
        client["defaultClientScopes"].to_string().contains("extra"),
        "{client}"
    );
    assert!(
        all(&client["protocolMappers"], "name").contains(&"colour".into()),
        "{client}"
    );

    let key = done(
        "create components -r {realm} -i -s name=newer -s providerId=rsa-generated \
         -s providerType=org.keycloak.keys.KeyProvider -s config.priority=[\"200\"]",
    );
    let keys = json("get keys -r {realm}");
    let active = keys["keys"].as_array().unwrap();
    let active = active
        .iter()
        .find(|one| one["kid"] == keys["active"]["RS256"]);
    assert_eq!(active.unwrap()["providerId"], key, "{keys}");

    kcadm.refused(
        "config credentials --server {server} --realm {realm} --user ada --password wrong",
        "Invalid user credentials",
    );
    let event = &json("get events -r {realm} -q type=LOGIN_ERROR")[0];
    assert_eq!(event["details"]["username"], "ada", "{event}");
    let ada = event["userId"].as_str().unwrap();
    let locked = format!("attack-detection/brute-force/users/{ada} -r {{realm}}");
    assert_eq!(json(&format!("get {locked}"))["disabled"], true);
    done(&format!("delete {locked}"));
    assert_eq!(json(&format!("get {locked}"))["disabled"], false);
    let did = json("get admin-events -r {realm} -q operationTypes=CREATE -q resourceTypes=USER");
    assert_eq!(all(&did, "resourcePath"), [format!("users/{bob}")]);

    let part = kcadm.file(
        "part.json",
        &json!({"users": [{"username": "bob"}, {"username": "eve"}]}),
    );
    let said = json(&format!(
        "create partialImport -r {{realm}} -o -s ifResourceExists=SKIP -f {part}"
    ));
    assert_eq!(
        (&said["added"], &said["skipped"]),
        (&json!(1), &json!(1)),
        "{said}"
    );

    // The service account sees what its roles allow.
    done(
        "add-roles -r {realm} --uusername service-account-portal --cclientid realm-management --rolename view-users",
    );
    done("config credentials --server {server} --realm {realm} --client portal --secret portal-1");
    let users = all(&json("get users -r {realm} --fields username"), "username");
    assert_eq!(users, ["ada", "bob", "eve"]);
    kcadm.refused("create roles -r {realm} -s name=more", "403");
    kcadm.login();
    done("delete realms/{realm}");
}
