//! What a token endpoint says, of realmkeep and of Keycloak.

use reqwest::Url;
use reqwest::header::LOCATION;
use serde_json::Value;

use super::web::{Answer, wants_tls};

/// What a docker-v2 endpoint said for a service that it has.
pub(super) enum Said {
    Token(String),
    /// Nobody, or not this one.
    Refused(String),
}

/// Reads an answer.
///
/// # Errors
/// The fault and what to do.
pub(super) fn judge(realm: &Url, service: &str, answer: &Answer) -> Result<Said, String> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (error, description) = (text(&body["error"]), text(&body["error_description"]));
    let path = |why: String| {
        format!(
            "wrong realm path: {why}. Set auth.token.realm to the server's …/realms/<realm>/protocol/docker-v2/auth"
        )
    };
    if wants_tls(answer) || description == "HTTPS required" {
        return Err(format!(
            "http/https mix: {realm} is called, and the identity server wants https. Set auth.token.realm to its https:// URL"
        ));
    }
    match answer.status {
        200 => match token(&body) {
            Some(token) => Ok(Said::Token(token)),
            None => Err(path(format!("{realm} answers no token"))),
        },
        401 if body["errors"].is_array() || error == "invalid_grant" => {
            Ok(Said::Refused(match text(&body["errors"][0]["message"]) {
                none if none.is_empty() => description,
                message => message,
            }))
        }
        400 if error == "invalid_client" => Err(client(service, &description)),
        400 if description == "Realm not enabled" => Err(format!(
            "disabled realm: «{}». Enable it",
            realm_name(realm)
        )),
        400 if body.is_object() => Err(format!("refused request: {error} {description}")),
        // Keycloak's, when there are no credentials; it has found the service then.
        400 if is_endpoint(realm) && answer.body.contains("<html") => Ok(Said::Refused(
            "a page, as Keycloak does to anonymous callers".to_owned(),
        )),
        404 if error == "Realm does not exist" => Err(path(format!(
            "the identity server has no realm «{}»",
            realm_name(realm)
        ))),
        404 if error == "Protocol not found" => Err(path(format!(
            "{realm} names no protocol of the identity server"
        ))),
        status @ 300..400 => {
            let to = answer.header(LOCATION).unwrap_or("nowhere");
            let secure = realm.as_str().replacen("http://", "https://", 1);
            if realm.scheme() == "http" && to.starts_with(secure.as_str()) {
                return Err(format!(
                    "http/https mix: {realm} sends its callers on to https. Set auth.token.realm to its https:// URL"
                ));
            }
            Err(path(format!(
                "{realm} answers {status} and redirects to {to}"
            )))
        }
        status @ (408 | 429 | 500..) => Err(format!(
            "identity server in trouble: {realm} answers {status}. See its log and its /health/ready"
        )),
        status => Err(path(format!(
            "{realm} answers {status} and is no token endpoint"
        ))),
    }
}

fn token(body: &Value) -> Option<String> {
    let token = body["token"].as_str().or(body["access_token"].as_str());
    token.map(str::to_owned)
}

fn client(service: &str, description: &str) -> String {
    if description.contains("disabled") {
        format!("disabled client: the client of service «{service}» is disabled. Enable it")
    } else if description.contains("not a docker-v2 client") {
        format!(
            "wrong service: «{service}» is a client of another protocol. Set auth.token.service to the clientId of the docker-v2 client"
        )
    } else {
        format!(
            "wrong service: the realm has no client «{service}». Set auth.token.service to the clientId of the docker-v2 client, or \
             make one of this name"
        )
    }
}

fn realm_name(realm: &Url) -> String {
    let mut parts = realm.path().split('/').skip_while(|part| *part != "realms");
    parts.nth(1).unwrap_or_default().to_owned()
}

fn is_endpoint(realm: &Url) -> bool {
    realm.path().contains("/protocol/docker-v2")
}

/// The issuer that a server without another host name has: what the endpoint's URL says.
pub(super) fn issuer(realm: &Url) -> Option<String> {
    let (issuer, _) = realm.as_str().split_once("/protocol/docker-v2")?;
    Some(issuer.to_owned())
}
