//! hello-backend: a greeting and a message as JSON, with faults to order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::settings::BackendSettings;

/// What `GET /data` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// How to greet: goes before the visitor's name.
    pub greeting: String,
    /// What to say next.
    pub message: String,
    /// The version of hello-backend that answered.
    pub version: String,
}

struct Service {
    data: Data,
    faults: Faults,
}

/// hello-backend's routes: `GET /data` and `GET /ping`.
pub fn router(settings: &BackendSettings) -> Router {
    let service = Service {
        data: Data {
            greeting: "Hello".to_owned(),
            message: "It is good to see you.".to_owned(),
            version: settings.listen.version.clone(),
        },
        faults: Faults::new(settings.error_percent, settings.delay),
    };
    Router::new().route("/data", get(data)).route("/ping", get(|| async { "pong\n" })).with_state(Arc::new(service))
}

async fn data(State(service): State<Arc<Service>>) -> Response {
    match service.faults.next().await {
        Ok(()) => Json(&service.data).into_response(),
        Err(Ordered) => Ordered.into_response(),
    }
}

/// The faults that a version was told to have.
pub(crate) struct Faults {
    error_percent: u64,
    delay: Duration,
    answered: AtomicU64,
}

/// An error that was ordered by `ERROR_PERCENT`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ordered;

impl IntoResponse for Ordered {
    fn into_response(self) -> Response {
        let body = "this version fails some requests on purpose (`ERROR_PERCENT`)\n";
        (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
    }
}

impl Faults {
    pub(crate) fn new(error_percent: u8, delay: Duration) -> Self {
        Self { error_percent: error_percent.into(), delay, answered: AtomicU64::new(0) }
    }

    /// Waits as ordered, then says how the next request ends.
    pub(crate) async fn next(&self) -> Result<(), Ordered> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let nth = self.answered.fetch_add(1, Ordering::Relaxed);
        if fails(nth, self.error_percent) { Err(Ordered) } else { Ok(()) }
    }
}

/// Whether the request number `nth` (from 0) is one of the failing ones.
///
/// Counted, not drawn: the failures are spread evenly, and every run of a hundred requests has exactly `percent` of them.
fn fails(nth: u64, percent: u64) -> bool {
    let place = nth % 100;
    (place + 1) * percent / 100 > place * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_hundred_requests_in_a_row_hold_exactly_the_ordered_failures() {
        for percent in 0..=100 {
            for start in [0, 1, 57, 99, 250] {
                let failures = (start..start + 100).filter(|nth| fails(*nth, percent)).count();
                assert_eq!(failures as u64, percent, "from request {start}");
            }
        }
    }

    #[test]
    fn ten_percent_is_every_tenth_request() {
        let failing: Vec<u64> = (0..40).filter(|nth| fails(*nth, 10)).collect();
        assert_eq!(failing, [9, 19, 29, 39]);
    }
}
