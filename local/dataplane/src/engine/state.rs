//! What the engine remembers of tasks and containers.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OnceCell, watch};

use super::addresses::{AddressPool, NoAddress};
use super::definition::{Condition, Dependency};
use crate::envoy::role::Role;

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for what it depends on.
    Created,
    /// Its process runs.
    Running,
    /// Its process has ended, or it was stopped before it had one.
    Exited,
}

/// What a container's health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Health {
    /// There is no check, or it has no verdict yet.
    Unknown,
    /// It passes.
    Healthy,
    /// It fails.
    Unhealthy,
}

/// A container as the API shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Unique among all containers.
    pub id: String,
    /// Its task.
    pub task_arn: String,
    /// Its name in the task definition.
    pub name: String,
    /// Where it is in its life.
    pub status: Status,
    /// What its health check says.
    pub health: Health,
    /// Set once it has exited, if it ever ran.
    pub exit_code: Option<i32>,
    /// Why it exited without having run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The task's address.
    pub ip: Ipv4Addr,
    /// Where its output goes.
    pub log_path: PathBuf,
    /// What must hold before it starts.
    #[serde(skip)]
    pub(super) depends_on: Vec<Dependency>,
    /// How long it may take to end, once it is to.
    #[serde(skip)]
    pub(super) stop: watch::Sender<Option<Duration>>,
}

/// A task: containers that share an address.
#[derive(Debug)]
pub struct Task {
    /// The last part of its ARN.
    pub id: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its containers by name.
    pub containers: BTreeMap<String, Container>,
    /// Done once, when the first of its containers is stopped.
    pub drained: Arc<OnceCell<()>>,
    /// The container that is a virtual gateway's Envoy.
    gateway: Option<String>,
}

/// A task's container that is a virtual gateway's Envoy.
#[derive(Debug)]
pub struct Gateway {
    /// The gateway.
    pub role: Role,
    /// The container's name.
    pub container: String,
}

impl Task {
    /// Whether the task is a virtual gateway's whose Envoy has ended, so that another one can have its address.
    fn is_dead_gateway(&self) -> bool {
        let envoy = self.gateway.as_ref().and_then(|name| self.containers.get(name));
        envoy.is_some_and(|envoy| envoy.status == Status::Exited)
    }

    /// Whether everything that `name` depends on holds.
    pub fn may_start(&self, name: &str) -> bool {
        let Some(container) = self.containers.get(name) else {
            return false;
        };
        container.depends_on.iter().all(|dependency| self.holds(dependency))
    }

    fn holds(&self, dependency: &Dependency) -> bool {
        let Some(other) = self.containers.get(&dependency.container_name) else {
            return false;
        };
        match dependency.condition {
            Condition::Start => other.status != Status::Created,
            Condition::Healthy => other.status == Status::Running && other.health == Health::Healthy,
            Condition::Complete => other.status == Status::Exited,
            Condition::Success => other.status == Status::Exited && other.exit_code == Some(0),
        }
    }
}

/// All tasks.
#[derive(Debug)]
pub struct Tasks {
    by_arn: BTreeMap<String, Task>,
    addresses: AddressPool,
    /// Every address that a virtual gateway had: callers from outside know nothing else of it.
    gateways: BTreeMap<Role, Vec<Ipv4Addr>>,
}

impl Tasks {
    /// No tasks, with `addresses` for those to come.
    pub fn new(addresses: AddressPool) -> Self {
        Self { by_arn: BTreeMap::new(), addresses, gateways: BTreeMap::new() }
    }

    /// The task `arn`, which gets an address with free `ports` if it is new. A `gateway` gets the one that it had before, if
    /// its Envoy there has ended.
    ///
    /// # Errors
    /// If there is no such address.
    pub fn get_or_add(
        &mut self,
        arn: &str,
        id: &str,
        ports: &BTreeSet<u16>,
        gateway: Option<Gateway>,
    ) -> Result<&mut Task, NoAddress> {
        let held = self.by_arn.values().filter(|task| !task.is_dead_gateway()).map(|task| task.address).collect();
        let taken = self.by_arn.values().map(|task| task.address).collect();
        match self.by_arn.entry(arn.to_owned()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let former = gateway.as_ref().and_then(|gateway| self.gateways.get(&gateway.role));
                let address = match former.and_then(|former| AddressPool::again(former, &held, ports)) {
                    Some(address) => address,
                    None => self.addresses.allocate(&taken, ports)?,
                };
                if let Some(Gateway { role, .. }) = &gateway {
                    let known = self.gateways.entry(role.clone()).or_default();
                    known.retain(|other| *other != address);
                    known.push(address);
                }
                let (id, containers, drained) = (id.to_owned(), BTreeMap::new(), Arc::default());
                let gateway = gateway.map(|gateway| gateway.container);
                Ok(new.insert(Task { id, address, containers, drained, gateway }))
            }
        }
    }

    /// All containers.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.by_arn.values().flat_map(|task| task.containers.values())
    }

    /// The container `id`.
    pub fn container(&self, id: &str) -> Option<&Container> {
        self.containers().find(|container| container.id == id)
    }

    /// The container `id`, to be changed.
    pub fn container_mut(&mut self, id: &str) -> Option<&mut Container> {
        let mut containers = self.by_arn.values_mut().flat_map(|task| task.containers.values_mut());
        containers.find(|container| container.id == id)
    }

    /// The task of the container `id`.
    pub fn task_of(&self, id: &str) -> Option<&Task> {
        let mut tasks = self.by_arn.values();
        tasks.find(|task| task.containers.values().any(|container| container.id == id))
    }

    /// Removes the container `id`; returns the id of its task if it was the last one, which is removed too.
    pub fn remove(&mut self, id: &str) -> Option<String> {
        let arn = self.container(id)?.task_arn.clone();
        let task = self.by_arn.get_mut(&arn)?;
        task.containers.retain(|_, container| container.id != id);
        match task.containers.is_empty() {
            true => self.by_arn.remove(&arn).map(|task| task.id),
            false => None,
        }
    }
}
