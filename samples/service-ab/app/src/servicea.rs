//! servicea: answers with what serviceb says.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::client::{BackendClient, BackendError};
use crate::serviceb::VERSION_HEADER;
use crate::settings::ServiceASettings;

/// What is passed on of serviceb's headers. The others describe the connection between the two.
const PASSED_ON: [HeaderName; 2] = [header::CONTENT_TYPE, HeaderName::from_static(VERSION_HEADER)];

/// servicea's routes: `GET /` and `GET /ping`.
///
/// # Errors
/// The HTTP client cannot be built, for one because a proxy variable of the environment is not a URL.
pub fn router(settings: &ServiceASettings) -> Result<Router, reqwest::Error> {
    let backend = Arc::new(BackendClient::new(settings.backend_url.clone())?);
    Ok(Router::new().route("/", get(pass_on)).route("/ping", get(|| async { "pong\n" })).with_state(backend))
}

async fn pass_on(State(backend): State<Arc<BackendClient>>) -> Response {
    match backend.answer().await {
        Ok((headers, body)) => (passed_on(&headers), body).into_response(),
        Err(error) => bad_gateway(&error),
    }
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let found = PASSED_ON.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    found.collect()
}

fn bad_gateway(error: &BackendError) -> Response {
    let reason = chain(error);
    eprintln!("servicea: {reason}");
    (StatusCode::BAD_GATEWAY, format!("{reason}\n")).into_response()
}

/// The error and everything that caused it, on one line.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
