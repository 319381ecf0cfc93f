//! The application that the integration tests run as a container. It answers with its `VERSION`.
//!
//! `HOST` and `PORT` say where it listens. With `MODE=tcp` it writes its version to each connection and closes it. Over
//! HTTP it answers `/call?URL` with what a GET of that URL gives, `/status/CODE` with that code, `/protocol` with how it
//! was asked, like `HTTP/2.0`, and anything else with `VERSION METHOD HOST PATH`.

use std::process::ExitCode;

use axum::Router;
use axum::extract::{Path, RawQuery, Request};
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

async fn run() -> std::io::Result<()> {
    let listener = TcpListener::bind(format!("{}:{}", variable("HOST"), variable("PORT"))).await?;
    if variable("MODE") == "tcp" {
        let version = variable("VERSION");
        loop {
            let (mut connection, _) = listener.accept().await?;
            connection.write_all(version.as_bytes()).await?;
        }
    }
    let router = Router::new()
        .route("/call", get(call))
        .route("/status/{code}", get(status))
        .route("/protocol", get(async |request: Request| format!("{:?}", request.version())))
        .fallback(describe);
    axum::serve(listener, router).await
}

async fn call(RawQuery(url): RawQuery) -> (StatusCode, String) {
    match reqwest::get(url.unwrap_or_default()).await {
        Ok(response) => {
            let status = response.status();
            (status, response.text().await.unwrap_or_default())
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()),
    }
}

async fn status(Path(code): Path<u16>) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or_default()
}

async fn describe(request: Request) -> String {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let host = host.or(request.uri().host()).unwrap_or_default();
    let (method, path) = (request.method(), request.uri().path());
    format!("{} {method} {host} {path}", variable("VERSION"))
}
