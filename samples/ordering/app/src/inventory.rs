//! inventory: what is there, and reservations of it.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;

use crate::error::{Refusal, no_such_path};
use crate::settings::InventorySettings;
use crate::stock::{Amounts, Stock, Unavailable};
use crate::{Line, trace};

struct Service {
    stock: Stock,
    version: String,
}

/// What `POST /reservations` answers.
#[derive(Serialize)]
struct Reserved {
    #[serde(flatten)]
    line: Line,
    /// How many of the item are left.
    left: u32,
}

/// inventory's routes: `GET /stock`, `POST /reservations`, `GET /ping`.
pub fn router(settings: &InventorySettings) -> Router {
    let service = Service { stock: Stock::new(settings.stock.clone()), version: settings.listen.version.clone() };
    Router::new()
        .route("/stock", get(stock))
        .route("/reservations", post(reserve))
        .route("/ping", get(|| async { "pong\n" }))
        .fallback(no_such_path)
        .with_state(Arc::new(service))
}

async fn stock(State(service): State<Arc<Service>>) -> Json<Amounts> {
    Json(service.stock.left())
}

async fn reserve(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    line: Result<Json<Line>, JsonRejection>,
) -> Result<Json<Reserved>, Refusal> {
    let Json(line) = line?;
    let reserved = service.stock.reserve(&line);
    let outcome = match &reserved {
        Ok(left) => format!("reserved {} of `{}`, {left} left", line.quantity, line.item),
        Err(why) => format!("refused: {why}"),
    };
    println!("inventory {}: {outcome} (trace {})", service.version, trace::id(&headers));
    Ok(Json(Reserved { left: reserved?, line }))
}

impl From<Unavailable> for Refusal {
    fn from(why: Unavailable) -> Self {
        let status = match why {
            Unavailable::Quantity(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Unavailable::Item(_) => StatusCode::NOT_FOUND,
            Unavailable::SoldOut { .. } => StatusCode::CONFLICT,
        };
        Self::new(status, why.to_string())
    }
}
