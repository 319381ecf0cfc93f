//! The yelb sample: people vote for restaurants, and see the votes of all.
//!
//! `yelb-ui` serves the page and passes `/api/` on to `yelb-appserver`, which keeps the votes in PostgreSQL and the
//! page views in Redis. How a version behaves is said by its command line, so that a canary deployment has a bug to
//! fix and a bad version to catch.

pub mod appserver;
pub mod server;
pub mod settings;
#[cfg(test)]
mod test_support;
pub mod ui;

use std::error::Error;

/// The response header that says which version answered.
pub const VERSION_HEADER: &str = "x-version";

/// The response header that says which app server answered.
pub const HOSTNAME_HEADER: &str = "x-hostname";

/// The error and everything that caused it, on one line. What an error repeats of its cause is said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}
