//! The container engine: ECS tasks' containers as processes of this machine.
//!
//! A task is created with its first container and has one loopback address. A container waits for what it depends on,
//! runs what the image map says, and stays on record after its end until it is deleted.

pub mod addresses;
pub mod definition;
mod health;
pub mod images;
pub mod placeholders;
pub mod process;
pub mod request;
mod run;
pub mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::info;

use crate::envoy::model::{ADMIN_PORT, EGRESS_PORT, INGRESS_PORT, Proxy};
use crate::envoy::plane::Plane;
use crate::envoy::role::{Role, RoleKind};
use crate::ports::LocalPorts;
use addresses::{AddressPool, AddressPrefix};
use definition::{ContainerDefinition, TaskDefinition};
use images::{Entry, ImageMap, Runs};
use request::{CreateContainer, EngineError};
use state::{Container, Gateway, Health, Status, Tasks};

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where logs and Envoy's files go.
    pub state_directory: PathBuf,
    /// Envoy's binary.
    pub envoy: PathBuf,
    /// What `{checkout}` stands for.
    pub checkout: PathBuf,
    /// What images run.
    pub images: ImageMap,
    /// Where tasks' addresses come from.
    pub prefixes: Vec<AddressPrefix>,
    /// Which ports tasks bind.
    pub ports: LocalPorts,
}

/// The engine; clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    plane: Plane,
    tasks: Mutex<Tasks>,
    changed: watch::Sender<()>,
}

impl Engine {
    /// An engine without containers.
    pub fn new(settings: Settings, plane: Plane) -> Self {
        let addresses = AddressPool::new(&settings.prefixes);
        let inner =
            Inner { settings, plane, tasks: Mutex::new(Tasks::new(addresses)), changed: watch::Sender::new(()) };
        Self { inner: Arc::new(inner) }
    }

    /// What `image` runs.
    ///
    /// # Errors
    /// If no image map knows it.
    pub fn image(&self, image: &str) -> Result<&Entry, EngineError> {
        let found = self.inner.settings.images.find(image);
        found.ok_or_else(|| EngineError::NoImage(image.to_owned()))
    }

    /// Creates a container, which starts as soon as what it depends on holds. Creating one that exists changes nothing.
    ///
    /// # Errors
    /// If the image is unknown, or there is no address, or the Envoy's resource is not named.
    pub fn create(&self, request: &CreateContainer) -> Result<Container, EngineError> {
        let (definition, environment) = request.in_force();
        let entry = self.image(&request.image)?.clone().with_entry_point(&definition.entry_point);
        let role = match entry.runs {
            Runs::Envoy => Some(
                Role::from_environment(&environment)
                    .map_err(|error| EngineError::Role(request.container_name.clone(), error))?,
            ),
            Runs::Program(_) | Runs::Sleep => None,
        };
        let (container, is_new) = self.register(request, &definition)?;
        if !is_new {
            return Ok(container);
        }
        if let Some(role) = role {
            let attached = self.attach(request, role, &container);
            attached.inspect_err(|_| self.forget(&container.id))?;
        }
        let launch = run::Launch {
            id: container.id.clone(),
            task_id: request.task_id().to_owned(),
            address: container.ip,
            log: container.log_path.clone(),
            meshed: self.is_meshed(&request.task_definition),
            entry,
            definition,
            environment,
        };
        info!(container = container.id, image = request.image, "container created");
        tokio::spawn(run::run(self.clone(), launch, container.stop.subscribe()));
        Ok(container)
    }

    fn attach(&self, request: &CreateContainer, role: Role, container: &Container) -> Result<(), EngineError> {
        let task = request.task_id();
        let proxy = Proxy {
            task: task.to_owned(),
            role,
            address: container.ip,
            directory: self.inner.settings.state_directory.join("envoy").join(task),
            reserved: self.bound_ports(&request.task_definition),
            ports: self.inner.settings.ports.clone(),
            egress_ports: BTreeMap::new(),
        };
        Ok(self.inner.plane.attach(proxy, request.labels())?)
    }

    /// The container `id`.
    ///
    /// # Errors
    /// If there is none.
    pub fn inspect(&self, id: &str) -> Result<Container, EngineError> {
        let tasks = self.tasks();
        let found = tasks.container(id).cloned();
        found.ok_or_else(|| EngineError::NoContainer(id.to_owned()))
    }

    /// Stops the container `id` and returns when it has exited. Before the first container of a task is stopped, the
    /// task is taken out of the mesh.
    ///
    /// # Errors
    /// If there is none.
    pub async fn stop(&self, id: &str, patience: Duration) -> Result<Container, EngineError> {
        if self.inspect(id)?.status != Status::Exited {
            self.drain(id, patience).await;
        }
        let mut changes = self.inner.changed.subscribe();
        loop {
            let container = self.inspect(id)?;
            if container.status == Status::Exited {
                return Ok(container);
            }
            container.stop.send_replace(Some(patience));
            if changes.changed().await.is_err() {
                return Ok(container);
            }
        }
    }

    async fn drain(&self, id: &str, patience: Duration) {
        let task = {
            let tasks = self.tasks();
            let task = tasks.task_of(id);
            task.map(|task| (task.id.clone(), task.drained.clone()))
        };
        if let Some((task_id, drained)) = task {
            drained.get_or_init(|| self.inner.plane.drain(&task_id, patience)).await;
        }
    }

    /// Forgets the container `id`, and its task with the last one.
    ///
    /// # Errors
    /// If there is none or it has not exited.
    pub fn delete(&self, id: &str) -> Result<(), EngineError> {
        if self.inspect(id)?.status != Status::Exited {
            return Err(EngineError::NotExited(id.to_owned()));
        }
        self.forget(id);
        Ok(())
    }

    fn forget(&self, id: &str) {
        let ended = self.tasks().remove(id);
        if let Some(task) = ended {
            self.inner.plane.detach(&task);
        }
    }

    /// Stops everything at once, for the end of this program.
    pub async fn shut_down(&self, patience: Duration) {
        let mut changes = self.inner.changed.subscribe();
        for container in self.containers() {
            container.stop.send_replace(Some(patience));
        }
        let all_exited = |containers: Vec<Container>| {
            let mut containers = containers.iter();
            containers.all(|container| container.status == Status::Exited)
        };
        while !all_exited(self.containers()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn containers(&self) -> Vec<Container> {
        self.tasks().containers().cloned().collect()
    }

    /// The record of a container, and whether it is new: there is one per name in a task.
    fn register(
        &self,
        request: &CreateContainer,
        definition: &ContainerDefinition,
    ) -> Result<(Container, bool), EngineError> {
        let mut tasks = self.tasks();
        let id = request.task_id();
        let mut ports = self.bound_ports(&request.task_definition);
        ports.extend([INGRESS_PORT, EGRESS_PORT, ADMIN_PORT]);
        let task = tasks.get_or_add(&request.task_arn, id, &ports, self.gateway_of(request));
        let task = task.map_err(|error| EngineError::Address(id.to_owned(), error))?;
        if let Some(existing) = task.containers.get(&request.container_name) {
            return Ok((existing.clone(), false));
        }
        let logs = self.inner.settings.state_directory.join("logs").join(request.log_name());
        std::fs::create_dir_all(&logs).map_err(|error| EngineError::Write(logs.clone(), error))?;
        let container = Container {
            id: format!("{id}-{}", request.container_name),
            task_arn: request.task_arn.clone(),
            name: request.container_name.clone(),
            status: Status::Created,
            health: Health::Unknown,
            exit_code: None,
            reason: None,
            ip: task.address,
            log_path: logs.join(format!("{}.log", request.container_name)),
            depends_on: definition.depends_on.clone(),
            stop: watch::Sender::new(None),
        };
        task.containers.insert(container.name.clone(), container.clone());
        Ok((container, true))
    }

    /// The virtual gateway that a task is, if it is one.
    fn gateway_of(&self, request: &CreateContainer) -> Option<Gateway> {
        let mut containers = request.task_definition.container_definitions.iter();
        containers.find_map(|container| {
            let entry = self.inner.settings.images.find(&container.image)?;
            let mut environment = container.environment();
            if container.name == request.container_name {
                environment.extend(request.environment.clone());
            }
            let role = Role::from_environment(&environment).ok()?;
            let is_gateway = entry.runs == Runs::Envoy && role.kind == RoleKind::VirtualGateway;
            is_gateway.then(|| Gateway { role, container: container.name.clone() })
        })
    }

    /// The ports that a task's containers bind.
    fn bound_ports(&self, definition: &TaskDefinition) -> BTreeSet<u16> {
        definition.ports().into_iter().map(|port| self.inner.settings.ports.bound(port)).collect()
    }

    /// Whether a task has an Envoy for its own requests.
    fn is_meshed(&self, definition: &TaskDefinition) -> bool {
        let mut containers = definition.container_definitions.iter();
        containers.any(|container| {
            let entry = self.inner.settings.images.find(&container.image);
            entry.is_some_and(|entry| entry.runs == Runs::Envoy)
        })
    }

    fn update(&self, id: &str, change: impl FnOnce(&mut Container)) {
        if let Some(container) = self.tasks().container_mut(id) {
            change(container);
        }
        self.inner.changed.send_replace(());
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
