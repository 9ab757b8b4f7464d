//! App passwords on the account page, and in the account API.

use reqwest::Method;
use serde_json::{Value, json};

use crate::account::{account, act, enter};
use crate::account_rest::{self, access, with_app};
use crate::browser::Browser;
use crate::second_factor::{KEY, device, event, failures, give, guarded};
use crate::support::{Answer, person};

fn form<'a>(label: &'a str, days: &'a str, password: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("do", "make-app-password"),
        ("label", label),
        ("days", days),
        ("password", password),
    ]
}

/// The app password that a page shows.
fn value(page: &Answer) -> String {
    let (_, rest) = page
        .text
        .split_once("id=\"app-password-value\"")
        .unwrap_or_else(|| panic!("{}", page.text));
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_owner_makes_one_sees_it_once_and_ends_it() {
    let realm = guarded(json!({})).await;
    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    assert!(
        page.text.contains("href=\"#app-passwords\""),
        "{}",
        page.text
    );
    let made = act(
        &mut browser,
        &realm,
        &page,
        &form(" <laptop> ", "30", "secret"),
    )
    .await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert!(
        made.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("no-store")
    );
    let value = value(&made);
    assert_eq!(realm.docker("alice", &value, "").await.status, 200);
    let told = event(&realm, "UPDATE_CREDENTIAL").await;
    let listed = realm.app_passwords().await;
    assert_eq!(
        (
            &told["details"]["credential_type"],
            &told["details"]["selected_credential_id"],
            &told["details"]["credential_user_label"]
        ),
        (&json!("app-password"), &listed[0]["id"], &json!("<laptop>"))
    );
    let data: Value = serde_json::from_str(listed[0]["credentialData"].as_str().unwrap()).unwrap();
    let days = data["expirationDate"].as_i64().unwrap() - store::clock::now_ms();
    assert_eq!((days + 3_600_000) / 86_400_000, 30);

    let page = browser.get(&account(&realm)).await;
    assert!(!page.text.contains(&value), "shown once");
    for shown in [
        "&lt;laptop&gt;",
        "expires <time",
        "last used <time",
        "All registries",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let id = listed[0]["id"].as_str().unwrap();
    let end = [("do", "end-app-password"), ("credential", id)];
    let done = act(&mut browser, &realm, &page, &end).await;
    assert_eq!(
        (done.status, done.location.as_str()),
        (
            303,
            format!("{}?done=app-password", account(&realm)).as_str()
        )
    );
    let shown = browser.get(&done.location).await;
    assert!(
        shown.text.contains("The app password was removed."),
        "{}",
        shown.text
    );
    assert_eq!(realm.docker("alice", &value, "").await.status, 401);
    let told = event(&realm, "REMOVE_CREDENTIAL").await;
    assert_eq!(told["details"]["selected_credential_id"], id);
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field_and_only_then_a_try_is_spent() {
    let realm = guarded(json!({})).await;
    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    let long = "x".repeat(256);
    for (sent, field, counted) in [
        (form("", "", "wrong"), "app-password-label", 0),
        (form(&long, "", "wrong"), "app-password-label", 0),
        (form("a\nb", "", "wrong"), "app-password-label", 0),
        (form("ci", "0", "wrong"), "app-password-days", 0),
        (form("ci", "-1", "wrong"), "app-password-days", 0),
        (form("ci", "3651", "wrong"), "app-password-days", 0),
        (form("ci", "soon", "wrong"), "app-password-days", 0),
        (form("ci", "7", ""), "app-password-current", 1),
        (form("ci", "7", "wrong"), "app-password-current", 2),
    ] {
        let refused = act(&mut browser, &realm, &page, &sent).await;
        let shown = format!("aria-describedby=\"input-error-{field}\" autofocus");
        assert_eq!(refused.status, 400, "{sent:?}");
        assert!(refused.text.contains(&shown), "{sent:?}: {}", refused.text);
        assert!(
            !refused.text.contains("\"wrong\""),
            "no password comes back"
        );
        assert_eq!(failures(&realm).await, counted, "{sent:?}");
    }
    assert_eq!(realm.app_passwords().await.len(), 0);
    // Without what ties it to the sign-in, nothing is done.
    let stale = browser
        .post(&account(&realm), &form("ci", "", "secret"))
        .await;
    assert_eq!(stale.status, 400);
    assert_eq!(realm.app_passwords().await.len(), 0);
}

#[tokio::test]
async fn nobody_ends_what_is_anothers_or_no_app_password() {
    let realm = guarded(json!({})).await;
    realm
        .admin
        .create(&realm.path("/users"), person("bob"))
        .await;
    let (id, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "bob", "secret").await;
    let end = [("do", "end-app-password"), ("credential", id.as_str())];
    let refused = act(&mut browser, &realm, &page, &end).await;
    assert_eq!(refused.status, 404, "{}", refused.text);
    assert_eq!(realm.docker("alice", &value, "").await.status, 200);

    let mut browser = Browser::new();
    let page = enter(&mut browser, &realm, "alice", "secret").await;
    give(&realm, json!([device(KEY, "phone")])).await;
    let path = realm.path(&format!("/users/{}/credentials", realm.alice));
    let known = realm.admin.get(&path).await.json;
    for credential in known.as_array().unwrap() {
        let id = credential["id"].as_str().unwrap();
        let end = [("do", "end-app-password"), ("credential", id)];
        let status = act(&mut browser, &realm, &page, &end).await.status;
        let own = credential["type"] == "app-password";
        assert_eq!(status, if own { 303 } else { 404 }, "{credential}");
    }
    for odd in ["", "x", "00000000-0000-0000-0000-000000000000"] {
        let end = [("do", "end-app-password"), ("credential", odd)];
        assert_eq!(act(&mut browser, &realm, &page, &end).await.status, 404);
    }
}

#[tokio::test]
async fn programs_see_and_end_them_but_make_none() {
    let realm = with_app().await;
    let bearer = access(&realm, "alice").await;
    let call = async |method: Method, path: &str, body: Option<Value>| {
        account_rest::call(&realm.name, method, path, &bearer, body).await
    };
    let kinds = call(Method::GET, "/credentials", None).await.json;
    assert!(
        kinds.is_array() && !kinds.to_string().contains("app-password"),
        "{kinds}"
    );
    let (id, value) = realm.new_app_password(json!({ "label": "laptop" })).await;
    let kinds = call(Method::GET, "/credentials?type=app-password", None)
        .await
        .json;
    assert_eq!(
        (&kinds[0]["category"], &kinds[0]["removeable"]),
        (&json!("basic-authentication"), &json!(true))
    );
    let shown = &kinds[0]["userCredentialMetadatas"][0]["credential"];
    assert_eq!(
        (&shown["id"], &shown["userLabel"]),
        (&json!(id), &json!("laptop"))
    );
    assert!(!kinds.to_string().contains(&value[27..]) && shown.get("secretData").is_none());
    for path in [
        "/app-passwords",
        "/credentials/app-passwords",
        "/credentials",
    ] {
        let refused = call(Method::POST, path, Some(json!({ "label": "own" }))).await;
        assert!(
            [404, 405].contains(&refused.status),
            "{path}: {}",
            refused.status
        );
    }
    let own = format!("/credentials/{id}");
    let named = call(Method::PUT, &format!("{own}/label"), Some(json!("desktop"))).await;
    assert_eq!(named.status, 204);
    assert_eq!(realm.app_passwords().await[0]["userLabel"], "desktop");
    assert_eq!(call(Method::DELETE, &own, None).await.status, 204);
    assert_eq!(realm.docker("alice", &value, "").await.status, 401);
}
