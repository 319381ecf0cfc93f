//! hello-web: greets a visitor with what hello-backend says.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::backend::Faults;
use crate::client::{BackendClient, BackendError};
use crate::page;
use crate::settings::WebSettings;

/// The response header that says which version of hello-backend answered.
pub const BACKEND_VERSION_HEADER: &str = "x-backend-version";

struct Service {
    backend: BackendClient,
    faults: Faults,
}

/// hello-web's routes: `GET /hello/<name>` and `GET /ping`.
///
/// # Errors
/// The HTTP client cannot be built, for one because a proxy variable of the environment is not a URL.
pub fn router(settings: &WebSettings) -> Result<Router, reqwest::Error> {
    let service = Service {
        backend: BackendClient::new(settings.backend_url.clone())?,
        faults: Faults::new(settings.error_percent, settings.delay),
    };
    Ok(Router::new()
        .route("/hello/{name}", get(hello))
        .route("/ping", get(|| async { "pong\n" }))
        .with_state(Arc::new(service)))
}

async fn hello(State(service): State<Arc<Service>>, Path(name): Path<String>) -> Response {
    if let Err(ordered) = service.faults.next().await {
        return ordered.into_response();
    }
    match service.backend.data().await {
        Ok(data) => {
            let mut answer = Html(page::greeting(&name, &data)).into_response();
            // A version that is no header value is left out: the page itself is still good.
            if let Ok(version) = HeaderValue::from_str(&data.version) {
                answer.headers_mut().insert(BACKEND_VERSION_HEADER, version);
            }
            answer
        }
        Err(error) => bad_gateway(&error),
    }
}

fn bad_gateway(error: &BackendError) -> Response {
    let reason = chain(error);
    eprintln!("hello-web: {reason}");
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
