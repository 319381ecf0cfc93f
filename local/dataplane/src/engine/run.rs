//! The life of one container: wait, run, end.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info};

use super::Engine;
use super::definition::ContainerDefinition;
use super::health::Probe;
use super::images::{Entry, Runs};
use super::placeholders::{PlaceholderError, Placeholders, Word};
use super::process::Process;
use super::state::{Health, Status};
use crate::envoy::bootstrap;
use crate::envoy::model::EGRESS_PORT;

/// What the container `id` is to run.
#[derive(Debug)]
pub struct Launch {
    pub id: String,
    pub task_id: String,
    pub address: Ipv4Addr,
    pub log: PathBuf,
    /// Whether the task has an Envoy for its own requests.
    pub meshed: bool,
    pub entry: Entry,
    /// Its definition, with the command that is in force.
    pub definition: ContainerDefinition,
    /// The environment that is in force.
    pub environment: BTreeMap<String, String>,
}

/// A stop request: how long the container may take to end.
type Stop = watch::Receiver<Option<Duration>>;

/// Runs a container from its creation to its end.
pub async fn run(engine: Engine, launch: Launch, mut stop: Stop) {
    let id = launch.id.clone();
    let exit = tokio::select! {
        () = may_start(&engine, &launch) => live(&engine, &launch, &mut stop).await,
        _ = stopped(&mut stop) => Ok(None),
    };
    engine.update(&id, |container| {
        container.status = Status::Exited;
        match exit {
            Ok(code) => container.exit_code = code,
            Err(reason) => {
                error!(container = id, reason, "container cannot start");
                container.exit_code = Some(127);
                container.reason = Some(reason);
            }
        }
    });
    info!(container = id, "container exited");
}

/// Runs the container; its exit code, or why it could not start.
async fn live(engine: &Engine, launch: &Launch, stop: &mut Stop) -> Result<Option<i32>, String> {
    let running = || engine.update(&launch.id, |container| container.status = Status::Running);
    let (program, environment) = match &launch.entry.runs {
        Runs::Sleep => {
            running();
            let checked = launch.definition.health_check.is_some();
            if checked {
                set_health(engine, launch, Health::Healthy);
            }
            stopped(stop).await;
            return Ok(Some(0));
        }
        Runs::Envoy => envoy(engine, launch),
        Runs::Program(run) => program(engine, launch, run).map_err(|error| error.to_string())?,
    };
    let process = Process::start(&program, &environment, &launch.log);
    let mut process = process.map_err(|error| format!("cannot start a process: {error}"))?;
    running();
    let is_envoy = launch.entry.runs == Runs::Envoy;
    if is_envoy {
        engine.inner.plane.launched(&launch.task_id);
    }
    let code = tokio::select! {
        code = process.wait() => code,
        patience = stopped(stop) => process.stop(patience).await,
        never = watch_health(engine, launch, &environment) => match never {},
    };
    if is_envoy {
        engine.inner.plane.ended(&launch.task_id);
    }
    Ok(Some(code))
}

/// Envoy's command line. The container's own command starts App Mesh's agent, which this data plane stands in for.
fn envoy(engine: &Engine, launch: &Launch) -> (Vec<String>, BTreeMap<String, String>) {
    let settings = &engine.inner.settings;
    let directory = settings.state_directory.join("envoy").join(&launch.task_id);
    let level = launch.environment.get("ENVOY_LOG_LEVEL");
    let level = level.map_or("warning", String::as_str);
    let arguments = [
        settings.envoy.display().to_string(),
        "-c".to_owned(),
        bootstrap::path(&directory).display().to_string(),
        "--concurrency".to_owned(),
        "1".to_owned(),
        "--disable-hot-restart".to_owned(),
        "-l".to_owned(),
        level.to_owned(),
    ];
    (arguments.into(), launch.environment.clone())
}

/// The program that the image map says, in the container's environment.
fn program(
    engine: &Engine,
    launch: &Launch,
    run: &[Word],
) -> Result<(Vec<String>, BTreeMap<String, String>), PlaceholderError> {
    let definition = &launch.definition;
    let command = [definition.entry_point.as_slice(), &definition.command].concat();
    let placeholders = Placeholders {
        host: launch.address.to_string(),
        port: definition.ports().next().map(|port| engine.inner.settings.ports.bound(port)),
        checkout: &engine.inner.settings.checkout,
        command: &command,
        egress: engine.inner.plane.egress(&launch.task_id),
    };
    let mut environment = match launch.meshed {
        true => proxy_environment(launch.address),
        false => BTreeMap::new(),
    };
    environment.extend(launch.environment.clone());
    for (name, value) in &launch.entry.env {
        environment.insert(name.clone(), placeholders.text(value)?);
    }
    Ok((placeholders.program(run)?, environment))
}

/// Sends an application's HTTP requests through its own Envoy, and what it says to itself and to AWS not.
fn proxy_environment(address: Ipv4Addr) -> BTreeMap<String, String> {
    let proxy = format!("http://{address}:{EGRESS_PORT}");
    let direct = format!("localhost,127.0.0.1,{address}");
    let variables = [("http_proxy", &proxy), ("HTTP_PROXY", &proxy), ("no_proxy", &direct), ("NO_PROXY", &direct)];
    variables.map(|(name, value)| (name.to_owned(), value.clone())).into()
}

/// Keeps the container's health up to date for as long as it is polled.
async fn watch_health(engine: &Engine, launch: &Launch, environment: &BTreeMap<String, String>) -> Infallible {
    let ports = &engine.inner.settings.ports;
    let probe = launch.definition.health_check.as_ref();
    let probe = probe.and_then(|check| Probe::new(check, launch.address, ports, environment.clone()));
    match (&launch.entry.runs, probe) {
        (Runs::Envoy, _) => {
            let mut progress = engine.inner.plane.progress();
            while !engine.inner.plane.is_live(&launch.task_id) && progress.changed().await.is_ok() {}
            set_health(engine, launch, Health::Healthy);
        }
        (_, Some(probe)) => {
            let tell = |health| set_health(engine, launch, health);
            probe.run(&launch.log, tell).await;
        }
        (_, None) => {}
    }
    std::future::pending().await
}

fn set_health(engine: &Engine, launch: &Launch, health: Health) {
    info!(container = launch.id, ?health, "container health");
    engine.update(&launch.id, |container| container.health = health);
}

/// Waits until everything that the container depends on holds.
async fn may_start(engine: &Engine, launch: &Launch) {
    let mut changes = engine.inner.changed.subscribe();
    loop {
        let may = {
            let tasks = engine.tasks();
            let task = tasks.task_of(&launch.id);
            task.is_some_and(|task| task.may_start(&launch.definition.name))
        };
        if may || changes.changed().await.is_err() {
            return;
        }
    }
}

/// Waits until the container is to end, and returns how long it may take.
async fn stopped(stop: &mut Stop) -> Duration {
    let request = stop.wait_for(Option::is_some).await;
    // Without an engine there is nobody left to wait for.
    request.map_or(Duration::ZERO, |patience| patience.unwrap_or_default())
}
