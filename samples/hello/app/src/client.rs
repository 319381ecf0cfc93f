//! hello-web's way to hello-backend.

use std::time::Duration;

use reqwest::Url;

use crate::backend::Data;

/// Connecting goes to the sidecar on the same machine, or to a neighbour: a second is long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The whole exchange with the backend. Below Envoy's default of 15 seconds, so that the cause is told here.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an unused connection stays open. Below the backend's keep-alive and Envoy's idle time-out.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why hello-backend gave nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    #[error("calling hello-backend at `{url}` failed")]
    Call { url: Url, source: reqwest::Error },
    #[error("hello-backend at `{url}` answered `{status}`")]
    Status { url: Url, status: reqwest::StatusCode },
    #[error("hello-backend at `{url}` answered something that is not its data")]
    Body { url: Url, source: reqwest::Error },
}

/// A pooled client for hello-backend. It honours `http_proxy` and `HTTP_PROXY`.
pub(crate) struct BackendClient {
    http: reqwest::Client,
    url: Url,
}

impl BackendClient {
    pub(crate) fn new(url: Url) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, url })
    }

    pub(crate) async fn data(&self) -> Result<Data, BackendError> {
        let url = || self.url.clone();
        // The URL is told once, by the error that wraps the client's own.
        let answer = self.http.get(url()).send().await;
        let answer = answer.map_err(|error| BackendError::Call { url: url(), source: error.without_url() })?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(BackendError::Status { url: url(), status: answer.status() });
        }
        let data = answer.json().await;
        data.map_err(|error| BackendError::Body { url: url(), source: error.without_url() })
    }
}
