//! The API on the wire: paths, bodies, answers.

mod request;
mod resources;
mod tags;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, put};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Store;
use crate::fault::{Code, Fault};
use crate::kind::Kind;

/// The API under `/v20190125/`, over `store`. It can be merged into another router.
pub fn router(store: Store) -> Router {
    let mut api =
        Router::new().route("/tag", put(tags::tag)).route("/untag", put(tags::untag)).route("/tags", get(tags::list));
    for kind in Kind::ALL {
        api = api.merge(resource(kind));
    }
    let api = api.fallback(unknown_operation).method_not_allowed_fallback(unknown_operation);
    // The bare prefix is no path of the nested router.
    Router::new().nest("/v20190125", api).route("/v20190125/", any(unknown_operation)).with_state(store)
}

fn resource(kind: Kind) -> Router<Store> {
    let description = kind.describe();
    let collection = description.collection;
    let item = format!("{collection}/{{{}}}", description.name_member);
    Router::new()
        .route(
            collection,
            put(move |store, call| resources::create(kind, store, call))
                .get(move |store, call| resources::list(kind, store, call)),
        )
        .route(
            &item,
            get(move |store, call| resources::describe(kind, store, call))
                .put(move |store, call| resources::update(kind, store, call))
                .delete(move |store, call| resources::delete(kind, store, call)),
        )
}

async fn unknown_operation() -> Fault {
    Fault::new(Code::UnknownOperation, "no operation has this path and method")
}

/// An answer with a JSON body.
struct Answer(Value);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = self.0.to_string().into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = Answer(json!({ "message": self.message })).into_response();
        *response.status_mut() = self.code.status();
        let name = HeaderValue::from_static(self.code.name());
        response.headers_mut().insert("x-amzn-errortype", name);
        response
    }
}
