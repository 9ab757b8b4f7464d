//! ClientRepresentation and ProtocolMapperRepresentation, member for member as Keycloak 26.7.3 reads and writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use utoipa::ToSchema;

/// Named texts: the attributes of a client, the config of a protocol mapper.
pub type Texts = BTreeMap<String, String>;

/// A client in JSON. Absent members are `None`; unknown ones are an error, as in Keycloak.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct ClientRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surrogate_auth_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub always_display_in_console: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authenticator_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_origins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_flow_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub implicit_flow_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_access_grants_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_accounts_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_services_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_grants_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_client: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "texts")]
    pub attributes: Option<Texts>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "texts")]
    pub authentication_flow_binding_overrides: Option<Texts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_scope_allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_re_registration_timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_nodes: Option<BTreeMap<String, i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_mappers: Option<Vec<ProtocolMapperRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_template_config: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_template_scope: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_template_mappers: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_client_scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional_client_scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_settings: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// A protocol mapper in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct ProtocolMapperRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_mapper: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "texts")]
    pub config: Option<Texts>,
}

/// What the caller may do with a client; decided by who renders it, never read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ClientAccess)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "the members are Keycloak's own and carry their meaning in the name"
)]
pub struct Access {
    pub view: bool,
    pub configure: bool,
    pub manage: bool,
}

/// Reads a map of texts as Keycloak does: numbers and booleans count as text. A null reads as the empty text, since
/// both take an attribute away.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Texts>, D::Error> {
    let values = text_values(from)?;
    Ok(values.map(|values| {
        let texts = values.into_iter();
        texts
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect()
    }))
}

/// The same with nulls as they are.
pub(crate) fn text_values<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<BTreeMap<String, Option<String>>>, D::Error> {
    let Some(values) = Option::<BTreeMap<String, Value>>::deserialize(from)? else {
        return Ok(None);
    };
    let texts = values.into_iter().map(|(name, value)| {
        let text = text(value).map_err(|()| D::Error::custom(format!("`{name}` is not a text")))?;
        Ok((name, text))
    });
    texts.collect::<Result<_, _>>().map(Some)
}

fn text(value: Value) -> Result<Option<String>, ()> {
    match value {
        Value::String(text) => Ok(Some(text)),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Null => Ok(None),
        Value::Array(_) | Value::Object(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_in_keycloaks_order_and_absent_ones_not_at_all() {
        let text = r#"{"id":"1","clientId":"web","enabled":true,"clientAuthenticatorType":"client-secret","secret":"s","redirectUris":[],"notBefore":0,"protocol":"p","attributes":{"a":"b"},"protocolMappers":[{"id":"2","name":"m","protocol":"p","protocolMapper":"t","consentRequired":false,"config":{}}],"access":{"view":true,"configure":true,"manage":false}}"#;
        let rep: ClientRepresentation = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rep).unwrap(), text);
    }

    #[test]
    fn an_unknown_member_is_an_error_that_names_it() {
        let error = serde_json::from_str::<ClientRepresentation>(r#"{"clientId":"w2","nope":1}"#)
            .unwrap_err();
        assert!(
            error.to_string().contains("unknown field `nope`"),
            "{error}"
        );
    }

    #[test]
    fn attributes_may_be_numbers_booleans_or_null() {
        let rep: ClientRepresentation =
            serde_json::from_str(r#"{"attributes":{"a":1,"b":true,"c":null,"d":"x"}}"#).unwrap();
        let expected = [("a", "1"), ("b", "true"), ("c", ""), ("d", "x")];
        assert_eq!(
            rep.attributes,
            Some(
                expected
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into()
            )
        );
        assert!(
            serde_json::from_str::<ClientRepresentation>(r#"{"attributes":{"a":[1]}}"#).is_err()
        );
    }
}
