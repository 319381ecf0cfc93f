//! The ports that an application may listen on.

/// Where Envoy listens in each task: its admin interface, and where it receives and sends the task's traffic. An application with
/// one of these ports would never be reached, and behind 9901 the admin interface would answer its callers.
pub const ENVOY_PORTS: [u16; 3] = [9901, 15_000, 15_001];

/// What is allowed.
pub const PORT: &str = "a whole number from 1 to 65535, but 9901, 15000 and 15001 are Envoy's";

/// The port, if an application may listen on it.
#[must_use]
pub fn app_port(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port > 0 && !ENVOY_PORTS.contains(port))
}
