//! The environment variables that the command reads.

use std::ffi::OsString;

use clap::CommandFactory;

use crate::{
    Failure,
    args::Args,
    bucket::DEFAULT_REGION,
    platform::PREFIX,
    problem::{Place, Problems},
    read::shown,
};

/// The variables whose name and value are text. Those of other programs may be anything.
///
/// # Errors
/// Each variable of the command's own that is not text.
pub fn variables(all: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, Failure> {
    let (mut texts, mut problems) = (Vec::new(), Problems::default());
    let options = of_options();
    for (name, value) in all {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
            texts.push((name.to_owned(), value.to_owned()));
            continue;
        }
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        if name.starts_with(PREFIX) || name == DEFAULT_REGION || options.iter().any(|option| *option == name) {
            let message = format!("is {}, with bytes that are not UTF-8: allowed is UTF-8 text", shown(&value));
            problems.add(&Place::whole(&name.escape_debug().to_string()), message);
        }
    }
    Ok(problems.unless_any(texts)?)
}

/// The variables that options take their values from.
fn of_options() -> Vec<String> {
    let command = Args::command();
    let options = command.get_subcommands().flat_map(clap::Command::get_arguments);
    options.filter_map(|option| Some(option.get_env()?.to_string_lossy().into_owned())).collect()
}
