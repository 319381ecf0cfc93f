//! yelb-ui: the page, and its way to yelb-appserver.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reqwest::Url;

use crate::settings::UiSettings;
use crate::{HOSTNAME_HEADER, VERSION_HEADER, chain, server};

/// Connecting goes to the sidecar on the same machine: a second is long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The whole exchange with the app server. Below Envoy's default of 15 seconds, so that the cause is told here.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an unused connection stays open. Below Envoy's idle time-out.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The headers of the app server's answers that the caller gets.
const PASSED_ON: [&str; 3] = ["content-type", VERSION_HEADER, HOSTNAME_HEADER];

/// Why yelb-appserver gave no answer to pass on.
#[derive(Debug, thiserror::Error)]
#[error("calling yelb-appserver at `{url}` failed")]
struct NoAnswer {
    url: Url,
    source: reqwest::Error,
}

/// A client that honours `http_proxy` and `HTTP_PROXY`, and where the app server is.
struct AppServer {
    http: reqwest::Client,
    url: Url,
}

/// yelb-ui's routes: the page at `/`, what belongs to it, `/api/` as yelb-appserver answers it, and `/ping`.
///
/// # Errors
/// The HTTP client cannot be built, for one because a proxy variable of the environment is not a URL.
pub fn router(settings: &UiSettings) -> Result<Router, reqwest::Error> {
    let http = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let app_server = AppServer { http, url: settings.appserver.clone() };
    let pages = Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page.html")))
        .route("/page.css", file("text/css; charset=utf-8", include_str!("page.css")))
        .route("/page.js", file("text/javascript; charset=utf-8", include_str!("page.js")))
        .route("/ping", get(|| async { "pong\n" }));
    // What comes from the app server says the app server's version, and never this one's.
    let pages = server::with_header(pages, VERSION_HEADER, settings.version.clone());
    Ok(pages.route("/api/{*path}", get(pass_on)).with_state(Arc::new(app_server)))
}

/// A file of the page. A browser asks again each time: the next version may have another.
fn file<S: Clone + Send + Sync + 'static>(kind: &'static str, text: &'static str) -> axum::routing::MethodRouter<S> {
    get(move || async move { ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text) })
}

async fn pass_on(State(app_server): State<Arc<AppServer>>, OriginalUri(uri): OriginalUri) -> Response {
    match app_server.answer(&uri).await {
        Ok(answer) => answer,
        Err(error) => {
            let reason = chain(&error);
            eprintln!("yelb-ui: {reason}");
            (StatusCode::BAD_GATEWAY, format!("{reason}\n")).into_response()
        }
    }
}

impl AppServer {
    async fn answer(&self, uri: &Uri) -> Result<Response, NoAnswer> {
        let mut url = self.url.clone();
        url.set_path(uri.path());
        url.set_query(uri.query());
        // The URL is told once, by the error that wraps the client's own.
        let failed = |error: reqwest::Error| NoAnswer { url: url.clone(), source: error.without_url() };
        let answer = self.http.get(url.clone()).send().await.map_err(failed)?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let mut response = (status, answer.bytes().await.map_err(failed)?).into_response();
        for name in PASSED_ON {
            if let Some(value) = headers.remove(name) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
