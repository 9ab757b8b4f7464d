//! `delete_account`: users who may, with the role `delete-account` of client `account`, delete themselves.

use actix_web::HttpResponse;
use protocol::HttpError;

use super::{At, Login, Taken, user_of};
use crate::cookies::Jar;
use crate::login_actions::flow;
use crate::pages::{self, msg};

const CLIENT: &str = "account";
const ROLE: &str = "delete-account";

async fn allowed(at: &At<'_>, login: &Login) -> Result<bool, HttpError> {
    let (pool, realm) = (&at.ctx.state().pool, at.ctx.realm.id);
    let roles = user::mapping::effective_names(pool, realm, user_of(login)?.id).await?;
    let mut of_client = roles.clients.iter();
    Ok(of_client.any(|(client, names)| client == CLIENT && names.iter().any(|name| name == ROLE)))
}

async fn forbidden(at: &At<'_>) -> HttpResponse {
    let text = msg("deletingAccountForbidden");
    pages::failed(at.ctx, at.http, 403, text, None).await
}

pub(super) async fn page(at: &At<'_>, login: &Login) -> Result<HttpResponse, HttpError> {
    if !allowed(at, login).await? {
        return Ok(forbidden(at).await);
    }
    let page = pages::DeleteAccount {
        action: at.action(login),
        cancel: at.optional,
    };
    Ok(at.frame(login, None).await.send(200, &page))
}

pub(super) async fn take(at: &At<'_>, login: &mut Login) -> Result<Taken, HttpError> {
    if !allowed(at, login).await? {
        return Ok(Taken::Again(forbidden(at).await));
    }
    if !login.end(at.ctx).await? {
        return Ok(Taken::Ended(flow::too_late(at.ctx, login)));
    }
    let frame = at.frame(login, None).await;
    let (pool, realm) = (&at.ctx.state().pool, at.ctx.realm.id);
    let user = user_of(login)?;
    for session in user::session::list(pool, realm, user.id).await? {
        protocol::session::end(at.ctx, &session.id).await?;
    }
    user::delete(pool, realm, user.id).await?;
    at.record(at.event(login, "DELETE_ACCOUNT")).await;
    let page = pages::Info {
        message: msg("userDeletedSuccessfully"),
        ..Default::default()
    };
    let mut response = frame.send(200, &page);
    let mut jar = Jar::new(at.ctx);
    jar.forget_restart();
    jar.forget_identity();
    jar.dress(&mut response);
    Ok(Taken::Ended(response))
}
