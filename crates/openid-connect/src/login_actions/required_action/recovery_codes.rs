//! `CONFIGURE_RECOVERY_AUTHN_CODES`: a list of recovery codes, shown once.

use actix_web::HttpResponse;
use protocol::HttpError;
use user::recovery::{self, CONFIGURE};
use zeroize::Zeroizing;

use super::{At, Login, Pairs, Taken, user_of};
use crate::cookies::Jar;
use crate::login_actions::flow;
use crate::pages::{self, Alert, msg};

/// The codes that the user is looking at, sealed, and since when (milliseconds).
const CODES: &str = "recovery_codes";
const GENERATED_AT: &str = "recovery_codes_at";

fn codes(at: &At<'_>, login: &Login) -> Option<Vec<Zeroizing<String>>> {
    let plain = at.open(login.user.as_ref()?, login.note_text(CODES)?)?;
    let codes = plain.split(',');
    Some(codes.map(|code| Zeroizing::new(code.to_owned())).collect())
}

pub(super) async fn page(
    at: &At<'_>,
    login: &mut Login,
    jar: &mut Jar,
) -> Result<HttpResponse, HttpError> {
    let codes = match codes(at, login) {
        Some(codes) => codes,
        None => {
            let codes = recovery::generate().map_err(HttpError::internal)?;
            let texts: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
            let joined = Zeroizing::new(texts.join(","));
            let sealed = at.seal(user_of(login)?, &joined)?;
            login.set(CODES, sealed);
            login.set(GENERATED_AT, store::clock::now_ms());
            if !login.save(at.ctx, jar).await? {
                return Ok(flow::too_late(at.ctx, login));
            }
            codes
        }
    };
    let frame = at
        .frame(login, Some(msg("configureBackupCodesMessage")))
        .await;
    let label = frame.t("recovery-codes-label-default");
    Ok(frame.send(200, &form(at, login, &codes, label)))
}

fn form(
    at: &At<'_>,
    login: &Login,
    codes: &[Zeroizing<String>],
    label: String,
) -> pages::RecoveryCodes {
    let generated_at = login.note(GENERATED_AT);
    pages::RecoveryCodes {
        action: at.action(login),
        codes: codes.iter().map(|code| code.to_string()).collect(),
        generated_at: generated_at.and_then(|at| at.as_i64()).unwrap_or_default(),
        label,
        logout_sessions: false,
        cancel: at.optional,
    }
}

pub(super) async fn take(
    at: &At<'_>,
    login: &mut Login,
    entered: &Pairs,
) -> Result<Taken, HttpError> {
    // The codes are ours and not the form's: nobody chooses somebody else's.
    let Some(codes) = codes(at, login) else {
        return Ok(Taken::Again(flow::too_late(at.ctx, login)));
    };
    let (state, realm) = (at.ctx.state(), &at.ctx.realm);
    let user = user_of(login)?;
    let frame = at.frame(login, None).await;
    let usual = frame.t("recovery-codes-label-default");
    let label = entered.get("userLabel").map(str::trim);
    let label = label.filter(|label| !label.is_empty()).unwrap_or(&usual);
    let mut transaction = state.pool.begin().await.map_err(store::Error::from)?;
    let made = recovery::create(
        &mut transaction,
        &state.sealer,
        realm,
        user.id,
        &codes,
        label,
    )
    .await;
    match made {
        Ok(true) => {}
        Ok(false) => return Err(HttpError::not_found()),
        Err(store::Error::Invalid(text)) => {
            let frame = frame.alert(Alert::error(pages::Message::text(text)));
            let page = form(at, login, &codes, usual);
            return Ok(Taken::Again(frame.send(200, &page)));
        }
        Err(error) => return Err(error.into()),
    }
    user::required_action::done(&mut *transaction, realm.id, user.id, CONFIGURE).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    at.sign_out_others(login, entered).await?;
    login.forget(CODES);
    login.tell("credential_type", recovery::TYPE);
    at.record(at.event(login, "UPDATE_CREDENTIAL")).await;
    Ok(Taken::Done)
}
