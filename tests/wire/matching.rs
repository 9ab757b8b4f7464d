//! Does an answer match what a row expects?
//!
//! Strings may hold holes anywhere: `$uuid`, `$any` (anything, also nothing), `$string` (anything but nothing), `$kid`
//! (43 characters of base64url), `$secret` (86 letters and digits), `$base64` (in lines or not), `$digits`. A string that is only a hole may stand for other kinds of value:
//! `$number`, `$bool`, `$object`, `$array`, `$null`, `$absent` (no such member or header), and the times below, which must agree with one another:
//! `$time:x` a number of seconds, `$time:x+300` one that is 300 more (`$time:~x` to a second, in what cannot be asked twice), `$iso:x` the same time in ISO 8601, `$now` seconds
//! and `$millis` milliseconds near the present, `$about:300` what is left of 300 seconds when few have passed.
//!
//! Objects may hold instructions: `$more = true` further members are welcome · `$set = [..]` an array in any order ·
//! `$has = [..]` an array with at least these · `$each = x` an array of such · `$words = "a b"` a string of these words in any order ·
//! `$json = x` a string that is JSON · `$jwt = { header, claims }` a token that a key of its realm has signed
//! (`signer`: which one; `unverified = true` for those that only the server can check).

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use serde_json::{Map, Value};
use testkit::http::Response;

use crate::case::Expect;
use crate::keys::{self, Key};
use crate::{browser, page, text};

/// Gives the keys of a realm, by its name.
pub type Keys<'a> = &'a dyn Fn(&str) -> Result<Vec<Key>, String>;

type Check = Result<(), String>;

struct Matching<'a> {
    keys: Keys<'a>,
    now: i64,
    /// Name of a time → what was seen for it, reduced to seconds.
    times: BTreeMap<String, Vec<i64>>,
    /// The key that signed the token at hand.
    signer: Option<Key>,
}

/// # Errors
/// The first difference, in words.
pub fn answer(expect: &Expect, seen: &Response, now: i64, keys: Keys) -> Check {
    if let Some(status) = expect.status
        && status != seen.status
    {
        return Err(format!("status: expected {status}, seen {}", seen.status));
    }
    for (name, pattern) in &expect.headers {
        match (seen.header(name), pattern.as_str()) {
            (None, "$absent") => {}
            (Some(value), pattern) if pattern != "$absent" && text::fits(pattern, value) => {}
            (value, _) => {
                return Err(format!(
                    "header {name}: expected {pattern:?}, seen {value:?}"
                ));
            }
        }
    }
    if expect.empty && !seen.body.is_empty() {
        return Err("expected no body".into());
    }
    if let Some(pattern) = &expect.text
        && !text::fits(pattern, &seen.text())
    {
        return Err(format!("text: expected {pattern:?}"));
    }
    if let Some(part) = &expect.html {
        media_type(seen, "text/html")?;
        if !seen.text().contains(part) {
            return Err(format!("expected a page that holds {part:?}"));
        }
    }
    if let Some(files) = &expect.zip {
        archive(files, &seen.body)?;
    }
    if let Some(cookies) = &expect.cookies {
        set_cookies(cookies, seen)?;
    }
    let mut parts = vec![];
    if let Some(location) = &expect.location {
        parts.push(("Location", location, browser::location(seen)));
    }
    if let Some(page) = &expect.page {
        media_type(seen, "text/html")?;
        parts.push(("page", page, page::read(&seen.text()).as_json()));
    }
    if let Some(form) = &expect.form {
        media_type(seen, "application/x-www-form-urlencoded")?;
        parts.push(("form", form, browser::parameters(&seen.text())));
    }
    if let Some(json) = &expect.json {
        media_type(seen, "application/json")?;
        let body = serde_json::from_slice(&seen.body)
            .map_err(|error| format!("expected JSON: {error}"))?;
        parts.push(("body", json, body));
    }
    let mut matching = Matching {
        keys,
        now,
        times: BTreeMap::new(),
        signer: None,
    };
    for (name, expected, seen) in parts {
        matching.value(expected, Some(&seen), name)?;
    }
    matching.times_agree()
}

/// All cookies that an answer sets, by name, with what follows `name=`.
fn set_cookies(expected: &BTreeMap<String, String>, seen: &Response) -> Check {
    let seen: BTreeMap<&str, &str> = browser::set_cookies(seen).collect();
    let fit = expected.len() == seen.len()
        && (expected.iter()).all(|(name, pattern)| {
            (seen.get(name.as_str())).is_some_and(|seen| text::fits(pattern, seen))
        });
    if fit {
        Ok(())
    } else {
        Err(format!("cookies: expected {expected:?}, seen {seen:?}"))
    }
}

fn media_type(seen: &Response, expected: &str) -> Check {
    let header = seen.header("Content-Type").unwrap_or_default();
    let media_type = header.split(';').next().unwrap_or_default().trim();
    if media_type == expected {
        Ok(())
    } else {
        Err(format!(
            "Content-Type: expected {expected}, seen {header:?}"
        ))
    }
}

fn archive(files: &BTreeMap<String, String>, body: &[u8]) -> Check {
    let mut archive = zip::ZipArchive::new(Cursor::new(body))
        .map_err(|error| format!("expected an archive: {error}"))?;
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|error| error.to_string())?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)
            .map_err(|error| error.to_string())?;
        let name = file.name().map_err(|error| error.to_string())?.into_owned();
        if !file.is_dir() {
            seen.insert(name, String::from_utf8_lossy(&content).into_owned());
        }
    }
    if !files.keys().eq(seen.keys()) {
        return Err(format!(
            "archive: expected {:?}, seen {:?}",
            files.keys(),
            seen.keys()
        ));
    }
    match files
        .iter()
        .find(|(name, pattern)| !text::fits(pattern, &seen[*name]))
    {
        Some((name, pattern)) => Err(format!(
            "{name}: expected {pattern:?}, seen {:?}",
            seen[name]
        )),
        None => Ok(()),
    }
}

impl Matching<'_> {
    /// `seen` is `None` for a member that is not there.
    fn value(&mut self, expected: &Value, seen: Option<&Value>, at: &str) -> Check {
        let differs = || {
            let seen = seen.map_or("nothing".to_owned(), Value::to_string);
            Err(format!("{at}: expected {expected}, seen {seen}"))
        };
        let Some(seen) = seen else {
            return if expected == "$absent" {
                Ok(())
            } else {
                differs()
            };
        };
        let fits = match (expected, seen) {
            (Value::String(pattern), seen) => match self.hole(pattern, seen) {
                Some(fits) => fits,
                None => seen.as_str().is_some_and(|seen| text::fits(pattern, seen)),
            },
            (Value::Array(items), Value::Array(seen)) if items.len() == seen.len() => {
                for (index, (item, seen)) in items.iter().zip(seen).enumerate() {
                    self.value(item, Some(seen), &format!("{at}/{index}"))?;
                }
                true
            }
            (Value::Object(members), seen) => match instruction(members) {
                Some((name, argument)) => return self.instruction(name, argument, seen, at),
                None => match seen {
                    Value::Object(seen) => return self.members(members, seen, at),
                    _ => false,
                },
            },
            (expected, seen) => expected == seen,
        };
        if fits { Ok(()) } else { differs() }
    }

    fn members(
        &mut self,
        expected: &Map<String, Value>,
        seen: &Map<String, Value>,
        at: &str,
    ) -> Check {
        for (name, value) in expected.iter().filter(|(name, _)| *name != "$more") {
            self.value(value, seen.get(name), &format!("{at}/{name}"))?;
        }
        let more = seen.keys().find(|name| !expected.contains_key(*name));
        match more {
            Some(name) if !expected.contains_key("$more") => {
                Err(format!("{at}: expected no {name:?}: {}", seen[name]))
            }
            _ => Ok(()),
        }
    }

    fn instruction(&mut self, name: &str, argument: &Value, seen: &Value, at: &str) -> Check {
        let differs = |why: &str| {
            Err(format!(
                "{at}: expected {name} {argument}, {why}, seen {seen}"
            ))
        };
        match (name, argument, seen) {
            ("$set" | "$has", Value::Array(items), Value::Array(seen)) => {
                let mut left: Vec<&Value> = seen.iter().collect();
                for item in items {
                    let Some(found) = left
                        .iter()
                        .position(|seen| self.value(item, Some(seen), at).is_ok())
                    else {
                        return differs(&format!("nothing is like {item}"));
                    };
                    left.remove(found);
                }
                if name == "$set" && !left.is_empty() {
                    differs("there is more")
                } else {
                    Ok(())
                }
            }
            ("$each", each, Value::Array(seen)) => (seen.iter().enumerate())
                .try_for_each(|(i, item)| self.value(each, Some(item), &format!("{at}/{i}"))),
            ("$words", Value::String(expected), Value::String(text)) => {
                let words = |text: &str| {
                    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                    words.sort();
                    words
                };
                if words(expected) == words(text) {
                    Ok(())
                } else {
                    differs("other words")
                }
            }
            ("$json", expected, Value::String(text)) => match serde_json::from_str(text) {
                Ok(seen) => self.value(expected, Some(&seen), &format!("{at} (JSON text)")),
                Err(_) => differs("no JSON"),
            },
            ("$jwt", Value::Object(expected), Value::String(token)) => {
                let token = keys::Token::read(token).map_err(|why| format!("{at}: {why}"))?;
                if expected.get("unverified") != Some(&Value::Bool(true)) {
                    let realm_keys = (self.keys)(token.realm())?;
                    let signer = realm_keys.into_iter().find(|key| token.is_signed_by(key));
                    self.signer = Some(signer.ok_or(format!(
                        "{at}: no key of realm {:?} signed this",
                        token.realm()
                    ))?);
                }
                if let (Some(kid), Some(signer)) = (expected.get("signer"), &self.signer)
                    && kid != &signer.kid
                {
                    return Err(format!(
                        "{at}: expected the key {kid}, signed by {}",
                        signer.kid
                    ));
                }
                let open = Value::Object(Map::from_iter([("$more".to_owned(), Value::Bool(true))]));
                let header = expected.get("header").unwrap_or(&open);
                self.value(header, Some(&token.header), &format!("{at} (JWT header)"))?;
                self.value(
                    expected.get("claims").unwrap_or(&open),
                    Some(&token.claims),
                    &format!("{at} (JWT)"),
                )
            }
            _ => differs("another kind"),
        }
    }

    /// `None` if the pattern is not a hole for a whole value.
    fn hole(&mut self, pattern: &str, seen: &Value) -> Option<bool> {
        let signer =
            |get: fn(&Key) -> &str| self.signer.as_ref().is_some_and(|key| get(key) == seen);
        Some(match pattern {
            "$any" => true,
            "$absent" => false,
            "$number" => seen.is_number(),
            "$bool" => seen.is_boolean(),
            "$object" => seen.is_object(),
            "$array" => seen.is_array(),
            "$null" => seen.is_null(),
            "$now" => seen
                .as_i64()
                .is_some_and(|time| (time - self.now).abs() < 300),
            "$millis" => seen
                .as_i64()
                .is_some_and(|time| (time / 1000 - self.now).abs() < 300),
            _ if pattern.starts_with("$about:") => {
                let most = pattern["$about:".len()..].parse::<i64>().ok();
                let less = most.zip(seen.as_i64()).map(|(most, seen)| most - seen);
                less.is_some_and(|less| (0..=3).contains(&less))
            }
            // Of the key that signed the token: its id in the admin API and in `certs`, the same hash the way
            // docker-registry writes it, and its certificate.
            "$realm-kid" => signer(|key| &key.kid),
            "$docker-kid" => signer(|key| &key.docker_kid),
            "$certificate" => signer(|key| &key.certificate),
            _ => {
                let (kind, name) = pattern.split_once(':')?;
                let (name, plus) = name.split_once('+').unwrap_or((name, "0"));
                let seconds = match kind {
                    "$time" => seen.as_i64(),
                    "$iso" => seen.as_str().and_then(text::seconds),
                    _ => return None,
                };
                let reduced = seconds.and_then(|seconds| Some(seconds - plus.parse::<i64>().ok()?));
                self.times
                    .entry(name.to_owned())
                    .or_default()
                    .extend(reduced);
                reduced.is_some()
            }
        })
    }

    fn times_agree(&self) -> Check {
        for (name, times) in &self.times {
            let slack = i64::from(name.starts_with('~'));
            if times.iter().any(|time| (time - times[0]).abs() > slack) {
                return Err(format!("the times `{name}` do not agree: {times:?}"));
            }
            if (times[0] - self.now).abs() > 300 {
                return Err(format!(
                    "the time `{name}` is not the present: {}",
                    times[0]
                ));
            }
        }
        Ok(())
    }
}

/// The one member of an object that is an instruction.
fn instruction(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
    (name.starts_with('$') && name != "$more").then_some((name, argument))
}
