//! The App Mesh REST API, version 2019-01-25, over an in-memory store.
//!
//! [`router`] serves the API as any AWS SDK or the AWS CLI speaks it; [`Store::snapshot`] and
//! [`Store::subscribe`] give the same resources to a data plane in the same process.
//!
//! Requests are believed: whoever runs the router authenticates and authorizes in front of it, and passes
//! the account and region on in the headers `x-canary-account` and `x-canary-region`.

mod fault;
mod http;
mod kind;
mod rules;
pub mod snapshot;
pub mod spec;
mod state;
mod store;

pub use http::router;
pub use snapshot::Snapshot;
pub use store::Store;
