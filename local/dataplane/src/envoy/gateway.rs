//! Virtual gateways: which requests enter the mesh, towards which virtual service, and how they are rewritten.
//!
//! A gateway's Envoy routes twice: its listener chooses the virtual service and rewrites host and path, then the
//! request goes through the same Envoy's egress listener, which chooses the virtual node as it does in any sidecar.

use std::collections::BTreeSet;

use local_appmesh::snapshot::VirtualGateway;
use local_appmesh::spec::{
    DefaultGatewayRouteRewrite, GatewayRouteHostnameMatch, GatewayRouteHostnameRewrite, GatewayRouteSpec,
    GatewayRouteTarget, HttpGatewayRoute, HttpGatewayRouteMatch,
};
use serde_json::{Value, json};

use super::matching::{self, rank};
use super::routes::SERVICE_HEADER;

/// The name of the route table of a gateway's listener.
pub fn table_name(port: u16) -> String {
    format!("gateway_{port}")
}

/// The route table of the listener at `port`, which leads to `cluster`.
///
/// Envoy looks at one virtual host only, so each holds, next to the routes of its own hosts, those for any host.
pub fn table(gateway: &VirtualGateway, port: u16, cluster: &str) -> Value {
    let routes = gateway.routes.iter();
    let mut routes: Vec<_> = routes
        .filter(|(_, spec)| listens_on(spec, port))
        .filter_map(|(name, spec)| {
            let (host, route) = route(name, spec, cluster)?;
            let by_host = std::cmp::Reverse(host.as_deref().map(str::len));
            Some(((rank(spec.priority, &route["match"]), by_host), host, route))
        })
        .collect();
    routes.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let mut domains: BTreeSet<&str> = BTreeSet::from(["*"]);
    domains.extend(routes.iter().filter_map(|(_, host, _)| host.as_deref()));
    let hosts: Vec<Value> = domains
        .into_iter()
        .map(|domain| {
            let routes = routes.iter();
            let routes: Vec<&Value> = routes
                .filter(|(_, host, _)| host.as_deref().is_none_or(|host| covers(host, domain)))
                .map(|(_, _, route)| route)
                .collect();
            json!({"name": domain, "domains": [domain], "routes": routes})
        })
        .collect();
    json!({
        "name": table_name(port),
        "ignore_port_in_host_matching": true,
        "virtual_hosts": hosts,
    })
}

/// Whether every host of `domain` is one of `host`'s; both are names or `*` and a suffix.
fn covers(host: &str, domain: &str) -> bool {
    match host.strip_prefix('*') {
        Some(suffix) => domain.ends_with(suffix),
        None => host == domain,
    }
}

fn listens_on(spec: &GatewayRouteSpec, port: u16) -> bool {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref());
    let wanted = match (http, &spec.grpc_route) {
        (Some(route), _) => route.matching.port,
        (None, Some(route)) => route.matching.port,
        (None, None) => None,
    };
    wanted.is_none_or(|wanted| wanted.number() == port)
}

fn route(name: &str, spec: &GatewayRouteSpec, cluster: &str) -> Option<(Option<String>, Value)> {
    let http = spec.http_route.as_ref().or(spec.http2_route.as_ref());
    let (host, matching, mut action, target) = match (http, &spec.grpc_route) {
        (Some(route), _) => {
            let rewrite = route.action.rewrite.as_ref();
            let hostname = rewrite.and_then(|rewrite| rewrite.hostname.as_ref());
            let target = &route.action.target;
            let mut action = forward(cluster, target, hostname);
            rewrite_path(&mut action, route);
            let host = route.matching.hostname.as_ref();
            (host, http_match(&route.matching), action, target)
        }
        (None, Some(route)) => {
            let rewrite = route.action.rewrite.as_ref();
            let hostname = rewrite.and_then(|rewrite| rewrite.hostname.as_ref());
            let target = &route.action.target;
            let metadata = route.matching.metadata.as_deref().unwrap_or_default();
            let service = route.matching.service_name.as_deref();
            let matching = matching::grpc_call(service, None, metadata);
            let host = route.matching.hostname.as_ref();
            (host, matching, forward(cluster, target, hostname), target)
        }
        (None, None) => return None,
    };
    // The virtual service's own routes set the limits.
    action["timeout"] = "0s".into();
    let header = json!({"key": SERVICE_HEADER, "value": target.virtual_service.virtual_service_name});
    let route = json!({
        "name": name,
        "match": matching,
        "route": action,
        "request_headers_to_add": [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    });
    Some((host.and_then(domain), route))
}

fn domain(matching: &GatewayRouteHostnameMatch) -> Option<String> {
    let exact = matching.exact.as_deref().map(str::to_owned);
    let suffix = matching.suffix.as_deref();
    let domain = exact.or(suffix.map(|suffix| format!("*{}", suffix.trim_start_matches('*'))));
    // To Envoy names that differ in case only are the same, and it refuses a table that has one twice.
    domain.map(|domain| domain.to_ascii_lowercase())
}

fn forward(cluster: &str, target: &GatewayRouteTarget, hostname: Option<&GatewayRouteHostnameRewrite>) -> Value {
    let rewrite = hostname.and_then(|rewrite| rewrite.default_target_hostname);
    match rewrite {
        Some(DefaultGatewayRouteRewrite::Disabled) => json!({"cluster": cluster}),
        Some(DefaultGatewayRouteRewrite::Enabled) | None => json!({
            "cluster": cluster,
            "host_rewrite_literal": target.virtual_service.virtual_service_name,
        }),
    }
}

/// A prefix matches whole path segments: `/shop` takes `/shop` and `/shop/x`, and not `/shopping`.
fn http_match(matching: &HttpGatewayRouteMatch) -> Value {
    let path = match matching.prefix.as_deref() {
        None => matching::path(matching.path.as_ref()),
        Some(prefix) if prefix.ends_with('/') => json!({"prefix": prefix}),
        Some(prefix) => json!({"path_separated_prefix": prefix}),
    };
    let headers = matching.headers.as_deref().unwrap_or_default();
    let headers = headers.iter().map(matching::header);
    let headers = headers.chain(matching.method.map(matching::method));
    let parameters = matching.query_parameters.as_deref().unwrap_or_default();
    matching::with_conditions(path, headers.collect(), parameters)
}

/// A matched prefix becomes `/` unless told otherwise; a matched path stays unless told otherwise.
fn rewrite_path(action: &mut Value, route: &HttpGatewayRoute) {
    let rewrite = route.action.rewrite.as_ref();
    let exact = rewrite.and_then(|rewrite| rewrite.path.as_ref()?.exact.as_deref());
    let (pattern, substitution) = match (exact, route.matching.prefix.as_deref()) {
        (Some(exact), _) => ("^.*$".to_owned(), exact),
        (None, Some(prefix)) => {
            let rewrite = rewrite.and_then(|rewrite| rewrite.prefix.as_ref());
            let default = rewrite.and_then(|rewrite| rewrite.default_prefix);
            let value = rewrite.and_then(|rewrite| rewrite.value.as_deref());
            if default == Some(DefaultGatewayRouteRewrite::Disabled) {
                return;
            }
            // With the slash behind it, so that `/shop/x` becomes `/x` and `/shop` becomes `/`.
            let pattern = format!("^{}/?", escape(prefix.trim_end_matches('/')));
            (pattern, value.unwrap_or("/"))
        }
        (None, None) => return,
    };
    action["regex_rewrite"] = json!({
        "pattern": {"regex": pattern},
        "substitution": substitution.replace('\\', r"\\"),
    });
}

/// `text` as a regular expression that matches just it.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if !character.is_alphanumeric() && !matches!(character, '/' | '_') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
