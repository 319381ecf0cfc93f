//! Gateway routes: one kind, matches that say something.

use super::{exactly_one, matching, require};
use crate::fault::Fault;
use crate::spec::{GatewayRouteHostnameMatch, GatewayRouteSpec};

pub(super) fn check(route: &GatewayRouteSpec) -> Result<(), Fault> {
    let kinds = [
        ("grpcRoute", route.grpc_route.is_some()),
        ("http2Route", route.http2_route.is_some()),
        ("httpRoute", route.http_route.is_some()),
    ];
    let member = format!("spec.{}.match", exactly_one("spec", &kinds)?);
    if let Some(http) = route.http_route.as_ref().or(route.http2_route.as_ref()) {
        let matching = &http.matching;
        matching::check_path(&member, matching.prefix.as_deref(), matching.path.as_ref())?;
        check_prefix(&member, matching.prefix.as_deref())?;
        matching::check_headers(&format!("{member}.headers"), matching.headers.as_deref())?;
        check_hostname(&member, matching.hostname.as_ref())?;
    }
    if let Some(grpc) = &route.grpc_route {
        matching::check_headers(&format!("{member}.metadata"), grpc.matching.metadata.as_deref())?;
        check_hostname(&member, grpc.matching.hostname.as_ref())?;
    }
    Ok(())
}

/// Not documented; Envoy refuses a gateway's whole table for such a prefix, which matches whole segments of the path.
fn check_prefix(member: &str, prefix: Option<&str>) -> Result<(), Fault> {
    let prefix = prefix.unwrap_or_default();
    require(
        !prefix.contains(['?', '#']),
        &format!("{member}.prefix"),
        &format!("`{prefix}` is not allowed: a path has no `?` and no `#`"),
    )
}

fn check_hostname(member: &str, hostname: Option<&GatewayRouteHostnameMatch>) -> Result<(), Fault> {
    let Some(hostname) = hostname else {
        return Ok(());
    };
    let ways = [("exact", hostname.exact.is_some()), ("suffix", hostname.suffix.is_some())];
    exactly_one(&format!("{member}.hostname"), &ways).map(drop)
}
