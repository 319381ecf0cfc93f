//! Measures Lambda functions, interleaved round by round, and prints one line of JSON for each function and round.

mod authority;
mod aws;
mod case;
mod process;
mod round;
mod runtime_api;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

use crate::{authority::Authority, aws::Aws, case::Case, round::Bench, runtime_api::RuntimeApi};

/// Measures Lambda functions, interleaved; prints one line of JSON for each function and round.
#[derive(Parser)]
struct Options {
    /// How often every function is started.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How often it is invoked after the first time.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    warm: u32,
    /// The folder with what each function is asked and what AWS answers, NAME.json.
    #[arg(long)]
    cases: PathBuf,
    /// Certificates that the functions trust as well, as PEM: to read a bundle is a part of their start.
    #[arg(long)]
    roots: PathBuf,
    /// Where the certificates that the functions trust are written.
    #[arg(long)]
    bundle: PathBuf,
    /// A function's name and executable.
    #[arg(required = true, value_name = "NAME=BOOTSTRAP", value_parser = named)]
    functions: Vec<(String, PathBuf)>,
}

fn named(text: &str) -> Result<(String, PathBuf)> {
    let (name, path) = text.split_once('=').with_context(|| format!("`{text}` is not of the form `NAME=BOOTSTRAP`"))?;
    Ok((name.to_owned(), path.into()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let authority = Authority::new()?;
    let roots = std::fs::read_to_string(&options.roots)
        .with_context(|| format!("`{}` cannot be read", options.roots.display()))?;
    std::fs::write(&options.bundle, format!("{roots}\n{}", authority.root_pem))
        .with_context(|| format!("`{}` cannot be written", options.bundle.display()))?;

    let cases: Vec<(Case, PathBuf)> = options
        .functions
        .into_iter()
        .map(|(name, bootstrap)| Ok((Case::read(&options.cases, &name)?, bootstrap)))
        .collect::<Result<_>>()?;
    let mut bench = Bench {
        runtime: RuntimeApi::start().await?,
        aws: Aws::start(&authority).await?,
        bundle: options.bundle,
        warm: options.warm,
    };
    for _ in 0..options.rounds {
        for (case, bootstrap) in &cases {
            let round = bench.round(case, bootstrap).await.with_context(|| format!("function `{}`", case.function))?;
            println!("{}", serde_json::to_string(&round)?);
        }
    }
    Ok(())
}
