//! What is typed, shown and handed out in a login; see `secrets`.

use serde_json::{Value, json};

use crate::node::Node;
use crate::window::{CALLBACK, Window, action, auth_path, code, hidden_value, post};

const OLD: &str = "Wonderland-Mock-Turtle-6";
const NEW: &str = "Wonderland-Cheshire-Cat-7";
const WRONG: &str = "Wonderland-March-Hare-8";

/// Signs somebody in by the form, with a wrong password first, and has them do these required actions.
pub fn exercise(node: &Node) -> Vec<(&'static str, Vec<u8>)> {
    let mut secrets: Vec<(&'static str, Vec<u8>)> = [OLD, NEW, WRONG]
        .map(|text| ("a password typed into a form", text.as_bytes().to_vec()))
        .into();
    node.create(
        "",
        &json!({"realm": "typed", "enabled": true, "eventsEnabled": true}),
    );
    let app = json!({
        "clientId": "app", "publicClient": true, "redirectUris": [CALLBACK],
        "attributes": {"oauth2.device.authorization.grant.enabled": "true"},
    });
    node.create("/typed/clients", &app);
    let mut carol = crate::admin::user("carol", OLD);
    carol["requiredActions"] = json!([
        "UPDATE_PASSWORD",
        "CONFIGURE_TOTP",
        "CONFIGURE_RECOVERY_AUTHN_CODES"
    ]);
    node.create("/typed/users", &carol);

    let mut window = Window::default();
    let start = auth_path("typed", "app", "openid offline_access");
    let mut page = window.get(node, &start);
    for password in [WRONG, OLD] {
        page = window.submit(
            node,
            &page,
            &[("username", "carol"), ("password", password)],
        );
    }
    let mut page = window.follow(node, page);
    while page.header("Location").is_none() {
        let text = page.text();
        page = if text.contains("name=\"password-new\"") {
            window.submit(
                node,
                &page,
                &[("password-new", NEW), ("password-confirm", NEW)],
            )
        } else if text.contains("name=\"totpSecret\"") {
            let key = hidden_value(&page, "totpSecret");
            let otp = crate::sign_in::races::totp(&key);
            secrets.push(("an OTP secret", key.into_bytes()));
            window.submit(node, &page, &[("totp", &otp), ("userLabel", "phone")])
        } else {
            let codes = hidden_value(&page, "generatedRecoveryAuthnCodes");
            let codes = codes
                .split(',')
                .map(|code| ("a recovery code", code.into()));
            secrets.extend(codes);
            window.submit(node, &page, &[("kcRecoveryCodesConfirmationCheck", "on")])
        };
        page = window.follow(node, page);
    }
    // The sign-in ends with the redemption, so the code that nobody redeems comes first.
    let unspent = crate::window::code(&window.get(node, &start));
    secrets.push(("an unspent code", unspent.split('.').next().unwrap().into()));
    let code = code(&page);
    let token = |form: &[(&str, &str)]| -> Value {
        let form = [&[("client_id", "app")], form].concat();
        let request = post("/realms/typed/protocol/openid-connect/token", &form);
        request.send(&node.url).unwrap().json()
    };
    let signature = |token: &str| token.rsplit('.').next().unwrap().as_bytes().to_vec();
    let tokens = token(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ]);
    let first = code.split('.').next().unwrap();
    secrets.push(("an authorization code", first.into()));
    for name in ["access_token", "refresh_token", "id_token"] {
        let text = tokens[name].as_str().unwrap_or_else(|| panic!("{tokens}"));
        secrets.push(("a token", signature(text)));
    }
    let identity = signature(&window.cookies["KEYCLOAK_IDENTITY"]);
    secrets.push(("the identity cookie", identity));
    let form = [("client_id", "app"), ("scope", "openid")];
    let device = post("/realms/typed/protocol/openid-connect/auth/device", &form);
    let device = device.send(&node.url).unwrap().json();
    secrets.push((
        "a device code",
        device["device_code"].as_str().unwrap().into(),
    ));
    // A login that does not go on.
    let page = Window::default().get(node, &start);
    assert!(action(&page.text()).contains("session_code="));
    secrets
}
