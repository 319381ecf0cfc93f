//! Wires the data plane together; see the library for what it is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use local_appmesh::Store;
use local_dataplane::cli::{Arguments, Serve};
use local_dataplane::engine::images::ImageMap;
use local_dataplane::engine::process::{SUPERVISE, supervise};
use local_dataplane::engine::{Engine, Settings};
use local_dataplane::envoy::ads::Ads;
use local_dataplane::envoy::plane::Plane;
use local_dataplane::log::Lenient;
use local_dataplane::log_files;
use local_dataplane::metrics::{Pace, Publisher};
use local_dataplane::ports::{LocalPorts, lowest_bindable};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long containers may take to end when this program does.
const SHUTDOWN: Duration = Duration::from_secs(3);

// One thread: children are tied to the thread that started them (see `engine::process`).
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == SUPERVISE) {
        let code = supervise(arguments);
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    let done = match Arguments::parse() {
        Arguments::Serve(arguments) => serve(*arguments).await,
        Arguments::CheckImages { images } => ImageMap::read(&images).map(drop).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-dataplane: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Serve) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(|| Lenient(std::io::stderr()))
        // It would be told on the same stream, which panics if that cannot be written.
        .log_internal_errors(false)
        .init();
    ensure!(arguments.envoy.is_file(), "no Envoy at `{}`: give its binary with `--envoy`", arguments.envoy.display());
    let settings = Settings {
        state_directory: directory(&arguments.state_dir)?,
        envoy: absolute(&arguments.envoy)?,
        checkout: absolute(&arguments.checkout)?,
        images: ImageMap::read(&arguments.images)?,
        ports: LocalPorts::new(&arguments.address_prefix, arguments.lowest_port.unwrap_or_else(lowest_bindable)),
        prefixes: arguments.address_prefix,
    };
    let mut log_directories = vec![settings.state_directory.join("logs")];
    log_directories.extend(arguments.log_dir);
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on `{}`", arguments.listen))?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let store = Store::new();
    let ads = Ads::new(&settings.state_directory).context("cannot open `--state-dir`")?;
    let envoys = ads.bind().context("cannot create the Unix socket `ads.sock` in `--state-dir`")?;
    let plane = Plane::new(store.clone(), client, ads.clone());
    let pace = Pace {
        period: Duration::from_secs(arguments.metric_period),
        delay: Duration::from_secs(arguments.metric_delay),
    };
    let publisher = Publisher::new(plane.clone(), &arguments.gateway, &arguments.region, pace);
    let engine = Engine::new(settings, plane.clone());
    let api = local_appmesh::router(store).merge(local_dataplane::http::router(engine.clone(), plane.clone()));

    let mut terminate = signal(SignalKind::terminate())?;
    tracing::info!(address = %listener.local_addr()?, "ready");
    tokio::select! {
        result = axum::serve(listener, api) => result.context("cannot serve the API")?,
        result = ads.serve(envoys) => result.context("cannot serve the Envoys")?,
        () = plane.follow_mesh() => {}
        () = publisher.run() => {}
        () = log_files::keep_short(log_directories) => {}
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping all containers");
    engine.shut_down(SHUTDOWN).await;
    Ok(())
}

fn directory(path: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot create `--state-dir {}`", path.display()))?;
    absolute(path)
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot resolve `{}`", path.display()))
}
