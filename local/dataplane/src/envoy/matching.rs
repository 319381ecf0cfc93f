//! What a request must look like: App Mesh's matches as Envoy's.

use std::cmp::Reverse;

use envoy_types::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::{GrpcRouteMatchOptions, PathSpecifier};
use envoy_types::pb::envoy::config::route::v3::{HeaderMatcher, QueryParameterMatcher, RouteMatch};
use envoy_types::pb::envoy::r#type::matcher::v3::StringMatcher;
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::envoy::r#type::v3::Int64Range;
use local_appmesh::spec::{
    GrpcRouteMatch, HeaderMatch, HeaderMatchMethod, HttpMethod, HttpPathMatch, HttpQueryParameter, HttpRouteMatch,
    HttpScheme, Priority,
};

use super::proto::regex;

/// The position of a route: lower `priority` first and none last, then the more specific match.
///
/// Meant to be sorted by; a name behind it makes the order total.
pub fn rank(priority: Option<Priority>, matching: &RouteMatch) -> impl Ord + use<> {
    let (kind, prefix) = match &matching.path_specifier {
        Some(PathSpecifier::Path(_)) => (0, None),
        Some(PathSpecifier::SafeRegex(_)) => (1, None),
        Some(PathSpecifier::Prefix(prefix) | PathSpecifier::PathSeparatedPrefix(prefix)) => (2, Some(prefix.len())),
        _ => (2, None),
    };
    let conditions = matching.headers.len() + matching.query_parameters.len();
    (priority.map_or(i64::MAX, Priority::get), kind, Reverse(prefix), Reverse(conditions))
}

/// The match of an HTTP or HTTP/2 route.
///
/// `port` is not looked at: callers reach every port of a virtual service through the same egress listener.
pub fn http(matching: &HttpRouteMatch) -> RouteMatch {
    let path = match &matching.prefix {
        Some(prefix) => PathSpecifier::Prefix(prefix.to_string()),
        None => path(matching.path.as_ref()),
    };
    let scheme = matching.scheme.map(|scheme| match scheme {
        HttpScheme::Http => pseudo_header(":scheme", "http"),
        HttpScheme::Https => pseudo_header(":scheme", "https"),
    });
    let headers = matching.headers.as_deref().unwrap_or_default();
    let conditions = headers.iter().map(header);
    let conditions = conditions.chain(matching.method.map(method)).chain(scheme);
    let parameters = matching.query_parameters.as_deref().unwrap_or_default();
    with_conditions(path, conditions.collect(), parameters)
}

/// The match of a gRPC route.
pub fn grpc(matching: &GrpcRouteMatch) -> RouteMatch {
    let metadata = matching.metadata.as_deref().unwrap_or_default();
    let method = matching.method_name.as_deref();
    grpc_call(matching.service_name.as_deref(), method, metadata)
}

/// The match of a gRPC call to a service, or to one of its methods.
pub fn grpc_call(service: Option<&str>, method: Option<&str>, metadata: &[HeaderMatch]) -> RouteMatch {
    let path = match (service, method) {
        (Some(service), Some(method)) => PathSpecifier::Path(format!("/{service}/{method}")),
        (Some(service), None) => PathSpecifier::Prefix(format!("/{service}/")),
        (None, _) => PathSpecifier::Prefix("/".to_owned()),
    };
    let grpc = Some(GrpcRouteMatchOptions {});
    RouteMatch { grpc, ..with_conditions(path, metadata.iter().map(header).collect(), &[]) }
}

/// The match of a whole path.
pub fn path(path: Option<&HttpPathMatch>) -> PathSpecifier {
    match path {
        Some(HttpPathMatch { exact: Some(exact), .. }) => PathSpecifier::Path(exact.to_string()),
        Some(HttpPathMatch { regex: Some(pattern), .. }) => PathSpecifier::SafeRegex(self::regex(pattern.as_str())),
        Some(HttpPathMatch { exact: None, regex: None }) | None => PathSpecifier::Prefix("/".to_owned()),
    }
}

/// Adds conditions on headers and query parameters to the match of a path.
pub fn with_conditions(
    path: PathSpecifier,
    headers: Vec<HeaderMatcher>,
    parameters: &[HttpQueryParameter],
) -> RouteMatch {
    RouteMatch {
        path_specifier: Some(path),
        headers,
        query_parameters: parameters.iter().map(parameter).collect(),
        ..Default::default()
    }
}

/// The condition on a request's method.
pub fn method(method: HttpMethod) -> HeaderMatcher {
    let name = match method {
        HttpMethod::Get => "GET",
        HttpMethod::Head => "HEAD",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Connect => "CONNECT",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Trace => "TRACE",
        HttpMethod::Patch => "PATCH",
    };
    pseudo_header(":method", name)
}

/// The condition on a header, which also is a piece of gRPC metadata.
pub fn header(header: &HeaderMatch) -> HeaderMatcher {
    let matched = match &header.method {
        None => HeaderMatchSpecifier::PresentMatch(true),
        Some(HeaderMatchMethod::Exact(exact)) => string(MatchPattern::Exact(exact.to_string())),
        Some(HeaderMatchMethod::Prefix(prefix)) => string(MatchPattern::Prefix(prefix.to_string())),
        Some(HeaderMatchMethod::Suffix(suffix)) => string(MatchPattern::Suffix(suffix.to_string())),
        Some(HeaderMatchMethod::Regex(pattern)) => string(MatchPattern::SafeRegex(regex(pattern.as_str()))),
        Some(HeaderMatchMethod::Range(range)) => {
            HeaderMatchSpecifier::RangeMatch(Int64Range { start: range.start, end: range.end })
        }
    };
    HeaderMatcher {
        name: header.name.to_string(),
        invert_match: header.invert == Some(true),
        header_match_specifier: Some(matched),
        ..Default::default()
    }
}

fn string(pattern: MatchPattern) -> HeaderMatchSpecifier {
    HeaderMatchSpecifier::StringMatch(StringMatcher { match_pattern: Some(pattern), ..Default::default() })
}

fn pseudo_header(name: &str, value: &str) -> HeaderMatcher {
    let exact = string(MatchPattern::Exact(value.to_owned()));
    HeaderMatcher { name: name.to_owned(), header_match_specifier: Some(exact), ..Default::default() }
}

fn parameter(parameter: &HttpQueryParameter) -> QueryParameterMatcher {
    let exact = parameter.method.as_ref().and_then(|is| is.exact.as_ref());
    let matched = match exact {
        Some(exact) => QueryParameterMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(MatchPattern::Exact(exact.to_string())),
            ..Default::default()
        }),
        None => QueryParameterMatchSpecifier::PresentMatch(true),
    };
    QueryParameterMatcher { name: parameter.name.to_string(), query_parameter_match_specifier: Some(matched) }
}
