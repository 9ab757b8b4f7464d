//! What a new client of this protocol has, as seen on Keycloak 26.7.3.

use client::ClientRepresentation;
use client::defaults::attribute;

use crate::ID;

/// Fills in defaults. A client that says `"protocol":"openid-connect"` gets others than one that says nothing: it is
/// public and may trade passwords for tokens. Clients rely on both.
pub(crate) fn complete(client: &mut ClientRepresentation) {
    if client.protocol.as_deref() == Some(ID) {
        if client.public_client.is_none() {
            client.public_client = Some(true);
            // Keycloak notes the time of a secret here even though there is none.
            client::defaults::stamp_secret(client);
        }
        client.direct_access_grants_enabled.get_or_insert(true);
        attribute(client, "backchannel.logout.session.required", "true");
        attribute(client, "backchannel.logout.revoke.offline.tokens", "false");
    }
    client.protocol.get_or_insert_with(|| ID.to_owned());
}
