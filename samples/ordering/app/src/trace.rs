//! Tracing headers: an Envoy can tell that two requests belong together only if the application says so.

use axum::http::{HeaderMap, HeaderName};

/// X-Ray's header, W3C's two, and the request ID by which Envoy decides whether a request is traced.
/// <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/observability/tracing#trace-context-propagation>
pub const HEADERS: [&str; 4] = ["x-amzn-trace-id", "traceparent", "tracestate", "x-request-id"];

/// The tracing headers of a request, for the requests that are made for it.
pub fn of(request: &HeaderMap) -> HeaderMap {
    let found = HEADERS.iter().filter_map(|name| Some((HeaderName::from_static(name), request.get(*name)?.clone())));
    found.collect()
}

/// The trace that a request belongs to, for a line in the log; `none` without one.
pub fn id(request: &HeaderMap) -> &str {
    let mut ids = HEADERS[..2].iter().filter_map(|name| request.get(*name)?.to_str().ok());
    ids.next().unwrap_or("none")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn tracing_headers_are_passed_on_and_no_others() {
        let tracing = [
            ("x-amzn-trace-id", "Root=1-2-3"),
            ("traceparent", "00-1-2-01"),
            ("tracestate", "a=1"),
            ("x-request-id", "r"),
        ];
        let others = [("host", "ui"), ("authorization", "secret"), ("content-length", "2")];
        assert_eq!(of(&headers(&[tracing.as_slice(), &others].concat())), headers(&tracing));
    }

    #[test]
    fn a_log_line_names_x_rays_trace_or_else_w3cs() {
        assert_eq!(id(&headers(&[("traceparent", "00-1-2-01"), ("x-amzn-trace-id", "Root=1-2-3")])), "Root=1-2-3");
        assert_eq!(id(&headers(&[("traceparent", "00-1-2-01"), ("x-request-id", "r")])), "00-1-2-01");
        assert_eq!(id(&headers(&[("x-request-id", "r")])), "none");
    }
}
