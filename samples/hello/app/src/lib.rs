//! The hello sample: two small HTTP services to deploy, break and roll back.
//!
//! `hello-web` answers `GET /hello/<name>` with a page made of the name and of what `hello-backend` answers on
//! `GET /data`. Both are configured by environment variables alone ([`settings`]), and three of those make a version
//! misbehave on purpose, so that a canary deployment has something to catch.

pub mod backend;
mod client;
mod page;
pub mod server;
pub mod settings;
pub mod web;
