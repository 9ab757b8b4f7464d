//! Readers of foreign bytes, against bytes by chance: whatever they are given, they answer, and never panic.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use protocol::body::parse;
use protocol::context::{decode_segment, encode_segment};
use protocol::token::issuer_realm;
use serde_json::{Map, Value, json};

/// JSON by chance, of the kinds and names that representations have.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let name = prop_oneof![
        "username|email|attributes|credentials|clientId|realm|roles|config|name|id",
        ".*"
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Reads a body as every representation.
fn read_all(bytes: &[u8]) -> [bool; 7] {
    [
        parse::<user::UserRepresentation>(bytes).is_ok(),
        parse::<user::CredentialRepresentation>(bytes).is_ok(),
        parse::<client::ClientRepresentation>(bytes).is_ok(),
        parse::<client::ProtocolMapperRepresentation>(bytes).is_ok(),
        parse::<realm::RealmRepresentation>(bytes).is_ok(),
        parse::<realm::role::RoleRepresentation>(bytes).is_ok(),
        parse::<Vec<realm::component::ComponentRepresentation>>(bytes).is_ok(),
    ]
}

proptest! {
    #[test]
    fn bodies_of_any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn any_json_is_read_or_refused_and_what_is_read_is_storable(value in value()) {
        let text = value.to_string();
        let read = read_all(text.as_bytes());
        if text.contains("\\u0000") {
            prop_assert_eq!(read, [false; 7], "{}", text);
        }
        // Cut anywhere, it is no JSON any more, or another one.
        let cut = text.chars().take(text.chars().count() / 2).collect::<String>();
        read_all(cut.as_bytes());
    }

    #[test]
    fn a_users_name_is_read_as_it_was_written(name in "[^\u{0}]*") {
        let text = json!({ "username": name }).to_string();
        let read: user::UserRepresentation = parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read.username, Some(name));
    }

    #[test]
    fn every_name_survives_a_path_segment(name in ".*") {
        let encoded = encode_segment(&name);
        prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#;:@".contains(&byte)), "{}", encoded);
        prop_assert_eq!(decode_segment(&encoded), Some(name));
    }

    #[test]
    fn any_path_segment_is_decoded_or_refused(text in "(%[0-9a-fA-F]{0,2}|.)*") {
        if let Some(decoded) = decode_segment(&text) {
            prop_assert!(decoded.len() <= text.len());
        }
    }

    #[test]
    fn tokens_of_any_text_name_a_realm_or_none(text in ".*", claims in value(), issuer in ".*") {
        prop_assert_eq!(issuer_realm(&text), None);
        let token = |claims: &Value| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let _ = issuer_realm(&token(&claims));
        if let Some((_, read)) = issuer_realm(&token(&json!({ "iss": issuer }))) {
            prop_assert_eq!(read, issuer);
        }
    }
}

#[tokio::test]
async fn tokens_of_any_header_and_claims_open_nothing() {
    use proptest::strategy::ValueTree as _;
    let state = &crate::support::server().state;
    let realm = crate::support::Realm::new().await;
    let url = &crate::support::server().url;
    let known = realm.admin.get(&realm.path("/keys")).await.json["active"]["RS256"].clone();
    // By a pool of the test's own: a connection of the server's would end with the test's runtime.
    let pool = store::Pool::connect_lazy_with((*state.pool.connect_options()).clone());
    let own = realm::find(&pool, &state.sealer, &realm.name)
        .await
        .unwrap()
        .unwrap();
    let mut runner = proptest::test_runner::TestRunner::default();
    for round in 0..500 {
        let [mut header, mut claims] =
            [0, 1].map(|_| value().new_tree(&mut runner).unwrap().current());
        if round % 2 == 0 {
            header = json!({ "alg": "RS256", "kid": known, "x": header });
            claims = json!({ "iss": format!("{url}/realms/{}", realm.name), "x": claims });
        }
        let signature = if round % 3 == 0 {
            String::new()
        } else {
            URL_SAFE_NO_PAD.encode([7; 256])
        };
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.{signature}", part(&header), part(&claims));
        assert!(
            protocol::token::open::<Value>(&own, &token, &["RS256", "ES256", "EdDSA", "HS512"])
                .is_none(),
            "{token}"
        );
    }
}
