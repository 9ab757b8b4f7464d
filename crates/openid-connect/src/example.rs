//! What the admin API shows of tokens that nobody has asked for.

use protocol::{Example, ExampleInput};
use serde_json::{Map, Value};

use crate::claims::{self, About};
use crate::scope::Scopes;

/// The claims that a token would have.
pub(crate) fn claims(which: Example, input: &ExampleInput<'_>) -> Value {
    let scopes = Scopes::tried(input.client, input.scope).permitted(input.roles);
    let about = About {
        issuer: input.issuer,
        ip: input.ip,
        client: input.client,
        user: input.user,
        // There is none; the claims are those of a token that has one.
        session_id: Some(""),
        scopes: &scopes,
        roles: &scopes.roles(input.client, input.roles),
        groups: input.groups,
        requested: None,
        nonce: None,
        auth_time: None,
        sso: false,
        notes: None,
        now: store::clock::now(),
    };
    let lifespan = input.client.access_token_lifespan();
    let exp = about.now + lifespan.unwrap_or(input.realm.settings.access_token_lifespan);
    let claims: Map<String, Value> = match which {
        Example::AccessToken => claims::access(&about, exp, &uuid::Uuid::new_v4().to_string()),
        Example::IdToken => claims::id(&about, exp, None),
        Example::Userinfo => claims::userinfo(&about),
    };
    Value::Object(claims)
}
