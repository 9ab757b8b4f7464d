//! What both forms of the token endpoint share: from who asks for what to the signed answer and its event.

use std::sync::Arc;

use actix_web::HttpResponse;
use client::Known;
use protocol::login::{self, Attempt, Door, Entry, Means, Refusal};
use protocol::{HttpError, RealmContext};
use realm::event::Event;
use serde_json::json;
use user::User;

use crate::access::Granted;
use crate::error::Error;
use crate::scope::{self, Access};
use crate::token::Token;
use crate::{ID, access, identity, token};

/// Characters of a program's name that an event keeps.
const MAX_PROGRAM: usize = 200;

/// Whether the realm lets anybody in by the connection that the request came over.
pub(crate) fn open(ctx: &RealmContext) -> Result<(), HttpError> {
    let text = if !ctx.request.encrypted_enough(&ctx.realm) {
        "HTTPS required"
    } else if !ctx.realm.enabled {
        "Realm not enabled"
    } else {
        return Ok(());
    };
    Err(HttpError::oauth(400, "invalid_request", text))
}

/// What is asked for, and of which registry.
pub(crate) struct Asked {
    pub client: Arc<Known>,
    /// As it was written, for the event.
    pub scope: String,
    pub access: Vec<Access>,
    /// Whether an identity token is asked for, too.
    pub offline: bool,
    /// What the program that asks calls itself, for the event.
    pub program: Option<String>,
}

impl Asked {
    /// From the parameters `service` and `scope`, each as often as it was given.
    pub(crate) async fn read(
        ctx: &RealmContext,
        services: &[String],
        scopes: &[String],
    ) -> Result<Self, Error> {
        let client = service(ctx, services).await?;
        Ok(Self {
            client,
            scope: scopes.join(" "),
            access: scope::parse(scopes).map_err(Error::Denied)?,
            offline: false,
            program: None,
        })
    }

    /// What an event of this request begins with.
    pub(crate) fn event(&self, kind: &str) -> Event {
        let mut event = Event::new(kind)
            .audited()
            .detail("auth_method", ID)
            .long_detail("scope", self.scope.as_str());
        event.client_id = Some(self.client.client_id.clone());
        if let Some(program) = &self.program {
            let shown = program
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_PROGRAM);
            event.add("client_program", shown.collect::<String>());
        }
        event
    }
}

/// Who asks.
pub(crate) struct Caller {
    /// None for everybody.
    pub user: Option<User>,
    /// How it was shown; the `credential_type` of events.
    pub credential: &'static str,
    /// What it was shown with, where that can be taken back: an app password's id.
    pub means: Option<Means>,
    /// More of it, for the event.
    pub details: Vec<(&'static str, String)>,
    /// The millisecond at which that began.
    pub since: i64,
    /// The session of an identity token, where it was one.
    pub identity: Option<identity::Held>,
}

impl Caller {
    /// Whoever does not say who they are, where the registry has something for everybody (decision D7).
    pub(crate) fn anonymous(asked: &Asked) -> Option<Self> {
        let welcome = access::rules(&asked.client).for_anonymous();
        welcome.then(|| Self {
            user: None,
            credential: "none",
            means: None,
            details: Vec::new(),
            since: store::clock::now_ms(),
            identity: None,
        })
    }

    /// Somebody with a name and a password, an app password, a secret or a CI token.
    pub(crate) async fn log_in(
        ctx: &RealmContext,
        asked: &Asked,
        username: &str,
        password: &str,
    ) -> Result<Self, Error> {
        let since = store::clock::now_ms();
        let attempt = Attempt {
            username,
            password,
            with_email: true,
            door: Door::PasswordOnly {
                second_factor_needless: ctx
                    .realm
                    .settings
                    .attributes
                    .get("dockerV2.passwordWithSecondFactor")
                    .is_some_and(|v| v == "true"),
            },
            client_id: &asked.client.client_id,
            event: asked.event("LOGIN"),
        };
        match login::registry(ctx, attempt).await? {
            Ok(Entry {
                user,
                means,
                details,
            }) => Ok(Self {
                user: Some(user),
                credential: means.as_str(),
                means: Some(means),
                details,
                since,
                identity: None,
            }),
            Err(refusal) => Err(Error::unauthorized(
                &ctx.realm,
                &words(ctx, refusal),
                asked.access.clone(),
            )),
        }
    }
}

/// A token, ready to be sent.
pub(crate) struct Answer {
    pub token: Token,
    /// What the token grants.
    pub access: Vec<Access>,
    /// An identity token, where a new one is given.
    pub refresh_token: Option<String>,
}

/// Signs what the rules grant to whoever asks, and records it.
pub(crate) async fn issue(
    ctx: &RealmContext,
    asked: Asked,
    caller: &Caller,
) -> Result<Answer, Error> {
    let client = &asked.client;
    let (pool, user) = (&ctx.state().pool, caller.user.as_ref());
    let granted = access::grant(pool, ctx.realm.id, client, user, &asked.access).await?;
    let subject = caller.user.as_ref().map_or("", |user| &user.username);
    let token = token::issue(ctx, client, subject, &granted.access).await?;
    let given = match asked.offline {
        true => identity::give(ctx, &asked, caller).await,
        false => Ok(None),
    };
    if let Err(Error::Unauthorized { .. }) = given {
        let mut event = of_caller(&asked, caller);
        event.error = Some("invalid_token".to_owned());
        protocol::event::refused(ctx, event).await;
    }
    let given = given?;
    tell(ctx, &asked, caller, &granted, &token, given.as_ref()).await?;
    Ok(Answer {
        token,
        access: granted.access,
        refresh_token: given.map(|given| given.token),
    })
}

/// A token that goes out is an event that is kept, where the realm keeps events.
async fn tell(
    ctx: &RealmContext,
    asked: &Asked,
    caller: &Caller,
    granted: &Granted,
    token: &Token,
    given: Option<&identity::Given>,
) -> Result<(), HttpError> {
    let mut event = of_caller(asked, caller)
        .long_detail("access", json!(granted.access).to_string())
        .long_detail("rules", granted.rules().join("##"))
        .detail("token_id", token.id.as_str());
    if let Some(Means::AppPassword(id)) = caller.means {
        event.add("selected_credential_id", id.to_string());
    }
    for (name, value) in &caller.details {
        event.add(name, value.as_str());
    }
    identity::tell(&mut event, caller, given);
    protocol::event::kept(ctx, event).await
}

/// What an event begins with once it is known who asks.
fn of_caller(asked: &Asked, caller: &Caller) -> Event {
    let kind = match caller.identity {
        Some(_) => "REFRESH_TOKEN",
        None => "LOGIN",
    };
    let mut event = asked
        .event(kind)
        .detail("credential_type", caller.credential);
    if let Some(user) = &caller.user {
        event.add("username", user.username.as_str());
        event.user_id = Some(user.id.to_string());
    }
    event
}

/// The client that `service` names. Decision D16: of this protocol only.
async fn service(ctx: &RealmContext, services: &[String]) -> Result<Arc<Known>, HttpError> {
    let mut services = services.iter();
    let Some(service) = services.next() else {
        return Err(HttpError::oauth(
            400,
            "invalid_request",
            "service parameter must be provided",
        ));
    };
    if services.any(|other| other != service) {
        let text = "service parameter was given twice, with two values";
        return Err(HttpError::oauth(400, "invalid_request", text));
    }
    let state = ctx.state();
    let client = state.clients.get(&state.pool, &ctx.realm, service).await?;
    let (error, text) = match client {
        None => (
            "client_not_found",
            "Client specified by 'service' parameter does not exist",
        ),
        Some(client) if !client.enabled => (
            "client_disabled",
            "Client specified by 'service' is disabled",
        ),
        Some(client) if client.protocol != ID => (
            "invalid_client",
            "Client specified by 'service' is not a docker-v2 client",
        ),
        Some(client) => return Ok(client),
    };
    let mut event = Event::new("LOGIN_ERROR").detail("auth_method", ID);
    event.client_id = Some(service.clone());
    event.error = Some(error.to_owned());
    protocol::event::record(ctx, event).await;
    Err(HttpError::oauth(400, "invalid_client", text))
}

/// What of a refusal somebody is told.
pub(crate) fn words(ctx: &RealmContext, refusal: Refusal) -> String {
    match refusal {
        Refusal::Credentials | Refusal::Disabled => "Invalid username or password.".to_owned(),
        Refusal::NotSetUp => format!(
            "Account is not fully set up. Sign in at {}/account first.",
            ctx.issuer()
        ),
        Refusal::SecondFactor => {
            "A second factor protects this account. Use an app password.".to_owned()
        }
    }
}

/// Counts an answer, for the metrics.
pub(crate) fn count(method: &'static str, result: &Result<HttpResponse, Error>) {
    let outcome = match result {
        Ok(_) => "granted",
        Err(Error::Unauthorized { .. }) => "unauthorized",
        Err(_) => "refused",
    };
    metrics::counter!("realmkeep_docker_tokens_total", "method" => method, "outcome" => outcome)
        .increment(1);
}
