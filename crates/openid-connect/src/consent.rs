//! What users let clients know: which client scopes they are asked about, and whether they have granted them.

use client::{Client, Known, scope::KnownScope};
use protocol::HttpError;
use user::User;
use user::consent::{Consent, Grant};

use crate::grants::Asked;
use crate::pages::Message;
use crate::scope::Scopes;

/// What a client asks its users for.
pub(crate) struct Wanted<'a> {
    client: &'a Client,
    scopes: Vec<&'a KnownScope>,
    /// Whether the client itself is to be granted, too.
    client_itself: bool,
}

impl<'a> Wanted<'a> {
    /// Of these scopes, those that users are to be asked about, in the administrator's order.
    pub(crate) fn of(client: &'a Known, scopes: &Scopes<'a>) -> Self {
        let shown = |attribute: Option<&str>, default: bool| {
            attribute.map_or(default, |text| text.eq_ignore_ascii_case("true"))
        };
        let mut scopes: Vec<_> = scopes
            .known()
            .filter(|known| shown(known.scope.attribute("display.on.consent.screen"), true))
            .collect();
        scopes.sort_by_key(|known| {
            let order = known.scope.attribute("gui.order");
            order.and_then(|text| text.parse().ok()).unwrap_or(i64::MAX)
        });
        Self {
            client,
            scopes,
            client_itself: shown(client.attribute("display.on.consent.screen"), false),
        }
    }

    /// What of it has not been granted yet.
    pub(crate) fn without(mut self, consent: Option<&Consent>) -> Self {
        if let Some(consent) = consent {
            self.scopes
                .retain(|known| !consent.scopes.contains_key(&known.scope.id));
            self.client_itself &= !consent.client_itself;
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && !self.client_itself
    }

    /// What a consent to all of it grants.
    pub(crate) fn grant(&self) -> Grant {
        Grant {
            scopes: self.scopes.iter().map(|known| known.scope.id).collect(),
            client_itself: self.client_itself,
        }
    }

    /// How the page names it.
    pub(crate) fn texts(&self) -> Vec<Message> {
        let scopes = self.scopes.iter().map(|known| {
            let text = known.scope.attribute("consent.screen.text");
            let text = text.filter(|text| !text.is_empty());
            Message::resource(text.unwrap_or(&known.scope.name))
        });
        let itself = self.client_itself.then(|| {
            let text = self.client.attribute("consent.screen.text");
            let text = text.filter(|text| !text.is_empty());
            text.map_or_else(|| name(self.client), Message::resource)
        });
        scopes.chain(itself).collect()
    }
}

/// How a client is named to people.
pub(crate) fn name(client: &Client) -> Message {
    let name = client.settings.name.as_deref();
    let name = name.filter(|name| !name.is_empty());
    Message::resource(name.unwrap_or(&client.client_id))
}

/// Refuses tokens to a client that its user has not (or not any more) let know what they would tell it.
///
/// # Errors
/// 400 `invalid_scope`.
pub(crate) async fn check(
    asked: &Asked<'_>,
    user: &User,
    scopes: &Scopes<'_>,
) -> Result<(), HttpError> {
    let Asked { ctx, client, .. } = asked;
    if !client.consent_required() {
        return Ok(());
    }
    let consent = user::consent::find(&ctx.state().pool, ctx.realm.id, user.id, client.id).await?;
    if Wanted::of(client, scopes)
        .without(consent.as_ref())
        .is_empty()
    {
        return Ok(());
    }
    let text = "Client no longer has requested consent from user";
    let answer = HttpError::oauth(400, "invalid_scope", text);
    Err(asked.refused("not_allowed", Some(text), answer))
}
