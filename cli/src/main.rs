//! Reads the command line and the environment, runs the command, and ends with its exit code. The parser of the command line
//! ends the process with 2 itself.

use std::process::ExitCode;

use canary_cli::{args::Args, run, variables};
use clap::Parser;

fn main() -> ExitCode {
    // The parser reads some of the variables too, and names none that it cannot read.
    match variables(std::env::vars_os()).and_then(|variables| run(&Args::parse(), &variables)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
