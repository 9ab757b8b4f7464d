//! `explain` on the command line.

use anyhow::bail;
use clap::Args;
use docker_v2::{Decided, Explanation};
use protocol::State;

use crate::files::{Place, at};

#[derive(Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    place: Place,
    /// The realm.
    #[arg(long)]
    realm: String,
    /// The clientId of the registry.
    #[arg(long)]
    client: String,
    /// The user, by name or id; without, what everybody may do.
    #[arg(long)]
    user: Option<String>,
    /// What is asked for, as a token request has it: repository:team/app:pull,push
    #[arg(required = true)]
    scopes: Vec<String>,
}

pub(crate) fn run(args: Explain) -> anyhow::Result<()> {
    let explanation = at(args.place, false, async |state: &State| {
        let Some(realm) = state.realms.get(&args.realm).await? else {
            bail!("there is no realm {}", args.realm);
        };
        let user = args.user.as_deref();
        Ok(docker_v2::explain(state, &realm, &args.client, user, &args.scopes).await?)
    })?;
    print!("{}", table(&explanation));
    Ok(())
}

/// A row for each decision, then what the token grants.
fn table(explanation: &Explanation) -> String {
    let mut rows = vec![["TYPE", "NAME", "ACTION", "GRANTED", "MAPPER"]];
    rows.extend(explanation.decisions.iter().map(row));
    let widths: [usize; 5] = std::array::from_fn(|at| {
        let widths = rows.iter().map(|row| row[at].chars().count());
        widths.max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    let granted = explanation.access.iter().map(ToString::to_string);
    let granted: Vec<_> = granted.collect();
    let user = explanation.user.as_deref().unwrap_or("everybody");
    let granted = match granted.join(" ") {
        none if none.is_empty() => "nothing".to_owned(),
        some => some,
    };
    text.push_str(&format!("\n{user} is granted {granted}\n"));
    text
}

fn row(decided: &Decided) -> [&str; 5] {
    [
        &decided.kind,
        &decided.name,
        &decided.action,
        if decided.granted { "yes" } else { "no" },
        decided.mapper.as_ref().map_or("-", |mapper| &mapper.name),
    ]
}
