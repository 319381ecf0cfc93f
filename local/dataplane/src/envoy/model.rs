//! What configuration is made from, and what it is made into.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use local_appmesh::Snapshot;
use serde_json::Value;

use super::role::Role;
use crate::discovery::Discovery;
use crate::ports::LocalPorts;

/// The port on which a sidecar takes requests for its application.
pub const INGRESS_PORT: u16 = 15000;
/// The port on which an Envoy takes its own application's requests to others.
pub const EGRESS_PORT: u16 = 15001;
/// Envoy's admin port.
pub const ADMIN_PORT: u16 = 9901;

/// The world as all Envoys are to see it.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// App Mesh.
    pub mesh: &'a Snapshot,
    /// Cloud Map.
    pub discovery: &'a Discovery,
    /// Sidecars by address, and whether they take requests now. An instance whose address is not here has no
    /// sidecar and is called directly.
    pub sidecars: &'a BTreeMap<Ipv4Addr, bool>,
}

/// One Envoy to be configured.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Which resource it is.
    pub role: Role,
    /// Where it listens.
    pub address: Ipv4Addr,
    /// Where its files are.
    pub directory: PathBuf,
    /// Where its output goes, which says why it rejects a configuration.
    pub log: PathBuf,
    /// Ports on its address that belong to the task's containers.
    pub reserved: BTreeSet<u16>,
    /// Which port stands for which of AWS.
    pub ports: LocalPorts,
    /// Ports given to TCP virtual services so far; a service keeps its port for the life of the task.
    pub egress_ports: BTreeMap<String, u16>,
}

/// An Envoy's configuration: each resource by its name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProxyConfig {
    /// Clusters (CDS).
    pub clusters: BTreeMap<String, Value>,
    /// Addresses of the clusters that have them from us (EDS).
    pub endpoints: BTreeMap<String, BTreeSet<SocketAddrV4>>,
    /// Listeners (LDS).
    pub listeners: BTreeMap<String, Value>,
    /// Route tables (RDS).
    pub routes: BTreeMap<String, Value>,
}

impl ProxyConfig {
    /// Adds a resource under the `name` it holds.
    pub(super) fn insert(resources: &mut BTreeMap<String, Value>, resource: Value) {
        let name = resource["name"].as_str().unwrap_or_default().to_owned();
        resources.insert(name, resource);
    }
}

/// Envoy's notation of a time.
pub(super) fn seconds(millis: u64) -> String {
    format!("{}.{:03}s", millis / 1000, millis % 1000)
}

/// A socket address as Envoy's configuration has it.
pub(super) fn socket_address(address: impl ToString, port: u16) -> Value {
    serde_json::json!({"socket_address": {"address": address.to_string(), "port_value": port}})
}

/// A file that holds dynamic resources.
pub(super) fn file_source(path: PathBuf) -> Value {
    serde_json::json!({"resource_api_version": "V3", "path_config_source": {"path": path}})
}
