//! A service's way to the next one.

use std::error::Error;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use reqwest::Url;
use serde::Serialize;

use crate::error::Refusal;
use crate::server::VERSION_HEADER;
use crate::trace;

/// Connecting goes to the sidecar on the same machine, or to a neighbour: a second is long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The whole exchange. Below Envoy's default of 15 seconds, so that the cause is told here.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an unused connection stays open. Below the backend's keep-alive and Envoy's idle time-out.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A pooled client of one service. It honours `http_proxy` and `HTTP_PROXY`.
pub(crate) struct Backend {
    http: reqwest::Client,
    name: &'static str,
    url: Url,
    /// Which version of this service answered.
    version: HeaderName,
}

/// What the service answered.
pub(crate) struct Answer {
    pub status: StatusCode,
    /// The versions that made the answer, and what its body is.
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Backend {
    /// The service `name` at `url`, whose version an answer has in the header `version`.
    pub(crate) fn new(name: &'static str, version: &'static str, url: &Url) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, name, url: url.clone(), version: HeaderName::from_static(version) })
    }

    /// `GET`s a path for `request`.
    pub(crate) async fn get(&self, path: &[&str], request: &HeaderMap) -> Result<Answer, Refusal> {
        self.call(self.http.request(Method::GET, self.at(path)), request).await
    }

    /// `POST`s `body` as JSON to a path for `request`.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
        request: &HeaderMap,
    ) -> Result<Answer, Refusal> {
        self.call(self.http.request(Method::POST, self.at(path)).json(body), request).await
    }

    /// An answer that is an error of the service itself, or of an Envoy on the way, is a bad gateway with the reason.
    async fn call(&self, call: reqwest::RequestBuilder, request: &HeaderMap) -> Result<Answer, Refusal> {
        let answer = call.headers(trace::of(request)).send().await.map_err(|error| self.unreachable(error))?;
        let (status, headers) = (answer.status(), self.passed_on(answer.headers()));
        if status.is_server_error() {
            return Err(self.bad(&format!("answered `{status}`")));
        }
        let body = answer.bytes().await.map_err(|error| self.unreachable(error))?;
        Ok(Answer { status, headers, body })
    }

    /// The URL of a path, given by its segments.
    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        // Settings take http URLs only, and these have segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn passed_on(&self, answer: &HeaderMap) -> HeaderMap {
        let kept = answer.iter().filter_map(|(name, value)| {
            let name = match name.as_str() {
                VERSION_HEADER => self.version.clone(),
                text if name == CONTENT_TYPE || (text.starts_with("x-") && text.ends_with("-version")) => name.clone(),
                _ => return None,
            };
            Some((name, value.clone()))
        });
        kept.collect()
    }

    fn unreachable(&self, error: reqwest::Error) -> Refusal {
        // The URL is told once, by the line that this becomes part of.
        self.bad(&format!("gave no answer: {}", chain(&error.without_url())))
    }

    fn bad(&self, what: &str) -> Refusal {
        let reason = format!("{} at `{}` {what}", self.name, self.url);
        eprintln!("{reason}");
        Refusal::new(StatusCode::BAD_GATEWAY, reason)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_path_goes_below_the_url_and_cannot_leave_it() {
        let backend = |url: &str| Backend::new("order", "x-order-version", &Url::parse(url).unwrap()).unwrap();
        assert_eq!(backend("http://order:8080").at(&["stock"]).as_str(), "http://order:8080/stock");
        assert_eq!(
            backend("http://order:8080/v2/").at(&["orders", "a/b"]).as_str(),
            "http://order:8080/v2/orders/a%2Fb"
        );
    }
}
