//! The service-ab sample: two small HTTP/2 services, of which one calls the other.
//!
//! `serviceb` answers `GET /` with its version. `servicea` answers `GET /` with what `serviceb` answers. Both speak plain
//! HTTP/2 without TLS, with prior knowledge (h2c), and are configured by environment variables alone ([`settings`]).

mod client;
pub mod server;
pub mod servicea;
pub mod serviceb;
pub mod settings;
