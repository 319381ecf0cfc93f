//! What a request must look like: App Mesh's matches as Envoy's.

use std::cmp::Reverse;

use local_appmesh::spec::{
    GrpcRouteMatch, HeaderMatch, HeaderMatchMethod, HttpMethod, HttpPathMatch, HttpQueryParameter, HttpRouteMatch,
    HttpScheme, Priority,
};
use serde_json::{Value, json};

/// The position of a route: lower `priority` first and none last, then the more specific match.
///
/// Meant to be sorted by; a name behind it makes the order total.
pub fn rank(priority: Option<Priority>, matching: &Value) -> impl Ord + use<> {
    let length = |key: &str| matching[key].as_str().map(str::len);
    let prefix = length("prefix").or(length("path_separated_prefix"));
    let kind = match (length("path"), matching.get("safe_regex")) {
        (Some(_), _) => 0,
        (None, Some(_)) => 1,
        (None, None) => 2,
    };
    let count = |key: &str| matching[key].as_array().map_or(0, Vec::len);
    let conditions = count("headers") + count("query_parameters");
    (priority.map_or(i64::MAX, Priority::get), kind, Reverse(prefix), Reverse(conditions))
}

/// The match of an HTTP or HTTP/2 route.
///
/// `port` is not looked at: callers reach every port of a virtual service through the same egress listener.
pub fn http(matching: &HttpRouteMatch) -> Value {
    let path = match &matching.prefix {
        Some(prefix) => json!({"prefix": prefix}),
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
pub fn grpc(matching: &GrpcRouteMatch) -> Value {
    let metadata = matching.metadata.as_deref().unwrap_or_default();
    let method = matching.method_name.as_deref();
    grpc_call(matching.service_name.as_deref(), method, metadata)
}

/// The match of a gRPC call to a service, or to one of its methods.
pub fn grpc_call(service: Option<&str>, method: Option<&str>, metadata: &[HeaderMatch]) -> Value {
    let mut path = match (service, method) {
        (Some(service), Some(method)) => json!({"path": format!("/{service}/{method}")}),
        (Some(service), None) => json!({"prefix": format!("/{service}/")}),
        (None, _) => json!({"prefix": "/"}),
    };
    path["grpc"] = json!({});
    with_conditions(path, metadata.iter().map(header).collect(), &[])
}

/// The match of a whole path.
pub fn path(path: Option<&HttpPathMatch>) -> Value {
    match path {
        Some(HttpPathMatch { exact: Some(exact), .. }) => json!({"path": exact}),
        Some(HttpPathMatch { regex: Some(regex), .. }) => json!({"safe_regex": {"regex": regex}}),
        Some(HttpPathMatch { exact: None, regex: None }) | None => json!({"prefix": "/"}),
    }
}

/// Adds conditions on headers and query parameters to the match of a path.
pub fn with_conditions(mut path: Value, headers: Vec<Value>, parameters: &[HttpQueryParameter]) -> Value {
    if !headers.is_empty() {
        path["headers"] = headers.into();
    }
    if !parameters.is_empty() {
        path["query_parameters"] = parameters.iter().map(parameter).collect();
    }
    path
}

/// The condition on a request's method.
pub fn method(method: HttpMethod) -> Value {
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
pub fn header(header: &HeaderMatch) -> Value {
    let mut value = match &header.method {
        None => json!({"present_match": true}),
        Some(HeaderMatchMethod::Exact(exact)) => json!({"string_match": {"exact": exact}}),
        Some(HeaderMatchMethod::Prefix(prefix)) => json!({"string_match": {"prefix": prefix}}),
        Some(HeaderMatchMethod::Suffix(suffix)) => json!({"string_match": {"suffix": suffix}}),
        Some(HeaderMatchMethod::Regex(regex)) => {
            json!({"string_match": {"safe_regex": {"regex": regex}}})
        }
        Some(HeaderMatchMethod::Range(range)) => {
            json!({"range_match": {"start": range.start, "end": range.end}})
        }
    };
    value["name"] = json!(header.name);
    if header.invert == Some(true) {
        value["invert_match"] = true.into();
    }
    value
}

fn pseudo_header(name: &str, value: &str) -> Value {
    json!({"name": name, "string_match": {"exact": value}})
}

fn parameter(parameter: &HttpQueryParameter) -> Value {
    let exact = parameter.method.as_ref().and_then(|is| is.exact.as_ref());
    match exact {
        Some(exact) => json!({"name": parameter.name, "string_match": {"exact": exact}}),
        None => json!({"name": parameter.name, "present_match": true}),
    }
}
