//! Test support: an SDK configuration whose HTTP client answers from a list and remembers what it was asked.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_ssm::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::http::{Request, Response};
use aws_smithy_types::body::SdkBody;

/// Answers with these statuses and bodies, in this order.
pub fn replay(answers: &[(u16, &[u8])]) -> (SdkConfig, StaticReplayClient) {
    let events = answers.iter().map(|(status, body)| {
        let status = (*status).try_into().expect("a status code");
        ReplayEvent::new(Request::new(SdkBody::empty()), Response::new(status, SdkBody::from(*body)))
    });
    let http = StaticReplayClient::new(events.collect());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "test")))
        .retry_config(RetryConfig::disabled())
        .http_client(http.clone())
        .build();
    (config, http)
}

/// Method, path and body of every request, in order.
pub fn asked(http: &StaticReplayClient) -> Vec<(String, String, String)> {
    http.actual_requests()
        .map(|request| {
            let path = request.uri().split_once(".com").map_or("", |(_, path)| path);
            let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
            (request.method().to_owned(), path.to_owned(), body)
        })
        .collect()
}
