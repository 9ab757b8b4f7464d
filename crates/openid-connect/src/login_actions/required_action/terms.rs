//! `TERMS_AND_CONDITIONS`: the realm's terms, in its text `termsText`.

use actix_web::HttpResponse;
use protocol::HttpError;

use super::{At, Login, Pairs, Taken, user_of};
use crate::authorize::answer;
use crate::authorize::request::Fault;
use crate::cookies::Jar;
use crate::device;
use crate::login_actions::flow;
use crate::pages;

pub(super) async fn page(at: &At<'_>, login: &Login) -> Result<HttpResponse, HttpError> {
    let page = pages::Terms {
        action: at.action(login),
    };
    Ok(at.frame(login, None).await.send(200, &page))
}

pub(super) async fn take(
    at: &At<'_>,
    login: &mut Login,
    entered: &Pairs,
) -> Result<Taken, HttpError> {
    let event = at.event(login, "CUSTOM_REQUIRED_ACTION");
    if entered.get("cancel").is_some() {
        if !login.end(at.ctx).await? {
            return Ok(Taken::Ended(flow::too_late(at.ctx, login)));
        }
        at.record_error(event, "rejected_by_user").await;
        let fault = Fault {
            error: "access_denied",
            description: Some("termsAndConditionsDeclined".to_owned()),
        };
        let mut response = if login.request.device.is_some() {
            device::deny(at.ctx, at.http, login).await?
        } else {
            answer::fault(at.ctx, &login.request, &fault)
        };
        let mut jar = Jar::new(at.ctx);
        jar.forget_restart();
        jar.dress(&mut response);
        return Ok(Taken::Ended(response));
    }
    let (pool, realm) = (&at.ctx.state().pool, at.ctx.realm.id);
    let now = store::clock::now();
    if !user::required_action::agree(pool, realm, user_of(login)?.id, now).await? {
        return Err(HttpError::not_found());
    }
    at.record(event).await;
    Ok(Taken::Done)
}
