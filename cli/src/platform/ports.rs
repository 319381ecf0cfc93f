//! Which container of a task has which port: a task's containers share its network interface.

use std::collections::HashMap;

use canary_core::request::ENVOY_PORTS;

use super::{
    Platform,
    sidecar::{ENVOY, XRAY, XRAY_PORT},
};
use crate::{problem::Problems, read::Located};

/// A port and its protocol.
pub type Port = (u16, &'static str);

/// Ports with the containers that have them.
struct Taken(HashMap<Port, String>);

impl Taken {
    /// What Envoy and, if it runs, the X-Ray daemon have. The daemon takes segments by UDP, and requests for sampling rules by TCP.
    fn by_ours(platform: &Platform) -> Self {
        let envoy = ENVOY_PORTS.map(|port| ((port, "tcp"), ENVOY.to_owned()));
        let daemon = ["udp", "tcp"].map(|protocol| ((XRAY_PORT, protocol), XRAY.to_owned()));
        Self(envoy.into_iter().chain(daemon.into_iter().filter(|_| platform.xray.is_some())).collect())
    }

    /// Adds a problem if another container has the port.
    fn check<T>(&self, found: &Located<T>, port: Port, problems: &mut Problems) {
        if let (Some(container), (number, protocol)) = (self.0.get(&port), port) {
            let message = format!(
                "`{}` is `{number}/{protocol}`, which container `{container}` has: allowed is a port that no other container of a \
                 task has",
                found.path
            );
            problems.add(&found.place, message);
        }
    }
}

/// Adds a problem for each sidecar's port that another container has; returns what is taken then.
fn taken(platform: &Platform, problems: &mut Problems) -> Taken {
    let mut taken = Taken::by_ours(platform);
    for sidecar in &platform.sidecars {
        for port in &sidecar.ports {
            taken.check(port, port.value, problems);
            taken.0.entry(port.value).or_insert_with(|| sidecar.name.clone());
        }
    }
    taken
}

/// Adds a problem for each sidecar's port that another container has.
pub(super) fn check_sidecars(platform: &Platform, problems: &mut Problems) {
    taken(platform, problems);
}

impl Platform {
    /// Adds a problem if another container has the application's port.
    pub fn check_app_port(&self, port: &Located<u16>, problems: &mut Problems) {
        // The sidecars' own ports were checked when the settings were read.
        taken(self, &mut Problems::default()).check(port, (port.value, "tcp"), problems);
    }
}
