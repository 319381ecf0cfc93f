//! What the three programs do around their routes: read the environment, listen, say their version, end gracefully.

use std::future::Future;
use std::io;
use std::process::ExitCode;

use axum::Router;
use axum::http::HeaderValue;
use axum::middleware::map_response;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::settings::{InvalidSetting, Listen};

/// The response header that says which version of the service answered.
pub const VERSION_HEADER: &str = "x-version";

/// The exit status for an environment that the program cannot use.
const EXIT_BAD_ENVIRONMENT: u8 = 2;

/// An environment variable's value, if it is set.
pub fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Reports a bad environment on one line of standard error.
pub fn refuse(program: &str, error: &InvalidSetting) -> ExitCode {
    eprintln!("{program}: {error}");
    ExitCode::from(EXIT_BAD_ENVIRONMENT)
}

/// Reports an HTTP client that cannot be built on one line of standard error.
pub fn no_client(program: &str, error: &reqwest::Error) -> ExitCode {
    eprintln!("{program}: building the HTTP client failed: {error}");
    ExitCode::FAILURE
}

/// Serves `routes` until SIGTERM or SIGINT, then finishes the requests that are under way.
pub async fn run(program: &str, listen: &Listen, routes: Router) -> ExitCode {
    match serve(program, listen, routes).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: listening on `{}:{}` failed: {error}", listen.host, listen.port);
            ExitCode::FAILURE
        }
    }
}

async fn serve(program: &str, listen: &Listen, routes: Router) -> io::Result<()> {
    // Handlers first: a signal that arrives while the socket opens must not kill the program half-way.
    let stop = stop_signal()?;
    let listener = TcpListener::bind((listen.host, listen.port)).await?;
    let address = listener.local_addr()?;
    println!("{program} {} listens on http://{address}", listen.version);
    let version = HeaderValue::from_str(&listen.version).map_err(io::Error::other)?;
    let routes = routes.layer(map_response(move |answer| with_version(answer, version.clone())));
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}

async fn with_version(mut answer: Response, version: HeaderValue) -> Response {
    answer.headers_mut().insert(VERSION_HEADER, version);
    answer
}

/// Ends at the first SIGTERM (how ECS stops a container) or SIGINT (Ctrl-C).
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
