//! Sends the requests of one file and judges the answers.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::http::{Request, Response};

use crate::browser::{self, Browser};
use crate::case::{self, Expect, Row, Variables};
use crate::listener::Listener;
use crate::{Report, keys, matching, page};

/// The server under test.
pub struct Target {
    base: String,
    pub is_keycloak: bool,
    /// The administrator's token and when it was given; Keycloak's is good for a minute.
    token: Mutex<Option<(String, Instant)>>,
}

impl Target {
    pub fn new(base: &str, is_keycloak: bool) -> Target {
        Target {
            base: base.to_owned(),
            is_keycloak,
            token: Mutex::new(None),
        }
    }

    fn admin_token(&self) -> String {
        let mut token = self.token.lock().expect("token");
        match &*token {
            Some((text, given)) if given.elapsed() < Duration::from_secs(20) => text.clone(),
            _ => {
                let text = testkit::admin_token(&self.base);
                *token = Some((text.clone(), Instant::now()));
                text
            }
        }
    }

    fn realm_keys(&self, realm: &str) -> Result<Vec<keys::Key>, String> {
        let request =
            Request::new("GET", format!("/admin/realms/{realm}/keys")).bearer(&self.admin_token());
        let answer = request
            .send(&self.base)
            .map_err(|error| error.to_string())?;
        match answer.status {
            200 => Ok(keys::read(&answer.json())),
            status => Err(format!(
                "keys of realm {realm:?}: {status} {}",
                answer.text()
            )),
        }
    }
}

/// Runs one file: its set-up, its rows, and the removal of the realms that it made.
pub fn file(target: &Target, path: &Path) -> Report {
    let mut report = Report::default();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let listener = Listener::start().expect("a free port on 127.0.0.1");
    let mut run = Run {
        target,
        variables: Variables::new(&target.base),
        realms: vec![],
        browsers: HashMap::new(),
        listener,
    };
    run.variables.set("listener", run.listener.url.clone());
    match case::read(path) {
        Err(why) => report.failures.push(format!("{name}: {why}")),
        Ok(case) => match run.steps(&case.setup) {
            Err(why) => report.failures.push(format!("{name}, set-up: {why}")),
            Ok(()) => {
                for row in &case.rows {
                    match run.row(row, &case.always) {
                        Err(why) => report.failures.push(format!("{name}: {}\n{why}", row.name)),
                        Ok(()) => {
                            report.passed += 1;
                            for id in row.decision.split([',', ' ']).filter(|id| !id.is_empty()) {
                                let rows = report.differences.entry(id.to_owned()).or_default();
                                rows.push(format!("{name}: {}", row.name));
                            }
                        }
                    }
                }
            }
        },
    }
    for realm in &run.realms {
        let request =
            Request::new("DELETE", format!("/admin/realms/{realm}")).bearer(&target.admin_token());
        request.send(&target.base).ok();
    }
    report
}

struct Run<'a> {
    target: &'a Target,
    variables: Variables,
    realms: Vec<String>,
    browsers: HashMap<String, Browser>,
    listener: Listener,
}

impl Run<'_> {
    /// # Errors
    /// The first step that got no 2xx, or not what it expects.
    fn steps(&mut self, steps: &[Row]) -> Result<(), String> {
        for step in steps {
            for _ in 0..step.times {
                self.attempt(step, |run, answer| match step.expect.status {
                    None if !(200..300).contains(&answer.status) => {
                        Err("expected success".to_owned())
                    }
                    _ => run.judge(&step.expect, answer),
                })?;
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Row, always: &Expect) -> Result<(), String> {
        self.steps(&row.before)?;
        self.attempt(row, |run, answer| match &row.keycloak {
            Some(keycloak) if run.target.is_keycloak => {
                run.judge(&row.expect.with(keycloak), answer)?;
                match run.judge(&row.expect, answer) {
                    Ok(()) => Err(format!(
                        "Keycloak answers like us: {} is no difference here",
                        row.decision
                    )),
                    Err(_) => Ok(()),
                }
            }
            _ if run.target.is_keycloak => run.judge(&row.expect, answer),
            _ => run.judge(&always.with(&row.expect), answer),
        })
    }

    /// Sends, until the answer is right or the row's time is over.
    fn attempt(
        &mut self,
        row: &Row,
        judge: impl Fn(&Self, &Response) -> Result<(), String>,
    ) -> Result<(), String> {
        let begin = Instant::now();
        loop {
            let (request, answer) = self.send(row)?;
            let verdict = judge(self, &answer);
            if verdict.is_err() && begin.elapsed().as_secs_f64() < row.within {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            let done = verdict.and_then(|()| self.keep(row, &answer));
            return done.map_err(|why| describe(&why, &request, &answer));
        }
    }

    fn judge(&self, expect: &Expect, answer: &Response) -> Result<(), String> {
        let expect = self.variables.fill_expect(expect)?;
        let keys = |realm: &str| self.target.realm_keys(realm);
        matching::answer(&expect, answer, now(), &keys)
    }

    fn keep(&mut self, row: &Row, answer: &Response) -> Result<(), String> {
        let location = answer
            .header("Location")
            .and_then(|location| location.rsplit('/').next());
        if row.call.trim_end_matches('/') == "POST /admin/realms" && answer.status == 201 {
            self.realms.extend(location.map(str::to_owned));
        }
        for (name, place) in &row.capture {
            let value = kept(answer, place);
            self.variables.set(
                name,
                value.ok_or(format!("nothing at {place:?} to be kept as {name:?}"))?,
            );
        }
        Ok(())
    }

    fn send(&mut self, row: &Row) -> Result<(Request, Response), String> {
        let request = self.request(row)?;
        let (method, target) = (&request.method, &request.target);
        let answer = if row.call == "received" {
            self.listener.next()?
        } else {
            (request.send(&self.target.base))
                .map_err(|error| format!("  request   {method} {target}\n  no answer: {error}"))?
        };
        if !row.browser.is_empty() {
            let browser = self.browsers.entry(row.browser.clone());
            browser.or_default().keep(&answer);
        }
        Ok((request, answer))
    }

    fn request(&self, row: &Row) -> Result<Request, String> {
        let fill = |text: &str| self.variables.fill(text);
        let base = &self.target.base;
        let browser = self.browsers.get(&row.browser);
        let call = fill(&row.call)?;
        let mut request = match (call.split_once(' '), browser) {
            (Some((method, url)), _) => Request::new(method, browser::local(url, base)),
            (None, Some(browser)) if call == "follow" => browser.follow(base),
            (None, Some(browser)) if call == "submit" => {
                let fields = row.form.as_ref().map(|form| self.variables.fill_json(form));
                browser.submit(base, &fields.transpose()?.unwrap_or_default())?
            }
            (None, _) if call == "received" => Request::new("(received)", ""),
            _ => return Err(format!("no method and path: {call:?}")),
        };
        if let Some(query) = &row.query {
            let query = browser::form_text(&self.variables.fill_json(query)?)?;
            request.target = format!("{}?{query}", request.target);
        }
        if !row.browser.is_empty() {
            request = request.header("Accept", "text/html");
        }
        if let Some(cookies) = browser.and_then(|browser| browser.cookies(&request.target)) {
            request = request.header("Cookie", cookies);
        }
        if let Some([user, password]) = &row.basic {
            let credentials = STANDARD.encode(format!("{}:{}", fill(user)?, fill(password)?));
            request = request.header("Authorization", format!("Basic {credentials}"));
        }
        match &row.bearer {
            Some(token) if token.is_empty() => {}
            Some(token) => request = request.bearer(&fill(token)?),
            None if request.target.starts_with("/admin") => {
                request = request.bearer(&self.target.admin_token())
            }
            None => {}
        }
        for header in &row.headers {
            let header = fill(header)?;
            let (name, value) = header
                .split_once(':')
                .ok_or(format!("no header: {header:?}"))?;
            let bytes = value
                .trim_start()
                .chars()
                .map(|letter| u8::try_from(u32::from(letter)));
            let bytes = bytes
                .collect::<Result<Vec<u8>, _>>()
                .map_err(|_| format!("beyond one byte: {header:?}"))?;
            request = request.header(name, bytes);
        }
        if let Some(json) = &row.json {
            request = request.json(&self.variables.fill_json(json)?);
        }
        if let Some(form) = row.form.as_ref().filter(|_| call != "submit") {
            request = request.header("Content-Type", "application/x-www-form-urlencoded");
            request = request.body(browser::form_text(&self.variables.fill_json(form)?)?);
        }
        if let Some(body) = &row.body {
            request = request.body(fill(body)?);
        }
        Ok(request)
    }
}

/// The value in an answer that a row wants kept (see `Row::capture`).
fn kept(answer: &Response, place: &str) -> Option<String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let location = answer.header("Location");
    let body = || serde_json::from_slice::<Value>(&answer.body).ok();
    match (place.split_once(' '), place) {
        (_, "text") => Some(answer.text()),
        (_, "url") => location.map(str::to_owned),
        (_, "location") => location?.rsplit('/').next().map(str::to_owned),
        (Some(("input", name)), _) => {
            let form = page::read(&answer.text()).form?;
            let field = form.fields.into_iter().find(|field| field.name == name);
            field.map(|field| field.value)
        }
        (_, "action") => Some(page::read(&answer.text()).form?.action),
        (Some(("action", name)), _) => {
            let action = page::read(&answer.text()).form?.action;
            let fields = browser::parameters(action.split_once('?')?.1);
            fields.get(name).map(text)
        }
        (Some((part @ ("query" | "fragment"), name)), _) => {
            browser::location(answer).get(part)?.get(name).map(text)
        }
        (Some((part @ ("header" | "claims"), pointers)), _) => {
            let (token, pointer) = pointers.split_once(' ')?;
            let token = keys::Token::read(body()?.pointer(token)?.as_str()?).ok()?;
            let part = if part == "header" {
                token.header
            } else {
                token.claims
            };
            part.pointer(pointer).map(text)
        }
        (_, pointer) => body()?.pointer(pointer).map(text),
    }
}

fn describe(why: &str, request: &Request, answer: &Response) -> String {
    let mut text = format!(
        "  expected  {}\n  request   {} {}",
        cut(why),
        request.method,
        request.target
    );
    for (name, value) in &request.headers {
        let value = String::from_utf8_lossy(value);
        let value = if value.starts_with("Bearer ey") {
            "Bearer <token>"
        } else {
            &value
        };
        write!(text, "\n            {name}: {value}").ok();
    }
    if let Some(body) = &request.body {
        write!(
            text,
            "\n            {}",
            cut(&String::from_utf8_lossy(body))
        )
        .ok();
    }
    write!(text, "\n  seen      {}", answer.status).ok();
    const TELLING: [&str; 4] = ["content-type", "location", "www-authenticate", "set-cookie"];
    for (name, value) in &answer.headers {
        if TELLING.contains(&name.to_lowercase().as_str()) {
            write!(text, "\n            {name}: {}", cut(value)).ok();
        }
    }
    write!(text, "\n            {}", cut(&answer.text())).ok();
    text
}

fn cut(text: &str) -> String {
    let short: String = text.chars().take(500).collect();
    if short.len() < text.len() {
        short + " …"
    } else {
        short
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the servers under test go by the real clock"
)]
fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    elapsed.as_secs() as i64
}
