//! The `canary` command: what a build stage runs before a deployment.
//!
//! `canary template` makes the per-version CloudFormation template out of a service team's manifest and the platform team's
//! settings; `canary render` completes the deploy request with it.

pub mod args;
mod bucket;
mod commands;
mod deploy;
mod environment;
mod fargate;
mod files;
mod manifest;
mod overrides;
mod own;
mod platform;
mod problem;
mod read;
mod render;
mod setting;
mod size;
mod source;
mod template;
mod value;
mod yaml;

pub use self::{commands::run, environment::variables, problem::Problems};
use canary_core::service::Protocol;

/// Why a command did not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// The input is wrong.
    Input(Problems),
    /// The input is good and it did not work.
    Failed(String),
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Input(problems)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input(problems) => problems.fmt(f),
            Self::Failed(message) => f.write_str(message),
        }
    }
}
