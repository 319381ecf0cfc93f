//! ui: the page, and what its script asks for.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::Line;
use crate::backend::{Answer, Backend};
use crate::error::{Refusal, no_such_path};
use crate::settings::UiSettings;

/// The response header that says which version of order answered.
pub const ORDER_VERSION_HEADER: &str = "x-order-version";

/// The page is the same for everybody; its script fetches the stock and posts orders.
const PAGE: &str = include_str!("page.html");

struct Service {
    order: Backend,
}

/// ui's routes: `GET /`, `POST /orders`, `GET /orders/<id>`, `GET /stock`, `GET /ping`.
///
/// # Errors
/// The HTTP client cannot be built, for one because a proxy variable of the environment is not a URL.
pub fn router(settings: &UiSettings) -> Result<Router, reqwest::Error> {
    let service = Service { order: Backend::new("order", ORDER_VERSION_HEADER, &settings.order_url)? };
    Ok(Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/orders", post(place))
        .route("/orders/{id}", get(show))
        .route("/stock", get(stock))
        .route("/ping", get(|| async { "pong\n" }))
        .fallback(no_such_path)
        .with_state(Arc::new(service)))
}

async fn place(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    line: Result<Json<Line>, JsonRejection>,
) -> Result<Answer, Refusal> {
    let Json(line) = line?;
    service.order.post(&["orders"], &line, &headers).await
}

async fn show(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Answer, Refusal> {
    service.order.get(&["orders", &id], &headers).await
}

async fn stock(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<Answer, Refusal> {
    service.order.get(&["stock"], &headers).await
}
