//! placeholder

pub mod cli;
pub mod discovery;
pub mod engine;
pub mod envoy;
pub mod http;
pub mod metrics;
mod report;
pub mod stats;
