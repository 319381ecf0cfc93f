//! Reads the command line and the environment, runs the command, and ends with its exit code. The parser of the command line
//! ends the process with 2 itself.

use std::process::ExitCode;

use canary_cli::{args::Args, run};
use clap::Parser;

fn main() -> ExitCode {
    // Variables that are not text are not ours.
    let variables =
        std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    match run(&Args::parse(), &variables.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
