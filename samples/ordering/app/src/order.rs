//! order: places orders, each for what inventory could reserve.

mod book;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use self::book::{Book, Order};
use crate::backend::Backend;
use crate::error::{Refusal, no_such_path};
use crate::settings::OrderSettings;
use crate::{Line, trace};

/// The response header that says which version of inventory answered.
pub const INVENTORY_VERSION_HEADER: &str = "x-inventory-version";

struct Service {
    inventory: Backend,
    orders: Book,
    version: String,
}

/// order's routes: `POST /orders`, `GET /orders/<id>`, `GET /stock`, `GET /ping`.
///
/// # Errors
/// The HTTP client cannot be built, for one because a proxy variable of the environment is not a URL.
pub fn router(settings: &OrderSettings) -> Result<Router, reqwest::Error> {
    let service = Service {
        inventory: Backend::new("inventory", INVENTORY_VERSION_HEADER, &settings.inventory_url)?,
        orders: Book::new(&settings.listen.version),
        version: settings.listen.version.clone(),
    };
    Ok(Router::new()
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
) -> Result<Response, Refusal> {
    let Json(line) = line?;
    let answer = service.inventory.post(&["reservations"], &line, &headers).await?;
    if !answer.status.is_success() {
        // Sold out, unknown or out of range: inventory's answer says it already.
        return Ok(answer.into_response());
    }
    let order = service.orders.enter(line);
    let Order { id, line: Line { item, quantity } } = &order;
    println!("order {}: placed `{id}`: {quantity} of `{item}` (trace {})", service.version, trace::id(&headers));
    Ok((StatusCode::CREATED, answer.headers, Json(order)).into_response())
}

async fn show(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Json<Order>, Refusal> {
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, format!("there is no order `{id}` here"));
    service.orders.find(&id).map(Json).ok_or_else(unknown)
}

async fn stock(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<Response, Refusal> {
    service.inventory.get(&["stock"], &headers).await.map(IntoResponse::into_response)
}
