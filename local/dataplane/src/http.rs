//! The HTTP API besides App Mesh's: the container engine, discovery, statistics and health.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::discovery::Discovery;
use crate::engine::Engine;
use crate::engine::request::{CreateContainer, EngineError};
use crate::envoy::plane::Plane;
use crate::report::Report;

/// How long a container may take to end unless the request says otherwise: the default of ECS.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
struct Api {
    engine: Engine,
    plane: Plane,
}

/// The routes under `/_engine` and `/_local`.
pub fn router(engine: Engine, plane: Plane) -> Router {
    Router::new()
        .route("/_local/health", get(health))
        .route("/_local/stats", get(stats))
        .route("/_engine/images", get(image))
        .route("/_engine/discovery", put(discovery))
        .route("/_engine/containers", post(create))
        .route("/_engine/containers/{id}", get(inspect).delete(delete))
        .route("/_engine/containers/{id}/stop", post(stop))
        .with_state(Api { engine, plane })
}

impl IntoResponse for EngineError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoImage(_) | Self::NoContainer(_) => StatusCode::NOT_FOUND,
            Self::NotExited(_) => StatusCode::CONFLICT,
            Self::Role(..) => StatusCode::BAD_REQUEST,
            Self::Address(..) | Self::Write(..) | Self::Envoy(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let message = crate::chain(&self);
        (status, Json(json!({"message": message}))).into_response()
    }
}

/// `rejected` is what Envoys did not take, `lostLogLines` how many lines the full disk has cost since it is full.
async fn health(State(api): State<Api>) -> Json<Value> {
    let (problems, lost) = (api.plane.problems(), crate::log::lost());
    let mut health = json!({"status": if problems.is_empty() && lost == 0 { "ok" } else { "degraded" }});
    if !problems.is_empty() {
        health["rejected"] = json!(problems);
    }
    if lost > 0 {
        health["lostLogLines"] = json!(lost);
    }
    Json(health)
}

async fn stats(State(api): State<Api>) -> Json<Report> {
    api.plane.sample_all().await;
    Json(Report::of(&api.plane))
}

#[derive(Deserialize)]
struct ImageQuery {
    image: String,
}

async fn image(State(api): State<Api>, Query(query): Query<ImageQuery>) -> Result<Json<Value>, EngineError> {
    let matched = &api.engine.image(&query.image)?.image;
    Ok(Json(json!({"image": query.image, "matched": matched})))
}

async fn discovery(State(api): State<Api>, Json(discovery): Json<Discovery>) -> StatusCode {
    api.plane.set_discovery(discovery);
    StatusCode::NO_CONTENT
}

async fn create(
    State(api): State<Api>,
    Json(request): Json<CreateContainer>,
) -> Result<impl IntoResponse, EngineError> {
    let container = api.engine.create(&request)?;
    Ok((StatusCode::CREATED, Json(container)))
}

async fn inspect(State(api): State<Api>, Path(id): Path<String>) -> Result<impl IntoResponse, EngineError> {
    api.engine.inspect(&id).map(Json)
}

#[derive(Default, Deserialize)]
struct StopRequest {
    /// Seconds.
    timeout: Option<f64>,
}

async fn stop(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Option<Json<StopRequest>>,
) -> Result<impl IntoResponse, EngineError> {
    let asked = request.and_then(|Json(request)| request.timeout);
    let asked = asked.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let patience = asked.unwrap_or(STOP_TIMEOUT);
    // On its own, so that a caller who hangs up does not leave a container half stopped.
    let stopped = tokio::spawn(async move { api.engine.stop(&id, patience).await });
    match stopped.await {
        Ok(result) => result.map(Json).map(IntoResponse::into_response),
        Err(_) => Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

async fn delete(State(api): State<Api>, Path(id): Path<String>) -> Result<StatusCode, EngineError> {
    api.engine.delete(&id)?;
    Ok(StatusCode::NO_CONTENT)
}
