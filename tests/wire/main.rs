//! The contract, exchange by exchange: each `.toml` file here holds requests and the answers they must get.
//!
//! Run as it is, the files are held against a server of our own. With `KEYCLOAK_URL=http://localhost:8180` they are held
//! against that Keycloak (administrator admin/admin, docker feature on): it must answer alike, save in the rows that name a
//! decision; these must be answered as `keycloak` says, and are printed. Arguments are parts of file names to run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

mod browser;
mod case;
mod keys;
mod listener;
mod matching;
mod page;
mod run;
mod text;

/// What came of one file.
#[derive(Default)]
pub struct Report {
    pub passed: usize,
    pub failures: Vec<String>,
    /// Decision → rows in which the servers differ because of it.
    pub differences: BTreeMap<String, Vec<String>>,
}

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire");
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let files = files(&folder, &wanted);
    if files.is_empty() {
        println!("wire: no file is called like {wanted:?}");
        return ExitCode::SUCCESS;
    }

    let keycloak = std::env::var("KEYCLOAK_URL").ok();
    let own = keycloak.is_none().then(testkit::Server::start_dev);
    let base = keycloak
        .as_deref()
        .or(own.as_ref().map(|server| server.url.as_str()))
        .expect("one of the two");
    let server = run::Target::new(base.trim_end_matches('/'), own.is_none());

    let report = run_all(&server, &files);
    let mut failures = report.failures;
    let decisions = decisions(&folder);
    let mut differences: Vec<_> = report.differences.iter().collect();
    differences.sort_by_key(|(id, _)| (id.chars().next(), id.len(), *id));
    for (id, rows) in differences {
        match decisions.texts.get(id) {
            Some(text) if server.is_keycloak => {
                println!("{id:>4}  {text}\n        {}", rows.join("\n        "))
            }
            Some(_) => {}
            None => failures.push(format!("{id} is not in decisions.toml, but in {rows:?}")),
        }
    }
    if wanted.is_empty() {
        let unseen = decisions
            .texts
            .keys()
            .filter(|id| !report.differences.contains_key(*id));
        failures.extend(unseen.map(|id| format!("decision {id} has no row")));
        failures.extend(decisions.missing_in_the_book());
        failures.extend(unnamed_exchanges(&folder, &files));
    }
    for failure in &failures {
        println!("\nFAILED {failure}");
    }
    let rows: BTreeSet<&String> = report.differences.values().flatten().collect();
    let against = if server.is_keycloak {
        "Keycloak"
    } else {
        "realmkeep"
    };
    let (passed, different, failed) = (report.passed, rows.len(), failures.len());
    println!(
        "\nwire, {against}: {passed} rows as expected, {different} of them by a decision; {failed} failed"
    );
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn files(folder: &Path, wanted: &[String]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of wire files");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("its entries").path())
        .collect();
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_wanted = wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
        let is_case = name.ends_with(".toml") && name != "decisions.toml" && name != "shapes.toml";
        is_case && is_wanted
    });
    files.sort();
    files
}

/// What stands in `decisions.toml`.
#[derive(serde::Deserialize)]
struct Decisions {
    /// Why we differ, for those that the book gives a reason for.
    why: BTreeMap<String, String>,
    /// In what, by the decision's id.
    #[serde(flatten)]
    texts: BTreeMap<String, String>,
}

impl Decisions {
    /// Lines that the book should have.
    fn missing_in_the_book(&self) -> Vec<String> {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let read = |name: &str| std::fs::read_to_string(docs.join(name)).expect("the book");
        let missing = self.texts.iter().filter_map(|(id, text)| {
            let why = self.why.get(id).map_or("(no reason)", String::as_str);
            let (file, line) = match id.chars().next() {
                Some('D') => ("docker.md", format!("| {id} |")),
                Some('O') => ("openid-connect.md", format!("| {id} | {text} | {why} |")),
                _ => ("admin-api.md", format!("| {id} | {text} | {why} |")),
            };
            (!read(file).contains(&line)).then(|| format!("docs/{file} should hold: {line}"))
        });
        missing.collect()
    }
}

fn decisions(folder: &Path) -> Decisions {
    let text = std::fs::read_to_string(folder.join("decisions.toml")).expect("decisions.toml");
    toml::from_str(&text).expect("decisions.toml: id = text, and [why]")
}

/// Lines of `exchanges.txt`, one for each recorded exchange of the contract, that no row replays: a row names them in
/// `exchange`, or by its own name in the file `oidc-{recording}.toml`.
fn unnamed_exchanges(folder: &Path, files: &[PathBuf]) -> Vec<String> {
    let mut named = BTreeSet::new();
    for path in files {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        for row in case::read(path).map(|case| case.rows).unwrap_or_default() {
            named.extend(row.exchange.split_whitespace().map(str::to_owned));
            if let Some(recording) = stem.strip_prefix("oidc-") {
                named.insert(format!("{recording}/{}", row.name));
            }
        }
    }
    let recorded = std::fs::read_to_string(folder.join("exchanges.txt")).expect("exchanges.txt");
    let unnamed = recorded.lines().filter(|line| !named.contains(*line));
    unnamed
        .map(|line| format!("no row replays {line:?}"))
        .collect()
}

/// Every file has realms of its own, so several run at a time.
fn run_all(server: &run::Target, files: &[PathBuf]) -> Report {
    let next = Mutex::new(files.iter());
    let total = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(path) = { next.lock().expect("queue").next() } {
                    let report = run::file(server, path);
                    let mut total = total.lock().expect("report");
                    total.passed += report.passed;
                    total.failures.extend(report.failures);
                    for (id, rows) in report.differences {
                        total.differences.entry(id).or_default().extend(rows);
                    }
                }
            });
        }
    });
    total.into_inner().expect("report")
}
