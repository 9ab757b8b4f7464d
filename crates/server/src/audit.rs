//! `audit` on the command line.

use anyhow::bail;
use clap::{Args, Subcommand};
use protocol::State;
use realm::event::Report;

use crate::files::{Place, at};

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Walk the events of a realm and name the first that was altered, added or is missing.
    Verify(Verify),
}

#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    place: Place,
    /// The realm.
    #[arg(long)]
    realm: String,
    /// The end of the chain as an earlier run has told it: NUMBER:HASH.
    #[arg(long, value_name = "END", value_parser = end)]
    noted: Option<(i64, String)>,
}

/// Whether all is as it was written; tells what was found.
pub(crate) fn run(audit: Audit) -> anyhow::Result<bool> {
    let Audit::Verify(args) = audit;
    let report = at(args.place, false, async |state: &State| {
        let realm = realm::list(&state.pool, Some(&args.realm), 0, 1).await?;
        let Some(realm) = realm.first() else {
            bail!("there is no realm {}", args.realm);
        };
        let mut snapshot = store::snapshot(&state.pool).await?;
        let noted = args.noted.as_ref();
        match realm::event::verify(&mut snapshot, &state.sealer, realm.id, noted).await {
            Err(error @ store::Error::Db(_)) => Err(anyhow::Error::from(error)
                .context("the schema may be older than this program: run realmkeep migrate first")),
            other => Ok(other?),
        }
    })?;
    tell(&args.realm, &report);
    Ok(report.finding.is_none())
}

fn tell(realm: &str, report: &Report) {
    match &report.finding {
        None => println!(
            "realm {realm}: all {} events are as they were written",
            report.events
        ),
        Some(finding) => println!("realm {realm}: CHANGED: {finding}"),
    }
    if report.gone > 0 {
        println!("events up to {} have expired or were cleared", report.gone);
    }
    if report.unchained > 0 {
        println!(
            "{} events are from before the chain began: nothing protects them",
            report.unchained
        );
    }
    let (seq, hash) = &report.end;
    if *seq > 0 {
        println!("end: {seq}:{hash}");
    }
}

fn end(text: &str) -> Result<(i64, String), String> {
    text.split_once(':')
        .and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.to_ascii_lowercase())))
        .ok_or_else(|| "give what an earlier run has told as «end»: NUMBER:HASH".to_owned())
}
