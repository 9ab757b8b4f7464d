//! The second factor of a login: a one-time code of a device, or a recovery code in its place.

use actix_web::{HttpRequest, HttpResponse};
use protocol::login::{self as gate, Code, Refusal};
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use serde_json::json;
use user::{User, otp, recovery};
use uuid::Uuid;

use super::flow;
use super::login::{Login, note};
use crate::form::Pairs;
use crate::pages::{self, Frame, Message, Way, msg};

/// The steps' names in the flow.
const OTP: &str = "auth-otp-form";
const RECOVERY: &str = "auth-recovery-authn-code-form";
/// Which of the two is asked for, where the user chose.
const WAY: &str = "second_factor_way";

/// What a user can show.
struct Factors {
    devices: Vec<otp::Device>,
    list: Option<recovery::List>,
}

impl Factors {
    async fn find(ctx: &RealmContext, user: &User) -> Result<Self, HttpError> {
        let (pool, realm) = (&ctx.state().pool, ctx.realm.id);
        Ok(Self {
            devices: otp::list(pool, realm, user.id).await?,
            list: recovery::find(pool, realm, user.id).await?,
        })
    }

    fn both(&self) -> bool {
        !self.devices.is_empty() && self.list.is_some()
    }

    /// The one that is asked for; none when there is nothing left to ask for.
    fn asked<'a>(&'a self, login: &Login) -> Option<Asked<'a>> {
        let codes = self.list.as_ref().map(Asked::Recovery);
        if login.note_text(WAY) == Some(RECOVERY) && codes.is_some() {
            return codes;
        }
        let devices = Some(Asked::Device(&self.devices)).filter(|_| !self.devices.is_empty());
        devices.or(codes)
    }
}

enum Asked<'a> {
    Device(&'a [otp::Device]),
    Recovery(&'a recovery::List),
}

/// The form that asks for it.
///
/// # Errors
/// From the database.
pub(crate) async fn page(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
    error: Option<Message>,
) -> Result<HttpResponse, HttpError> {
    form(ctx, http, login, error, None).await
}

async fn form(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
    error: Option<Message>,
    selected: Option<Uuid>,
) -> Result<HttpResponse, HttpError> {
    let user = user_of(login)?;
    let factors = Factors::find(ctx, user).await?;
    let mut frame = frame(ctx, http, login, user).await;
    if factors.both() {
        frame = frame.another_way(action(ctx, login, OTP));
    }
    Ok(match factors.asked(login) {
        Some(Asked::Device(devices)) => {
            let known = |id: &Uuid| devices.iter().any(|device| device.id == *id);
            let first = devices.first().map(|device| device.id);
            let selected = selected.filter(known).or(first).unwrap_or_default();
            let credentials = devices
                .iter()
                .map(|device| {
                    let label = device.user_label.clone().unwrap_or_default();
                    (device.id.to_string(), label)
                })
                .collect();
            let page = pages::Otp {
                action: action(ctx, login, OTP),
                credentials,
                selected: selected.to_string(),
                error,
            };
            frame.send(200, &page)
        }
        Some(Asked::Recovery(list)) => {
            let number = list.next(&ctx.state().sealer, &ctx.realm).unwrap_or(1);
            let page = pages::RecoveryCode {
                action: action(ctx, login, RECOVERY),
                number: u32::try_from(number).unwrap_or(1),
                error,
            };
            frame.send(200, &page)
        }
        // What the user had when the password was given has been taken away meanwhile.
        None => {
            let text = msg("expiredCodeMessage");
            pages::failed(ctx, http, 400, text, None).await
        }
    })
}

/// Judges what was typed, or takes another way.
///
/// # Errors
/// From the database.
pub(crate) async fn submit(
    ctx: &RealmContext,
    http: &HttpRequest,
    mut login: Login,
    form: &Pairs,
) -> Result<HttpResponse, HttpError> {
    if form.get("tryAnotherWay").is_some() {
        return choice(ctx, http, &login).await;
    }
    if let Some(execution) = form.get("authenticationExecution") {
        for way in [OTP, RECOVERY] {
            if execution == Login::execution(ctx, way) {
                login.set(WAY, way);
            }
        }
        return flow::go_on(ctx, http, login).await;
    }
    judge(ctx, http, login, form).await
}

async fn choice(
    ctx: &RealmContext,
    http: &HttpRequest,
    login: &Login,
) -> Result<HttpResponse, HttpError> {
    let user = user_of(login)?;
    if !Factors::find(ctx, user).await?.both() {
        return page(ctx, http, login, None).await;
    }
    let way = |step: &str, name: Message, help: Message| Way {
        execution: Login::execution(ctx, step),
        name,
        help,
    };
    let page = pages::SelectAuthenticator {
        action: action(ctx, login, OTP),
        ways: vec![
            way(OTP, msg("otp-display-name"), msg("otp-help-text")),
            way(
                RECOVERY,
                msg("recovery-authn-codes-display-name"),
                msg("recovery-authn-codes-help-text"),
            ),
        ],
    };
    Ok(frame(ctx, http, login, user).await.send(200, &page))
}

async fn judge(
    ctx: &RealmContext,
    http: &HttpRequest,
    mut login: Login,
    form: &Pairs,
) -> Result<HttpResponse, HttpError> {
    let user = user_of(&login)?;
    let factors = Factors::find(ctx, user).await?;
    let attempt = |code| Code {
        user,
        code,
        client_id: &login.client.client_id,
        event: flow::details(&login, Event::new("LOGIN")),
    };
    let code = |name: &str| form.get(name).unwrap_or_default();
    let (verdict, selected, wrong, amr) = match factors.asked(&login) {
        Some(Asked::Device(devices)) => {
            let selected = match form.get("selectedCredentialId") {
                // An id that is none of a device belongs to none.
                Some(id) if !id.is_empty() => Some(id.parse().unwrap_or_default()),
                _ => devices.first().map(|device| device.id),
            };
            let verdict = gate::one_time_code(ctx, selected, attempt(code("otp"))).await?;
            (verdict, selected, "invalidTotpMessage", "otp")
        }
        Some(Asked::Recovery(_)) => {
            let verdict = gate::recovery_code(ctx, attempt(code("recoveryCodeInput"))).await?;
            (verdict, None, "recovery-codes-error-invalid", "mfa")
        }
        None => return page(ctx, http, &login, None).await,
    };
    if let Err(refusal) = verdict {
        let text = match refusal {
            Refusal::Disabled => msg("accountDisabledMessage"),
            _ => Message::resource(&format!("${{{wrong}}}")),
        };
        return self::form(ctx, http, &login, Some(text), selected).await;
    }
    match selected {
        Some(device) => login.tell("selected_credential_id", &device.to_string()),
        None => login.tell("credential_type", recovery::TYPE),
    }
    login.forget(note::SECOND_FACTOR);
    login.forget(WAY);
    login.set(note::AMR, json!(["pwd", amr]));
    // With the last recovery code comes the demand for a new list.
    login.read_user(ctx).await?;
    flow::go_on(ctx, http, login).await
}

fn user_of(login: &Login) -> Result<&User, HttpError> {
    let user = login.user.as_ref();
    user.ok_or_else(|| HttpError::internal("a second factor of nobody"))
}

fn action(ctx: &RealmContext, login: &Login, step: &str) -> String {
    login.form_url(ctx, "authenticate", Some(&Login::execution(ctx, step)))
}

async fn frame(ctx: &RealmContext, http: &HttpRequest, login: &Login, user: &User) -> Frame {
    let restart = login.url(ctx, "restart", None);
    Frame::new(ctx, http)
        .await
        .prefer(login.locale(), login.request.ui_locales.as_deref())
        .await
        .again(login.url(ctx, "authenticate", None))
        .attempted(user.username.as_str(), Some(restart))
}
