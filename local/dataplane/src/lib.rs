//! The data plane of the one-machine environment: what ECS, App Mesh's Envoy image and the CloudWatch agent do on AWS,
//! with real Envoys and real processes on loopback addresses.
//!
//! - [`engine`] runs ECS tasks' containers as local processes; an image map says what an image runs.
//! - [`envoy`] configures one Envoy per task and virtual gateway from App Mesh resources and Cloud Map, over ADS.
//! - [`metrics`] publishes Envoy's request counts to CloudWatch as the CloudWatch agent does; [`stats`] adds up all that
//!   was counted for the API's users.
//! - [`http`] is the API of all this. App Mesh's own API is the crate `local-appmesh`, served at the same port.
//!
//! # How an application finds its backends
//!
//! Every task has a loopback address of its own, so each keeps its real ports: the application its container port
//! ([`ports`] says what becomes of one below 1024), Envoy 15000 for requests from others, 15001 for the application's own
//! requests to others, 9901 for its admin interface. There is no iptables redirection as on AWS, so an application sends its requests to its Envoy itself:
//!
//! - HTTP: its environment has `http_proxy=http://ADDRESS:15001` (and `no_proxy` for its own address and localhost),
//!   which most clients follow, so that `http://shop.demo.local/` works unchanged. A client that does not follow it
//!   calls `ADDRESS:15001` with the virtual service's name as `Host`. Envoy knows HTTP/2 by how a connection begins, so
//!   a client may speak it there without being announced (with prior knowledge), and no client has to.
//! - TCP has no host to route by: for each TCP virtual service among a virtual node's backends its Envoy listens on the
//!   port of the service's router, or from 15100 on if the task has that port itself. The image map's placeholder
//!   `{egress:db.demo.local}` is that `address:port`; see [`engine::placeholders`].
//!
//! A virtual gateway listens on its task's address at its listeners' ports; `/_local/stats` says where.
//!
//! # What differs from App Mesh
//!
//! A virtual node's first listener is served, further ones are not; a route's target with another port answers 503. TLS is not: everything is loopback. A route's
//! match on `port` is ignored, because every port of a service is reached through the same egress listener. Access
//! logs go to the container's log if their path is `/dev/stdout`, and nowhere otherwise.

pub mod cli;
pub mod discovery;
pub mod engine;
pub mod envoy;
pub mod http;
pub mod log;
pub mod log_files;
pub mod metrics;
pub mod ports;
mod report;
pub mod scrapes;
pub mod stats;

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
