//! `delete_credential:{id}`: an application lets a user take away a second factor.

use actix_web::HttpResponse;
use protocol::{HttpError, RealmContext};
use user::credential::{self, Credential};
use user::otp;
use uuid::Uuid;

use super::{At, Login, Pairs, Taken, asked, user_of};
use crate::pages::{self, msg};

/// The credential that is meant, if it is one of the user's that may go.
pub(super) async fn meant(
    ctx: &RealmContext,
    login: &Login,
) -> Result<Option<Credential>, HttpError> {
    let id = asked(&login.request).and_then(|(_, id)| id?.parse::<Uuid>().ok());
    let user = user_of(login)?;
    let known = credential::list(&ctx.state().pool, ctx.realm.id, user.id).await?;
    let mut known = known.into_iter();
    Ok(known.find(|credential| Some(credential.id) == id && credential.type_ != "password"))
}

fn label(credential: &Credential) -> String {
    let label = credential.user_label.as_ref();
    label
        .filter(|label| !label.is_empty())
        .unwrap_or(&credential.type_)
        .clone()
}

pub(super) async fn page(at: &At<'_>, login: &Login) -> Result<HttpResponse, HttpError> {
    let Some(credential) = meant(at.ctx, login).await? else {
        let text = msg("invalidRequestMessage");
        return Ok(pages::failed(at.ctx, at.http, 400, text, None).await);
    };
    let page = pages::DeleteCredential {
        action: at.action(login),
        label: label(&credential),
    };
    Ok(at.frame(login, None).await.send(200, &page))
}

pub(super) async fn take(
    at: &At<'_>,
    login: &mut Login,
    entered: &Pairs,
) -> Result<Taken, HttpError> {
    let credential = match meant(at.ctx, login).await? {
        Some(credential) if entered.get("accept").is_some() => credential,
        _ => return Ok(Taken::Again(page(at, login).await?)),
    };
    let (pool, realm) = (&at.ctx.state().pool, at.ctx.realm.id);
    credential::delete(pool, realm, user_of(login)?.id, credential.id).await?;
    login.tell("credential_type", &credential.type_);
    login.tell("credential_id", &credential.id.to_string());
    login.tell("credential_user_label", &label(&credential));
    let mut kinds = vec!["REMOVE_CREDENTIAL"];
    if credential.type_ == otp::TYPE {
        kinds.push("REMOVE_TOTP");
    }
    for kind in kinds {
        at.record(at.event(login, kind)).await;
    }
    Ok(Taken::Done)
}
