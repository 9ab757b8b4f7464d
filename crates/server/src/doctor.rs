//! `doctor registry`: walks what a docker client walks at a registry, and names what is wrong.
//!
//! It asks over HTTP only, as an outside client: no database, no settings.

mod challenge;
mod compare;
mod config;
mod endpoint;
mod report;
mod token;
mod trust;
mod walk;
mod web;

use std::io::BufRead as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::Url;

use walk::Walk;
use web::Web;

#[derive(Subcommand)]
pub(crate) enum Doctor {
    /// Find out why a registry refuses who should get in.
    Registry(Registry),
}

#[derive(Args)]
pub(crate) struct Registry {
    /// The registry's URL, as clients call it
    url: Url,
    /// PEM file with authorities that vouch for registry and identity server, beside the machine's own.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Name of somebody who may log in; without, the walk goes as far as the registry lets anonymous callers.
    #[arg(long, requires = "password_stdin")]
    user: Option<String>,
    /// Read the password from the first line of standard input.
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// Send the password even where it would go over the network in plain http.
    #[arg(long)]
    insecure_password: bool,
    /// The registry's config.yml. REGISTRY_AUTH_TOKEN_… variables override it, as they do for the registry.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file that the registry has as rootcertbundle, if it lies elsewhere here.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// The file that the registry has as jwks, if it lies elsewhere here.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
}

/// Prints the walk, and the faults as the last lines. Whether there are none.
pub(crate) fn run(doctor: Doctor) -> anyhow::Result<bool> {
    let Doctor::Registry(args) = doctor;
    if !["http", "https"].contains(&args.url.scheme()) {
        bail!(
            "{} is no URL of a registry: say http://… or https://…",
            args.url
        );
    }
    let mut password = String::new();
    if args.password_stdin {
        std::io::stdin()
            .lock()
            .read_line(&mut password)
            .context("cannot read the password")?;
        password.truncate(password.trim_end_matches(['\r', '\n']).len());
    }
    let configured = config::read(args.config.as_deref(), |name| std::env::var(name).ok())?;
    let walk = Walk {
        web: Web::new(args.ca.as_deref())?,
        args,
        password,
        configured,
        faults: Vec::new(),
    };
    let faults = crate::runtime()?.block_on(walk.all());
    report::faults(&faults);
    Ok(faults.is_empty())
}
