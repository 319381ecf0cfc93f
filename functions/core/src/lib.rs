//! What a canary deployment is.
//!
//! Data flows one way: a [`request`] is validated, a [`plan`] is worked out from it and from what is live, and every later
//! state reads an absolute target from the plan at the place where its [`progress`] points. Decisions are pure functions
//! ([`plan`], [`health`], and one in each function); they act through the [`ports`], whose AWS adapters stand in [`aws`], one
//! Cargo feature per service.

pub mod error;
pub mod failure;
pub mod health;
pub mod json;
pub mod limits;
pub mod lock;
pub mod names;
pub mod plan;
pub mod ports;
pub mod problem;
pub mod progress;
pub mod record;
pub mod request;
pub mod retire;
pub mod service;
pub mod split;
pub mod stack;
pub mod tasks;
pub mod text;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "fakes")]
pub mod fakes;
#[cfg(test)]
mod inputs;
#[cfg(feature = "lambda")]
pub mod lambda;

pub use error::{Error, Result};
pub use time::{Duration, OffsetDateTime};
