//! What all pages of a request share: the realm's name, the language, what is said above the form; and the way out.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use protocol::{HttpError, RealmContext};
use realm::Realm;
use serde_json::Value;

use super::face::{Alert, CHOICE, Face, without_tags};
use super::message::{LANGUAGES, Message, Texts};
use super::{Failed, locale};
use crate::cookies::{self, Jar, LOCALE};

/// What Keycloak's pages may do, unless the realm says otherwise.
const POLICY: &str = "frame-src 'self'; frame-ancestors 'self'; object-src 'none';";
/// Nothing but the stylesheet. There is no `form-action`: browsers hold the redirect that answers a login against it,
/// and that leads to the client.
const OWN_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; img-src 'self' data:";

/// A page: a struct with a template.
pub(crate) trait Page {
    /// Keycloak's name of the page, for scripts.
    const ID: &'static str;

    /// The title of its window.
    fn title(&self, face: &Face) -> String;

    /// Its HTML.
    ///
    /// # Errors
    /// When the template fails.
    fn render(&self, face: &Face) -> askama::Result<String>;
}

/// What all pages of a request share.
pub(crate) struct Frame {
    ctx: RealmContext,
    /// Where the language comes from.
    wish: Wish,
    face: Face,
}

impl std::ops::Deref for Frame {
    type Target = Face;

    fn deref(&self) -> &Face {
        &self.face
    }
}

/// Where a locale comes from, the strongest last. Keycloak's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Realm,
    Header,
    Cookie,
    Client,
    User,
    Choice,
}

impl Frame {
    /// The frame of a request. It never fails: a database that is away costs the realm's own texts.
    pub(crate) async fn new(ctx: &RealmContext, request: &HttpRequest) -> Self {
        let realm = &ctx.realm;
        let locales = usable(ctx).await;
        let query = request.query_string();
        let (locale, wish) = negotiate(realm, &locales, request);
        let path = path_of(&ctx.issuer()).to_owned();
        let here = match query {
            "" => request.path().to_owned(),
            query => format!("{}?{query}", request.path()),
        };
        let prefix = path_of(&ctx.request.base);
        let here = if here.starts_with(prefix) {
            here
        } else {
            format!("{prefix}{here}")
        };
        let texts = texts(ctx, &locale).await;
        let name = name_of(realm).to_owned();
        let html = realm.rep.display_name_html.as_deref().map(without_tags);
        let heading = html
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| name.clone());
        let face = Face {
            texts,
            locale,
            locales,
            chosen: wish == Wish::Choice,
            here,
            name_key: match &realm.settings {
                settings if !settings.login_with_email_allowed => "username",
                settings if settings.registration_email_as_username => "email",
                _ => "usernameOrEmail",
            },
            realm: name,
            heading,
            path,
            alert: None,
            attempted: None,
            another_way: None,
        };
        Self {
            ctx: ctx.clone(),
            wish,
            face,
        }
    }

    /// Weighs what the user (attribute `locale`) and the client (`ui_locales`) wish for.
    pub(crate) async fn prefer(mut self, user: Option<&str>, client: Option<&str>) -> Self {
        for (wish, wanted) in [(Wish::Client, client), (Wish::User, user)] {
            let Some(found) = wanted.and_then(|wanted| locale::first(&self.face.locales, wanted))
            else {
                continue;
            };
            if wish > self.wish {
                self.wish = wish;
                if self.face.locale != found {
                    self.face.locale = found.to_owned();
                    self.face.texts = texts(&self.ctx, &self.face.locale).await;
                }
            }
        }
        self
    }

    /// Says by which URL this page is shown again; else it is the request's own.
    pub(crate) fn again(mut self, url: impl Into<String>) -> Self {
        self.face.here = url.into();
        self
    }

    /// Says something above the form.
    pub(crate) fn alert(mut self, alert: Alert) -> Self {
        self.face.alert = Some(alert);
        self
    }

    /// Says who is signing in, and where somebody else may.
    pub(crate) fn attempted(
        mut self,
        username: impl Into<String>,
        restart: Option<String>,
    ) -> Self {
        self.face.attempted = Some((username.into(), restart));
        self
    }

    /// Offers another second factor; the button posts to this URL.
    pub(crate) fn another_way(mut self, action: impl Into<String>) -> Self {
        self.face.another_way = Some(action.into());
        self
    }

    /// Sends a page.
    pub(crate) fn send<P: Page>(&self, status: u16, page: &P) -> HttpResponse {
        let body = match page.render(&self.face) {
            Ok(body) => body,
            Err(error) => {
                return actix_web::ResponseError::error_response(&HttpError::internal(error));
            }
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let policy = format!("{} {OWN_POLICY}", policy_of(&self.ctx.realm));
        let mut response = HttpResponse::build(status)
            .insert_header((header::CONTENT_TYPE, "text/html;charset=utf-8"))
            .insert_header((header::CONTENT_LANGUAGE, self.face.locale.as_str()))
            .insert_header((
                header::CACHE_CONTROL,
                "no-store, must-revalidate, max-age=0",
            ))
            .insert_header((header::CONTENT_SECURITY_POLICY, policy))
            .body(body);
        if self.face.chosen {
            let mut jar = Jar::new(&self.ctx);
            jar.locale(&self.face.locale);
            jar.dress(&mut response);
        }
        response
    }
}

/// The page of a request that cannot be served.
pub(crate) async fn failed(
    ctx: &RealmContext,
    request: &HttpRequest,
    status: u16,
    message: Message,
    back: Option<String>,
) -> HttpResponse {
    let frame = Frame::new(ctx, request).await;
    frame.send(status, &Failed { message, back })
}

/// The locales of a realm that there are texts for: ours or its own.
async fn usable(ctx: &RealmContext) -> Vec<String> {
    let supported = locale::supported(&ctx.realm);
    let ours = |tag: &&String| LANGUAGES.contains(&locale::language(tag));
    if supported.iter().all(|tag| ours(&tag)) {
        return supported.to_vec();
    }
    let own = realm::localization::locales(&ctx.state().pool, ctx.realm.id)
        .await
        .unwrap_or_default();
    let known = |tag: &&String| ours(tag) || own.contains(tag);
    supported.iter().filter(known).cloned().collect()
}

async fn texts(ctx: &RealmContext, locale: &str) -> Texts {
    let own = realm::localization::list(&ctx.state().pool, ctx.realm.id, locale).await;
    let own = own.unwrap_or_else(|error| {
        tracing::warn!(%error, "a realm's own texts could not be read");
        realm::localization::Texts::new()
    });
    Texts::new(locale, own)
}

fn negotiate(realm: &Realm, locales: &[String], request: &HttpRequest) -> (String, Wish) {
    let query = |name: &str| {
        let pairs = request.query_string().split('&');
        let mut values = pairs.filter_map(|pair| pair.split_once('='));
        values
            .find(|(known, _)| *known == name)
            .and_then(|(_, value)| protocol::context::decode_segment(&value.replace('+', " ")))
    };
    let header = || {
        let header = request.headers().get(header::ACCEPT_LANGUAGE)?;
        locale::accepted(locales, header.to_str().ok()?)
    };
    let found = |locale: &str, wish| (locale.to_owned(), wish);
    if let Some(locale) = query(CHOICE).and_then(|wish| locale::find(locales, &wish)) {
        return found(locale, Wish::Choice);
    }
    if let Some(locale) = query("ui_locales").and_then(|wish| locale::first(locales, &wish)) {
        return found(locale, Wish::Client);
    }
    let cookie = cookies::value(request, LOCALE);
    if let Some(locale) = cookie.and_then(|wish| locale::find(locales, wish)) {
        return found(locale, Wish::Cookie);
    }
    if let Some(locale) = header() {
        return found(locale, Wish::Header);
    }
    let default = realm.rep.default_locale.as_deref();
    let default = default.and_then(|wish| locale::find(locales, wish));
    found(default.unwrap_or("en"), Wish::Realm)
}

/// The name of a realm for people.
fn name_of(realm: &Realm) -> &str {
    let name = realm.rep.display_name.as_deref();
    name.filter(|name| !name.trim().is_empty())
        .unwrap_or(&realm.name)
}

/// The policy of a realm's pages; one that no header can hold is Keycloak's default.
fn policy_of(realm: &Realm) -> &str {
    let own = realm.rep.browser_security_headers.as_ref();
    own.and_then(|headers| headers.get("contentSecurityPolicy"))
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|policy| policy.ends_with(';'))
        .filter(|policy| policy.chars().all(|c| c == ' ' || c.is_ascii_graphic()))
        .unwrap_or(POLICY)
}

/// The path of an absolute URL; empty where there is none.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |start| &rest[start..])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_path_of_a_url_begins_with_a_slash() {
        assert_eq!(super::path_of("http://h:1/x/realms/r"), "/x/realms/r");
        assert_eq!(super::path_of("http://h"), "");
    }
}
