//! Routes: one kind, a split that adds up, matches and retries that say something.

use super::{exactly_one, matching, require};
use crate::fault::Fault;
use crate::spec::{GrpcRoute, HttpRoute, RouteSpec, WeightedTarget};

pub(super) fn check(route: &RouteSpec) -> Result<(), Fault> {
    let kinds = [
        ("grpcRoute", route.grpc_route.is_some()),
        ("http2Route", route.http2_route.is_some()),
        ("httpRoute", route.http_route.is_some()),
        ("tcpRoute", route.tcp_route.is_some()),
    ];
    let member = format!("spec.{}", exactly_one("spec", &kinds)?);
    if let Some(http) = route.http_route.as_ref().or(route.http2_route.as_ref()) {
        check_http(&member, http)?;
    }
    if let Some(grpc) = &route.grpc_route {
        check_grpc(&member, grpc)?;
    }
    check_weights(&member, route.weighted_targets())
}

/// The upper limit is documented at `WeightedTarget`. That zero in total is refused is not: no proxy can
/// split traffic so (Envoy demands a total of at least 1), and a route that no proxy takes is better said here.
fn check_weights(route: &str, targets: &[WeightedTarget]) -> Result<(), Fault> {
    let total: i64 = targets.iter().map(|target| target.weight.get()).sum();
    require(
        (1..=100).contains(&total),
        &format!("{route}.action.weightedTargets"),
        &format!("a total weight of `{total}` is not allowed: 1 to 100"),
    )
}

fn check_http(member: &str, route: &HttpRoute) -> Result<(), Fault> {
    let matching = &route.matching;
    matching::check_path(&format!("{member}.match"), matching.prefix.as_deref(), matching.path.as_ref())?;
    matching::check_headers(&format!("{member}.match.headers"), matching.headers.as_deref())?;
    let retries = route.retry_policy.as_ref();
    check_retries(
        member,
        retries.is_none_or(|policy| policy.http_retry_events.is_some() || policy.tcp_retry_events.is_some()),
    )
}

fn check_grpc(member: &str, route: &GrpcRoute) -> Result<(), Fault> {
    require(
        route.matching.method_name.is_none() || route.matching.service_name.is_some(),
        &format!("{member}.match.serviceName"),
        "is missing: `methodName` needs it",
    )?;
    matching::check_headers(&format!("{member}.match.metadata"), route.matching.metadata.as_deref())?;
    let retries = route.retry_policy.as_ref();
    check_retries(
        member,
        retries.is_none_or(|policy| {
            policy.grpc_retry_events.is_some()
                || policy.http_retry_events.is_some()
                || policy.tcp_retry_events.is_some()
        }),
    )
}

fn check_retries(member: &str, has_event: bool) -> Result<(), Fault> {
    require(has_event, &format!("{member}.retryPolicy"), "at least one retry event is needed")
}
