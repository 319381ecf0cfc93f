//! yelb-appserver: what can be voted for, who has how many votes, and how often the page was seen.

pub mod page_views;
pub mod votes;

use std::error::Error;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::settings::AppServerSettings;
use crate::{HOSTNAME_HEADER, VERSION_HEADER, chain, server};
use page_views::PageViews;
use votes::{RESTAURANTS, Votes};

struct Service<V, P> {
    votes: V,
    page_views: P,
    votes_per_click: i64,
}

/// yelb-appserver's routes:
///
/// | `GET` | answers |
/// |---|---|
/// | `/api/getvotes` | the votes of all restaurants as JSON |
/// | `/api/ihop`, `/api/chipotle`, `/api/outback`, `/api/bucadibeppo` | votes for it; its votes |
/// | `/api/pageviews` | counts a page view; how many there are |
/// | `/api/hostname` | what this app server calls itself |
/// | `/ping` | that it is alive |
///
/// If a store fails the answer is 500 and says why.
pub fn router<V: Votes, P: PageViews>(settings: &AppServerSettings, votes: V, page_views: P) -> Router {
    let hostname = settings.hostname();
    let own_name = hostname.clone();
    let service = Service { votes, page_views, votes_per_click: settings.votes_per_click };
    let routes = Router::new()
        .route("/api/getvotes", get(get_votes))
        .route("/api/pageviews", get(view))
        .route("/api/hostname", get(async move || own_name.as_bytes().to_vec()))
        .route("/api/{restaurant}", get(vote))
        .route("/ping", get(|| async { "pong\n" }))
        .with_state(Arc::new(service));
    let routes = server::with_header(routes, HOSTNAME_HEADER, hostname);
    server::with_header(routes, VERSION_HEADER, settings.version.clone())
}

async fn get_votes<V: Votes, P: PageViews>(State(service): State<Arc<Service<V, P>>>) -> Response {
    match service.votes.all().await {
        Ok(votes) => Json(votes).into_response(),
        Err(error) => failed("reading the votes", &error),
    }
}

async fn vote<V: Votes, P: PageViews>(State(service): State<Arc<Service<V, P>>>, Path(name): Path<String>) -> Response {
    if !RESTAURANTS.contains(&name.as_str()) {
        let told = format!("`{name}` is no restaurant: allowed are {}\n", RESTAURANTS.join(", "));
        return (StatusCode::NOT_FOUND, told).into_response();
    }
    match service.votes.add(&name, service.votes_per_click).await {
        Ok(votes) => votes.to_string().into_response(),
        Err(error) => failed("voting", &error),
    }
}

async fn view<V: Votes, P: PageViews>(State(service): State<Arc<Service<V, P>>>) -> Response {
    match service.page_views.add().await {
        Ok(views) => views.to_string().into_response(),
        Err(error) => failed("counting the page view", &error),
    }
}

fn failed(what: &str, error: &dyn Error) -> Response {
    let reason = format!("{what} failed: {}", chain(error));
    eprintln!("yelb-appserver: {reason}");
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{reason}\n")).into_response()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
