//! What configuration is made from, and what it is made into.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::listener::v3::Listener;
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use local_appmesh::Snapshot;

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
    /// The id of its task, which is the id of its node too.
    pub task: String,
    /// Which resource it is.
    pub role: Role,
    /// Where it listens.
    pub address: Ipv4Addr,
    /// Where its bootstrap file is.
    pub directory: PathBuf,
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
    pub clusters: BTreeMap<String, Cluster>,
    /// Addresses of the clusters that have them from us (EDS).
    pub endpoints: BTreeMap<String, BTreeSet<SocketAddrV4>>,
    /// Listeners (LDS).
    pub listeners: BTreeMap<String, Listener>,
    /// Route tables (RDS).
    pub routes: BTreeMap<String, RouteConfiguration>,
}

impl ProxyConfig {
    /// Adds a cluster under its name.
    pub(super) fn add_cluster(&mut self, cluster: Cluster) {
        self.clusters.insert(cluster.name.clone(), cluster);
    }

    /// Adds a listener under its name.
    pub(super) fn add_listener(&mut self, listener: Listener) {
        self.listeners.insert(listener.name.clone(), listener);
    }

    /// Adds a route table under its name.
    pub(super) fn add_routes(&mut self, table: RouteConfiguration) {
        self.routes.insert(table.name.clone(), table);
    }
}
