//! The way of a docker client: registry, challenge, token endpoint, login, and back with the token.

use reqwest::Url;
use reqwest::header::LOCATION;

use super::Registry;
use super::challenge::Bearer;
use super::config::Config;
use super::endpoint::{self, Said};
use super::report::{no, note, ok};
use super::token::Token;
use super::web::{self, Answer, Failure, Web};

/// Both registries take a token this many seconds before and after its time.
const LEEWAY: i64 = 60;

pub(super) struct Walk {
    pub web: Web,
    pub args: Registry,
    pub password: String,
    pub configured: Option<Config>,
    /// What is wrong and what to do, the first cause first.
    pub faults: Vec<String>,
}

/// A step that ends the walk has said so already.
type Step<T> = Option<T>;

impl Walk {
    /// Walks, prints each step, and returns the faults.
    pub async fn all(mut self) -> Vec<String> {
        if self.steps().await.is_none() && self.faults.is_empty() {
            note("end", "the walk could not go on");
        }
        self.faults
    }

    async fn steps(&mut self) -> Step<()> {
        let api = self.api();
        let (bearer, registry) = self.challenge(&api).await?;
        let url = self.realm(&api, &bearer)?;
        let (answer, token) = self.ask(&url, &bearer).await?;
        let Some(token) = token else {
            note(
                "token",
                "the rest needs somebody who may log in: --user NAME --password-stdin",
            );
            self.clocks(registry.ahead, answer.ahead, None);
            self.compare(&url, &bearer, None, None);
            return Some(());
        };
        // Its own time says more than a `Date`, which may be that of a proxy.
        let ahead = token.issued_at - store::clock::now();
        self.clocks(registry.ahead, Some(ahead), Some(&token));
        let taken = self.present(&api, &token).await?;
        let now = store::clock::now() + registry.ahead.unwrap_or(0);
        self.compare(&url, &bearer, Some(&token), Some(taken));
        self.trust(&token, now, taken);
        if !taken && self.faults.is_empty() {
            self.fault(self.unexplained(&url, &bearer, &token));
        }
        Some(())
    }

    /// `…/v2/` of the registry.
    fn api(&self) -> Url {
        let mut url = self.args.url.clone();
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/v2").unwrap_or(path);
        url.set_path(&format!("{path}/v2/"));
        url
    }

    async fn challenge(&mut self, api: &Url) -> Step<(Bearer, Answer)> {
        let answer = match self.web.get(api).await {
            Ok(answer) => answer,
            Err(failure) => return self.no_answer("registry", api, failure).await,
        };
        if web::wants_tls(&answer) {
            let fault =
                format!("http/https mix: {api} speaks https. Call the registry by https://");
            return self.fail("registry", "it answers http with «https is due»", fault);
        }
        if (300..400).contains(&answer.status) {
            let to = answer.header(LOCATION).unwrap_or("nowhere").to_owned();
            let fault = format!("no registry at {api}: it redirects to {to}. Call that one");
            return self.fail(
                "registry",
                &format!("{api} answers {}", answer.status),
                fault,
            );
        }
        ok("registry", &format!("{api} answers {}", answer.status));
        if let Some(bearer) = Bearer::of(&answer) {
            ok(
                "challenge",
                &format!("realm {}, service {}", bearer.realm, bearer.service),
            );
            return Some((bearer, answer));
        }
        let scheme = answer.challenges().next().map(|challenge| {
            let scheme = challenge.split_whitespace().next();
            scheme.unwrap_or_default().to_owned()
        });
        let fault = match (answer.status, scheme) {
            (200, _) => "no authentication: the registry lets everybody in. Give it the section auth.token of the client's \
                         docker-v2-registry-config-file"
                .to_owned(),
            (_, Some(scheme)) => format!(
                "other authentication: the registry asks for {scheme}, not for tokens. Replace its section auth by the client's \
                 docker-v2-registry-config-file"
            ),
            (status, None) => format!(
                "no registry at {api}: it answers {status} without a challenge. Give the URL that docker clients use"
            ),
        };
        self.fail("challenge", "no Bearer challenge", fault)
    }

    /// The URL of the challenge, to which clients send passwords.
    fn realm(&mut self, api: &Url, bearer: &Bearer) -> Step<Url> {
        let url = match Url::parse(&bearer.realm) {
            Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => url,
            _ => {
                let fault = format!(
                    "wrong realm path: auth.token.realm is «{}», which is no URL. Set it to the server's \
                     https://…/realms/<realm>/protocol/docker-v2/auth",
                    bearer.realm
                );
                return self.fail("realm", "no URL", fault);
            }
        };
        if bearer.service.is_empty() {
            let fault = "wrong service: the challenge names none. Set auth.token.service to the clientId of the docker-v2 client";
            return self.fail("service", "missing", fault.to_owned());
        }
        if url.scheme() == "http" && !loopback(&url) {
            if api.scheme() == "https" {
                let fault = format!(
                    "http/https mix: the registry speaks https and sends passwords to {url} in plain http. Set auth.token.realm to \
                     the https:// URL of the server"
                );
                self.fail::<()>("realm", "plain http", fault);
            }
            if self.args.user.is_some() && !self.args.insecure_password {
                let fault = format!(
                    "http/https mix: the password would go to {url} in plain http. Set auth.token.realm to https://, or say \
                     --insecure-password"
                );
                return self.fail("realm", "plain http", fault);
            }
        }
        Some(url)
    }

    /// Asks the token endpoint: first as nobody, so that no password goes to what is no token endpoint.
    async fn ask(&mut self, realm: &Url, bearer: &Bearer) -> Step<(Answer, Option<Token>)> {
        let mut url = realm.clone();
        url.query_pairs_mut()
            .append_pair("service", &bearer.service);
        if let Some(scope) = &bearer.scope {
            url.query_pairs_mut().append_pair("scope", scope);
        }
        let answer = match self.web.get(&url).await {
            Ok(answer) => answer,
            Err(failure) => return self.no_answer("realm", realm, failure).await,
        };
        let said = self.said(realm, bearer, &answer)?;
        ok("realm", &format!("{realm} hands out docker tokens"));
        ok(
            "service",
            &format!("the realm has the client {}", bearer.service),
        );
        let Some(user) = self.args.user.clone() else {
            return self.token(answer, said);
        };
        url.query_pairs_mut().append_pair("account", &user);
        let answer = match self.web.get_as(&url, &user, &self.password).await {
            Ok(answer) => answer,
            Err(failure) => return self.no_answer("realm", realm, failure).await,
        };
        match self.said(realm, bearer, &answer)? {
            Said::Refused(text) => {
                let fault = format!("login refused: the identity server says to {user}: {text}");
                self.fail("login", &format!("{user} gets no token"), fault)
            }
            said => {
                ok("login", &format!("{user} gets a token"));
                self.token(answer, said)
            }
        }
    }

    fn said(&mut self, realm: &Url, bearer: &Bearer, answer: &Answer) -> Step<Said> {
        match endpoint::judge(realm, &bearer.service, answer) {
            Ok(said) => Some(said),
            Err(fault) => {
                let step = if fault.contains("service") {
                    "service"
                } else {
                    "realm"
                };
                let text = format!("{realm} answers {}", answer.status);
                self.fail(step, &text, fault)
            }
        }
    }

    fn token(&mut self, answer: Answer, said: Said) -> Step<(Answer, Option<Token>)> {
        let Said::Token(text) = said else {
            return Some((answer, None));
        };
        let Some(token) = Token::read(&text) else {
            let fault =
                "unreadable token: the identity server's token is no JWT that a registry reads";
            return self.fail("token", "unreadable", fault.to_owned());
        };
        let with = if token.chain.is_empty() {
            "without"
        } else {
            "with"
        };
        let (issuer, alg, kid) = (&token.issuer, &token.alg, &token.kid);
        ok(
            "token",
            &format!("issuer {issuer}, {alg}, key {kid}, {with} certificate"),
        );
        Some((answer, Some(token)))
    }

    /// Compares the clocks by how far each is ahead of this machine's.
    fn clocks(&mut self, registry: Option<i64>, server: Option<i64>, token: Option<&Token>) {
        let (Some(registry), Some(server)) = (registry, server) else {
            return note("clock", "not compared: no Date in an answer");
        };
        let apart = server - registry;
        let text = format!(
            "against this machine the registry is at {registry:+} s, the identity server at {server:+} s"
        );
        let late = match token {
            None => apart.abs() > LEEWAY,
            Some(token) => {
                let now = store::clock::now() + registry;
                token.not_before > now + LEEWAY || token.expires < now - LEEWAY
            }
        };
        if !late {
            return ok("clock", &text);
        }
        let direction = if apart > 0 { "ahead of" } else { "behind" };
        let wrong = match (server.abs() > LEEWAY, registry.abs() > LEEWAY) {
            (true, false) => {
                "This machine agrees with the registry: set the identity server's clock"
            }
            (false, true) => {
                "This machine agrees with the identity server: set the registry's clock"
            }
            _ => "Set both by NTP",
        };
        let apart = apart.abs();
        let fault = format!(
            "clock: the identity server is {apart} s {direction} the registry, which takes no token outside of its time. {wrong}"
        );
        self.fail::<()>("clock", &text, fault);
    }

    /// Whether the registry takes the token.
    async fn present(&mut self, api: &Url, token: &Token) -> Step<bool> {
        let answer = match self.web.get_with(api, &token.text).await {
            Ok(answer) => answer,
            Err(failure) => return self.no_answer("registry", api, failure).await,
        };
        if answer.status == 200 {
            ok("accepted", "the registry takes the token");
            return Some(true);
        }
        let mut text = format!("the registry answers {}", answer.status);
        if let Some(bearer) = Bearer::of(&answer) {
            for word in [bearer.error, bearer.description].into_iter().flatten() {
                text = format!("{text}, {word}");
            }
        }
        no("accepted", &text);
        Some(false)
    }

    fn unexplained(&self, realm: &Url, bearer: &Bearer, token: &Token) -> String {
        let secure = if realm.scheme() == "http" && token.issuer.starts_with("https://") {
            " (the token's issuer is https, the challenge's realm http: are both meant?)"
        } else {
            ""
        };
        if self.args.config.is_some() {
            return "restart: the registry refuses a token that this configuration takes. It reads configuration, rootcertbundle and \
                    jwks when it starts: restart it, or give the files that it runs with"
                .to_owned();
        }
        format!(
            "refused: the registry takes no token and does not say why. Its auth.token must have service {} and issuer {}{secure}, and \
             as rootcertbundle the client's docker-v2-ca-bundle since its start; --config FILE (and --bundle FILE) compares them",
            bearer.service, token.issuer
        )
    }

    async fn no_answer<T>(&mut self, step: &str, url: &Url, failure: Failure) -> Step<T> {
        let other = if url.scheme() == "http" {
            "https"
        } else {
            "http"
        };
        let mixed = match failure {
            Failure::NoTls => true,
            Failure::NoHttp(_) => self.web.answers_as(url, other).await,
            _ => false,
        };
        let (subject, cure) = match step {
            "registry" => ("the registry", format!("Call it by {other}://")),
            _ => (
                "the identity server",
                format!(
                    "Set auth.token.realm to {other}://, or have the server speak {}",
                    url.scheme()
                ),
            ),
        };
        if mixed {
            let fault = format!(
                "http/https mix: {url} is called, and {subject} speaks {other} there. {cure}"
            );
            return self.fail(step, &format!("{url} speaks {other}"), fault);
        }
        let (text, fault) = match failure {
            Failure::Certificate(why) => (
                format!("{url}: {why}"),
                format!(
                    "untrusted TLS certificate: {subject} at {url}: {why}. Give its authority with --ca FILE, as docker clients need it"
                ),
            ),
            Failure::NoTls => (String::new(), String::new()),
            Failure::NoHttp(why) | Failure::Unreachable(why) => (
                format!("{url}: {why}"),
                format!(
                    "unreachable: {subject} at {url}: {why}. Is it running, and is the name right?"
                ),
            ),
        };
        self.fail(step, &text, fault)
    }

    /// Prints that a step failed, and remembers why.
    pub fn fail<T>(&mut self, step: &str, text: &str, fault: String) -> Step<T> {
        no(step, text);
        self.fault(fault);
        None
    }

    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }
}

fn loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback())
}
