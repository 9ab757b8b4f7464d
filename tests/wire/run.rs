//! Sends the requests of one file and judges the answers.

use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::http::{Request, Response};

use crate::case::{self, Expect, Row, Variables};
use crate::{Report, keys, matching};

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
    let mut run = Run {
        target,
        variables: Variables::new(&target.base),
        realms: vec![],
    };
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
            let value = match place.as_str() {
                "location" => location.map(str::to_owned),
                "text" => Some(answer.text()),
                place => serde_json::from_slice(&answer.body)
                    .ok()
                    .and_then(|body| inside(&body, place)),
            };
            self.variables.set(
                name,
                value.ok_or(format!("nothing at {place:?} to be kept as {name:?}"))?,
            );
        }
        Ok(())
    }

    fn send(&self, row: &Row) -> Result<(Request, Response), String> {
        let fill = |text: &str| self.variables.fill(text);
        let call = fill(&row.call)?;
        let (method, target) = call
            .split_once(' ')
            .ok_or(format!("no method and path: {call:?}"))?;
        let mut request = Request::new(method, target);
        if let Some([user, password]) = &row.basic {
            let credentials = STANDARD.encode(format!("{}:{}", fill(user)?, fill(password)?));
            request = request.header("Authorization", format!("Basic {credentials}"));
        }
        match &row.bearer {
            Some(token) if token.is_empty() => {}
            Some(token) => request = request.bearer(&fill(token)?),
            None if target.starts_with("/admin") => {
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
        if let Some(form) = &row.form {
            request = request.header("Content-Type", "application/x-www-form-urlencoded");
            request = request.body(form_text(&self.variables.fill_json(form)?)?);
        }
        if let Some(body) = &row.body {
            request = request.body(fill(body)?);
        }
        let answer = request.send(&self.target.base);
        answer
            .map(|answer| (request, answer))
            .map_err(|error| format!("  request   {call}\n  no answer: {error}"))
    }
}

/// The value at a JSON pointer, or at `header <pointer to a token> <pointer in its header>`.
fn inside(body: &Value, place: &str) -> Option<String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let Some((token, pointer)) = place
        .strip_prefix("header ")
        .and_then(|places| places.split_once(' '))
    else {
        return body.pointer(place).map(text);
    };
    keys::Token::read(body.pointer(token)?.as_str()?)
        .ok()?
        .header
        .pointer(pointer)
        .map(text)
}

/// A form as an object of strings, or as text that is sent as it stands.
fn form_text(form: &Value) -> Result<String, String> {
    let escape = |text: &str| {
        let letter = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(letter).collect::<String>()
    };
    match form {
        Value::String(text) => Ok(text.clone()),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                Some(format!("{}={}", escape(name), escape(value.as_str()?)))
            };
            let fields: Option<Vec<String>> = fields.iter().map(field).collect();
            Ok(fields.ok_or("form values are strings")?.join("&"))
        }
        _ => Err("a form is a table or a text".into()),
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
    for name in ["Content-Type", "Location", "WWW-Authenticate", "Set-Cookie"] {
        if let Some(value) = answer.header(name) {
            write!(text, "\n            {name}: {value}").ok();
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
