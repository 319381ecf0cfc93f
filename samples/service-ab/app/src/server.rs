//! What both programs do around their routes: read the environment, listen, and end gracefully.

use std::future::Future;
use std::io;
use std::process::ExitCode;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::settings::{InvalidSetting, Listen};

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

/// Serves `routes` until SIGTERM or SIGINT, then finishes the requests that are under way.
///
/// A client that begins with HTTP/2's preface gets HTTP/2, any other HTTP/1.1: health checks and curl need no option.
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
    // HTTP/2 writes small frames: held back, the first answer of each connection would be some 40 ms late.
    let listener = listener.tap_io(|connection| {
        // A connection that cannot be set so is slower and of use all the same.
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
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
