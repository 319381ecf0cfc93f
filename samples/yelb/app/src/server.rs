//! What both programs do around their routes: say their version, listen, and end gracefully.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::process::ExitCode;

use axum::Router;
use axum::http::HeaderValue;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Where a program listens, and what it calls itself.
#[derive(Debug, Clone, Copy)]
pub struct Listen<'a> {
    /// The program's name.
    pub program: &'a str,
    /// The deployed version.
    pub version: &'a str,
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 takes any free one.
    pub port: u16,
}

/// Serves `routes` until SIGTERM or SIGINT, then finishes the requests that are under way.
pub async fn run(listen: &Listen<'_>, routes: Router) -> ExitCode {
    match serve(listen, routes).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: listening on `{}:{}` failed: {error}", listen.program, listen.host, listen.port);
            ExitCode::FAILURE
        }
    }
}

/// `routes` with the header `name: value` on each of their answers.
pub(crate) fn with_header<S>(routes: Router<S>, name: &'static str, value: HeaderValue) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    routes.layer(axum::middleware::map_response(move |mut answer: Response| {
        answer.headers_mut().insert(name, value.clone());
        std::future::ready(answer)
    }))
}

async fn serve(listen: &Listen<'_>, routes: Router) -> io::Result<()> {
    // Handlers first: a signal that arrives while the socket opens must not kill the program half-way.
    let stop = stop_signal()?;
    let listener = TcpListener::bind((listen.host, listen.port)).await?;
    println!("{} {} listens on http://{}", listen.program, listen.version, listener.local_addr()?);
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
