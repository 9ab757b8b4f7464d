//! A login in progress: what is known of it, how a form finds it again, and the URLs of its steps.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use client::Known;
use protocol::context::encode_segment;
use protocol::{HttpError, RealmContext};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;
use user::User;
use user::auth_session::{self, AuthSession};
use user::session::browser::BrowserSession;
use uuid::Uuid;

use super::recover::{self, recover};
use super::sso::signed_in;
use crate::authorize::request::AuthRequest;
use crate::cookies::{self, Jar};
use crate::form::Pairs;
use crate::pages::{self, msg};

/// A login in progress.
pub(crate) struct Login {
    pub client: Arc<Known>,
    pub request: AuthRequest,
    /// Whoever has given the right password, or is signed in already.
    pub user: Option<User>,
    /// Who is signed in with this browser, if it is not to be signed out first.
    pub sso: Option<BrowserSession>,
    row: AuthSession,
    /// Whether the row is in the database: not before the user has to be asked something.
    stored: bool,
}

/// Notes of a login that the steps share; each step has names of its own beside them.
pub(crate) mod note {
    /// Whether the user gave a password now, and was not let in by a cookie.
    pub(crate) const SIGNED_IN: &str = "signed_in";
    /// The user wants to be remembered.
    pub(crate) const REMEMBER_ME: &str = "remember_me";
    /// Whether a second factor is still to be asked for.
    pub(crate) const SECOND_FACTOR: &str = "second_factor";
    /// How the user signed in (RFC 8176), for the claim `amr`.
    pub(crate) const AMR: &str = "amr";
    /// What the application is told of the action that it asked for.
    pub(crate) const ACTION_STATUS: &str = "kc_action_status";
    /// The password is older than the realm's policy lets it be.
    pub(crate) const PASSWORD_EXPIRED: &str = "password_expired";
    /// The user chose to be somebody else than who is signed in.
    pub(crate) const SWITCHED: &str = "switched";
}

/// The user is whoever is signed in, as long as that lasts.
const LET_IN: &str = "let_in";
/// What events tell of the steps so far.
const DETAILS: &str = "details";
/// The login has a root id that was made after somebody gave a password.
const MOVED: &str = "moved";

impl Login {
    /// One that has just been asked for.
    ///
    /// # Errors
    /// 500 when the system gives no random bytes.
    pub(crate) fn new(
        ctx: &RealmContext,
        http: &HttpRequest,
        client: Arc<Known>,
        request: AuthRequest,
        sso: Option<BrowserSession>,
    ) -> Result<Self, HttpError> {
        let root = cookies::root(http).map_or_else(cookies::random, |root| Ok(root.to_owned()))?;
        let tab = realm::seal::random::<8>().map_err(HttpError::internal)?;
        let lifespan = ctx.realm.rep.access_code_lifespan_login.unwrap_or(1800);
        let row = AuthSession {
            root_id: root,
            tab_id: URL_SAFE_NO_PAD.encode(*tab),
            session_code: cookies::random()?,
            client_id: client.id,
            request: serde_json::to_value(&request).map_err(HttpError::internal)?,
            user_id: None,
            notes: Map::new(),
            expires: store::clock::now() + lifespan.max(1),
        };
        Ok(Self {
            client,
            request,
            user: None,
            sso,
            row,
            stored: false,
        })
    }

    /// The login that a request of one of its steps belongs to.
    ///
    /// # Errors
    /// The answer to give instead: the form begins again, the client is told, or a page says what to do.
    pub(crate) async fn find(
        ctx: &RealmContext,
        http: &HttpRequest,
        query: &Pairs,
    ) -> Result<Result<Self, HttpResponse>, HttpError> {
        if let Some(refused) = super::refuse_realm(ctx, http).await {
            return Ok(Err(refused));
        }
        let state = ctx.state();
        let now = store::clock::now();
        let found = match (cookies::root(http), query.get("tab_id")) {
            (Some(root), Some(tab)) => {
                auth_session::find(&state.pool, ctx.realm.id, root, tab, now).await?
            }
            _ => None,
        };
        match found {
            Some(row) => Self::restore(ctx, http, row).await,
            None => recover(ctx, http, query).await.map(Err),
        }
    }

    async fn restore(
        ctx: &RealmContext,
        http: &HttpRequest,
        row: AuthSession,
    ) -> Result<Result<Self, HttpResponse>, HttpError> {
        let state = ctx.state();
        let request: AuthRequest =
            serde_json::from_value(row.request.clone()).map_err(HttpError::internal)?;
        let client = state
            .clients
            .get(&state.pool, &ctx.realm, &request.client_id)
            .await?
            .filter(|client| client.id == row.client_id && client.enabled);
        let Some(client) = client else {
            let text = msg("clientDisabledMessage");
            return Ok(Err(pages::failed(ctx, http, 400, text, None).await));
        };
        let user = match row.user_id {
            Some(id) => user::find(&state.pool, ctx.realm.id, id).await?,
            None => None,
        };
        let mut login = Self {
            client,
            request,
            user,
            sso: None,
            row,
            stored: true,
        };
        if !login.has(note::SWITCHED) {
            login.sso = signed_in(ctx, http).await?;
        }
        if login.has(LET_IN) {
            login.let_in();
        }
        Ok(Ok(login))
    }

    /// The login of a tab of this browser, if it is still under way.
    ///
    /// # Errors
    /// From the database.
    pub(crate) async fn of_tab(
        ctx: &RealmContext,
        http: &HttpRequest,
        tab: &str,
    ) -> Result<Option<Self>, HttpError> {
        let Some(root) = cookies::root(http) else {
            return Ok(None);
        };
        let (pool, now) = (&ctx.state().pool, store::clock::now());
        match auth_session::find(pool, ctx.realm.id, root, tab, now).await? {
            Some(row) => Ok(Self::restore(ctx, http, row).await?.ok()),
            None => Ok(None),
        }
    }

    /// Whether a form belongs to the step that the login stands at.
    pub(crate) fn is_current(&self, session_code: Option<&str>) -> bool {
        session_code
            .is_some_and(|code| bool::from(code.as_bytes().ct_eq(self.row.session_code.as_bytes())))
    }

    /// Ties forms to where the login stands.
    pub(crate) fn session_code(&self) -> &str {
        &self.row.session_code
    }

    pub(crate) fn tab_id(&self) -> &str {
        &self.row.tab_id
    }

    /// What a step remembers.
    pub(crate) fn note(&self, name: &str) -> Option<&Value> {
        self.row.notes.get(name)
    }

    pub(crate) fn note_text(&self, name: &str) -> Option<&str> {
        self.note(name)?.as_str()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.note(name) == Some(&Value::Bool(true))
    }

    /// Remembers something until the login is over; [`Login::save`] keeps it.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.row.notes.insert(name.to_owned(), value.into());
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.row.notes.remove(name);
    }

    /// Whoever is signed in with this browser goes on without a password.
    pub(crate) fn let_in(&mut self) {
        self.user = self.sso.as_ref().map(|sso| sso.user.clone());
        self.set(LET_IN, true);
    }

    /// Somebody gave the right password (or another first factor).
    pub(crate) fn authenticated(&mut self, user: User) {
        self.row.user_id = Some(user.id);
        self.user = Some(user);
        self.forget(LET_IN);
        self.set(note::SIGNED_IN, true);
    }

    /// Reads the user once more, after something of them has changed.
    ///
    /// # Errors
    /// From the database.
    pub(crate) async fn read_user(&mut self, ctx: &RealmContext) -> Result<(), HttpError> {
        if let Some(user) = &self.user {
            self.user = user::find(&ctx.state().pool, ctx.realm.id, user.id).await?;
        }
        Ok(())
    }

    /// The language that the user wants.
    pub(crate) fn locale(&self) -> Option<&str> {
        let attributes = &self.user.as_ref()?.attributes;
        attributes.get("locale")?.get(0)?.as_str()
    }

    /// Keeps a detail for the events to come.
    pub(crate) fn tell(&mut self, name: &str, value: &str) {
        let details = self.row.notes.entry(DETAILS).or_insert_with(|| json!({}));
        if let Some(details) = details.as_object_mut() {
            details.insert(name.to_owned(), value.into());
        }
    }

    /// What the steps have kept for the events.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&str, &str)> {
        let details = self.note(DETAILS).and_then(Value::as_object);
        let pairs = details.into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// The login begins again, for somebody else.
    pub(crate) fn reset(&mut self) {
        self.user = None;
        self.sso = None;
        self.row.user_id = None;
        self.row.notes = Map::new();
        self.set(note::SWITCHED, true);
    }

    /// Keeps what has changed, under a new session code: forms of the step before are not taken any more. The jar gets
    /// the cookies that find the login again. False when another form of the same step was faster.
    ///
    /// # Errors
    /// From the database.
    pub(crate) async fn save(
        &mut self,
        ctx: &RealmContext,
        jar: &mut Jar,
    ) -> Result<bool, HttpError> {
        let pool = &ctx.state().pool;
        if !self.stored {
            auth_session::create(pool, ctx.realm.id, &self.row).await?;
            self.stored = true;
            jar.login(&self.row.root_id);
            jar.restart(ctx, &self.request, self.row.expires)?;
            return Ok(true);
        }
        // Whoever planted the cookie before somebody signed in must not know where the login goes on.
        let moves = self.user.is_some() && !self.has(MOVED);
        if moves {
            self.set(MOVED, true);
        }
        let before = std::mem::replace(&mut self.row.session_code, cookies::random()?);
        if !auth_session::update(pool, ctx.realm.id, &before, &self.row).await? {
            return Ok(false);
        }
        if moves {
            let root = cookies::random()?;
            auth_session::rename_root(pool, ctx.realm.id, &self.row.root_id, &root).await?;
            self.row.root_id = root;
            jar.login(&self.row.root_id);
        }
        Ok(true)
    }

    /// Ends it; whether it was still there, so that it is finished once.
    ///
    /// # Errors
    /// From the database.
    pub(crate) async fn end(&self, ctx: &RealmContext) -> Result<bool, HttpError> {
        if !self.stored {
            return Ok(true);
        }
        let (root, tab) = (&self.row.root_id, &self.row.tab_id);
        Ok(auth_session::delete(&ctx.state().pool, ctx.realm.id, root, tab).await?)
    }

    /// The URL of a step (`authenticate`, `required-action`, `consent`, `restart`); with `code` that of its form.
    pub(crate) fn url(&self, ctx: &RealmContext, step: &str, execution: Option<&str>) -> String {
        self.step_url(ctx, step, execution, None)
    }

    /// The URL that the form of a step goes to.
    pub(crate) fn form_url(
        &self,
        ctx: &RealmContext,
        step: &str,
        execution: Option<&str>,
    ) -> String {
        self.step_url(ctx, step, execution, Some(&self.row.session_code))
    }

    fn step_url(
        &self,
        ctx: &RealmContext,
        step: &str,
        execution: Option<&str>,
        code: Option<&str>,
    ) -> String {
        let mut url = format!("{}/login-actions/{step}?", ctx.issuer());
        for (name, value) in [("session_code", code), ("execution", execution)] {
            if let Some(value) = value {
                url.push_str(&format!("{name}={}&", encode_segment(value)));
            }
        }
        let data = recover::client_data(&self.request);
        url.push_str(&format!(
            "client_id={}&tab_id={}&client_data={data}",
            encode_segment(&self.client.client_id),
            encode_segment(&self.row.tab_id)
        ));
        url
    }

    /// The id of a step of the login form, the same in every realm of this name for ever.
    pub(crate) fn execution(ctx: &RealmContext, step: &str) -> String {
        let text = format!("{}/{step}", ctx.realm.id);
        let hash = digest(&SHA256, text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_ref()[..16]);
        Uuid::from_bytes(bytes).to_string()
    }
}
