//! servicea's way to serviceb.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use reqwest::{StatusCode, Url};

/// Connecting goes to the sidecar on the same machine, or to a neighbour: a second is long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The whole exchange with serviceb. Below Envoy's default of 15 seconds, so that the cause is told here.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an unused connection stays open. Below Envoy's idle time-out.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why serviceb gave nothing to pass on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    #[error("calling serviceb at `{url}` failed")]
    Call { url: Url, source: reqwest::Error },
    #[error("serviceb at `{url}` answered `{status}`")]
    Status { url: Url, status: StatusCode },
    #[error("serviceb at `{url}` did not finish its answer")]
    Body { url: Url, source: reqwest::Error },
}

/// A client that speaks HTTP/2 without TLS to serviceb. It honours `http_proxy` and `HTTP_PROXY`, and speaks HTTP/2 to that
/// proxy too.
pub(crate) struct BackendClient {
    http: reqwest::Client,
    url: Url,
}

impl BackendClient {
    pub(crate) fn new(url: Url) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .http2_prior_knowledge()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, url })
    }

    /// The headers and the body of serviceb's answer.
    pub(crate) async fn answer(&self) -> Result<(HeaderMap, Bytes), BackendError> {
        let url = || self.url.clone();
        // The URL is told once, by the error that wraps the client's own.
        let answer = self.http.get(url()).send().await;
        let mut answer = answer.map_err(|error| BackendError::Call { url: url(), source: error.without_url() })?;
        if answer.status() != StatusCode::OK {
            return Err(BackendError::Status { url: url(), status: answer.status() });
        }
        let headers = std::mem::take(answer.headers_mut());
        let body = answer.bytes().await;
        body.map(|body| (headers, body)).map_err(|error| BackendError::Body { url: url(), source: error.without_url() })
    }
}
