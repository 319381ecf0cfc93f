//! Retries and timeouts: App Mesh's, including what it does when nothing is said.

use envoy_types::pb::envoy::config::route::v3::{RetryPolicy, RouteAction};
use local_appmesh::spec::{
    Duration, GrpcRetryEvent, GrpcRetryPolicy, HttpRetryEvent, HttpRetryPolicy, RequestTimeout, TcpRetryEvent,
};

use super::proto::{duration, number};

/// How long a request may take when neither route nor listener says so: App Mesh's default.
const DEFAULT_PER_REQUEST_MILLIS: u64 = 15_000;

/// The status codes that App Mesh documents for `server-error`: 509 is not among them.
const SERVER_ERRORS: [u32; 11] = [500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511];

/// Sets the timeouts of an Envoy route action.
pub fn set_timeouts(action: &mut RouteAction, timeout: Option<&RequestTimeout>) {
    let per_request = timeout.and_then(|timeout| timeout.per_request);
    let millis = per_request.map_or(DEFAULT_PER_REQUEST_MILLIS, Duration::millis);
    // 0 means no limit, to App Mesh and to Envoy.
    action.timeout = duration(millis);
    if let Some(idle) = timeout.and_then(|timeout| timeout.idle) {
        action.idle_timeout = duration(idle.millis());
    }
}

/// The policy of routes that have none.
pub fn default_retry() -> RetryPolicy {
    RetryPolicy {
        retry_on: "connect-failure,refused-stream,retriable-status-codes".to_owned(),
        retriable_status_codes: vec![503],
        num_retries: number(2),
        ..Default::default()
    }
}

/// The policy of an HTTP or HTTP/2 route.
pub fn http_retry(policy: Option<&HttpRetryPolicy>) -> RetryPolicy {
    let Some(policy) = policy else {
        return default_retry();
    };
    let mut events = Events::default();
    events.http(policy.http_retry_events.as_deref());
    events.tcp(policy.tcp_retry_events.as_deref());
    events.policy(policy.max_retries.get(), policy.per_retry_timeout)
}

/// The policy of a gRPC route.
pub fn grpc_retry(policy: Option<&GrpcRetryPolicy>) -> RetryPolicy {
    let Some(policy) = policy else {
        return default_retry();
    };
    let mut events = Events::default();
    for event in policy.grpc_retry_events.as_deref().unwrap_or_default() {
        events.add(match event {
            GrpcRetryEvent::Cancelled => "cancelled",
            GrpcRetryEvent::DeadlineExceeded => "deadline-exceeded",
            GrpcRetryEvent::Internal => "internal",
            GrpcRetryEvent::ResourceExhausted => "resource-exhausted",
            GrpcRetryEvent::Unavailable => "unavailable",
        });
    }
    events.http(policy.http_retry_events.as_deref());
    events.tcp(policy.tcp_retry_events.as_deref());
    events.policy(policy.max_retries.get(), policy.per_retry_timeout)
}

#[derive(Default)]
struct Events {
    on: Vec<&'static str>,
    codes: Vec<u32>,
}

impl Events {
    fn add(&mut self, event: &'static str) {
        if !self.on.contains(&event) {
            self.on.push(event);
        }
    }

    fn http(&mut self, events: Option<&[HttpRetryEvent]>) {
        for event in events.unwrap_or_default() {
            match event {
                HttpRetryEvent::ServerError => {
                    self.codes = SERVER_ERRORS.into();
                    self.add("retriable-status-codes");
                    self.add("reset");
                }
                HttpRetryEvent::GatewayError => {
                    self.add("gateway-error");
                    self.add("reset");
                }
                HttpRetryEvent::ClientError => self.add("retriable-4xx"),
                HttpRetryEvent::StreamError => self.add("refused-stream"),
            }
        }
    }

    fn tcp(&mut self, events: Option<&[TcpRetryEvent]>) {
        for TcpRetryEvent::ConnectionError in events.unwrap_or_default() {
            self.add("connect-failure");
        }
    }

    fn policy(self, max_retries: i64, per_retry_timeout: Duration) -> RetryPolicy {
        // To Envoy an absent time means no limit of its own.
        let per_try = Some(per_retry_timeout.millis()).filter(|&millis| millis > 0);
        RetryPolicy {
            retry_on: self.on.join(","),
            num_retries: number(max_retries),
            retriable_status_codes: self.codes,
            per_try_timeout: per_try.and_then(duration),
            ..Default::default()
        }
    }
}
