//! serviceb: says which version it is.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::settings::Listen;

/// The response header that says which version of serviceb answered.
pub const VERSION_HEADER: &str = "x-version";

/// What `GET /` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// `serviceb`.
    pub service: String,
    /// The version of serviceb that answered.
    pub version: String,
    /// The protocol in which the request arrived, for example `HTTP/2.0`.
    pub protocol: String,
}

/// serviceb's routes: `GET /` and `GET /ping`.
pub fn router(settings: &Listen) -> Router {
    let version: Arc<str> = settings.version.as_str().into();
    Router::new().route("/", get(answer)).route("/ping", get(|| async { "pong\n" })).with_state(version)
}

async fn answer(State(version): State<Arc<str>>, request: Request) -> Response {
    let answer = Answer {
        service: "serviceb".to_owned(),
        version: version.as_ref().to_owned(),
        protocol: format!("{:?}", request.version()),
    };
    ([(VERSION_HEADER, version.as_ref())], Json(answer)).into_response()
}
