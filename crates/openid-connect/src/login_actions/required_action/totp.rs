//! `CONFIGURE_TOTP`: a device for one-time codes.

use actix_web::HttpResponse;
use protocol::HttpError;
use user::otp::{self, CONFIGURE_TOTP, Parameters, Secret};

use super::{At, Login, Pairs, Taken, user_of};
use crate::cookies::Jar;
use crate::login_actions::flow;
use crate::pages::{self, msg};

/// The key that waits for its first code, sealed.
const SECRET: &str = "totp_secret";

fn secret(at: &At<'_>, login: &Login) -> Option<Secret> {
    let sealed = login.note_text(SECRET)?;
    let plain = at.open(login.user.as_ref()?, sealed)?;
    Some(Secret::restore(&plain))
}

pub(super) async fn page(
    at: &At<'_>,
    login: &mut Login,
    jar: &mut Jar,
) -> Result<HttpResponse, HttpError> {
    let secret = match secret(at, login) {
        Some(secret) => secret,
        None => {
            let secret = Secret::generate().map_err(HttpError::internal)?;
            let sealed = at.seal(user_of(login)?, secret.as_str())?;
            login.set(SECRET, sealed);
            if !login.save(at.ctx, jar).await? {
                return Ok(flow::too_late(at.ctx, login));
            }
            secret
        }
    };
    let frame = at.frame(login, Some(msg("configureTotpMessage"))).await;
    Ok(frame.send(200, &form(at, login, &secret)?))
}

fn form(at: &At<'_>, login: &Login, secret: &Secret) -> Result<pages::ConfigureTotp, HttpError> {
    let realm = &at.ctx.realm;
    let user = user_of(login)?;
    let parameters = Parameters::of(realm);
    let shown = if parameters.by_time() {
        parameters.period
    } else {
        parameters.counter
    };
    let number = |value: i64| u32::try_from(value).unwrap_or_default();
    Ok(pages::ConfigureTotp {
        action: at.action(login),
        secret: secret.as_str().to_owned(),
        encoded: secret.base32().to_string(),
        uri: secret.uri(realm, &user.username).to_string(),
        algorithm: parameters.algorithm_name().to_owned(),
        digits: number(parameters.digits),
        period: number(shown),
        kind: parameters.sub_type,
        label_required: user.totp,
        cancel: at.optional,
        ..Default::default()
    })
}

pub(super) async fn take(
    at: &At<'_>,
    login: &mut Login,
    entered: &Pairs,
) -> Result<Taken, HttpError> {
    // The key is ours and not the form's: nobody chooses somebody else's.
    let Some(secret) = secret(at, login) else {
        return Ok(Taken::Again(flow::too_late(at.ctx, login)));
    };
    let (state, realm) = (at.ctx.state(), &at.ctx.realm);
    let code = entered.get("totp").unwrap_or_default();
    let label = entered.get("userLabel").unwrap_or_default().trim();
    let mut page = form(at, login, &secret)?;
    page.label = label.to_owned();
    let user = user_of(login)?;
    let devices = otp::list(&state.pool, realm.id, user.id).await?;
    let same = |device: &otp::Device| device.user_label.as_deref().unwrap_or_default() == label;
    if code.trim().is_empty() {
        page.error = Some(msg("missingTotpMessage"));
    } else if label.is_empty() && !devices.is_empty() {
        page.label_error = Some(msg("missingTotpDeviceNameMessage"));
    } else if devices.iter().any(same) {
        page.label_error = Some(msg("totpDeviceNameExistsMessage"));
    } else {
        let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
        let made = otp::create(
            &mut *transaction,
            &state.sealer,
            realm,
            user.id,
            &secret,
            (label, code),
        )
        .await;
        match made {
            Ok(Some(_)) => {
                let (id, alias) = (user.id, CONFIGURE_TOTP);
                user::required_action::done(&mut *transaction, realm.id, id, alias).await?;
                transaction.commit().await.map_err(store::Error::from)?;
                at.sign_out_others(login, entered).await?;
                login.forget(SECRET);
                login.tell("credential_type", otp::TYPE);
                for kind in ["UPDATE_TOTP", "UPDATE_CREDENTIAL"] {
                    at.record(at.event(login, kind)).await;
                }
                return Ok(Taken::Done);
            }
            Ok(None) => page.error = Some(msg("invalidTotpMessage")),
            Err(store::Error::Invalid(text)) => {
                page.label_error = Some(pages::Message::text(text));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let frame = at.frame(login, None).await;
    Ok(Taken::Again(frame.send(200, &page)))
}
