//! Virtual gateways: which requests enter the mesh, towards which virtual service, and how they are rewritten.
//!
//! A gateway's Envoy routes twice: its listener chooses the virtual service and rewrites host and path, then the
//! request goes through the same Envoy's egress listener, which chooses the virtual node as it does in any sidecar.

use std::collections::BTreeSet;

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::config::route::v3::route::Action;
use envoy_types::pb::envoy::config::route::v3::route_action::HostRewriteSpecifier;
use envoy_types::pb::envoy::config::route::v3::route_match::PathSpecifier;
use envoy_types::pb::envoy::config::route::v3::{Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost};
use envoy_types::pb::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;
use local_appmesh::snapshot::VirtualGateway;
use local_appmesh::spec::{
    DefaultGatewayRouteRewrite, GatewayRouteHostnameMatch, GatewayRouteHostnameRewrite, GatewayRouteSpec,
    GatewayRouteTarget, HttpGatewayRoute, HttpGatewayRouteMatch,
};

use super::matching::{self, rank};
use super::proto::{duration, regex};
use super::routes::{SERVICE_HEADER, to_cluster, virtual_host};

/// The name of the route table of a gateway's listener.
pub fn table_name(port: u16) -> String {
    format!("gateway_{port}")
}

/// The route table of the listener at `port`, which leads to `cluster`.
///
/// Envoy looks at one virtual host only, so each holds, next to the routes of its own hosts, those for any host.
pub fn table(gateway: &VirtualGateway, port: u16, cluster: &str) -> RouteConfiguration {
    let routes = gateway.routes.iter();
    let mut routes: Vec<_> = routes
        .filter(|(_, spec)| listens_on(spec, port))
        .filter_map(|(name, spec)| {
            let (host, route) = route(name, spec, cluster)?;
            let by_host = std::cmp::Reverse(host.as_deref().map(str::len));
            Some(((rank(spec.priority, route.r#match.as_ref()?), by_host), host, route))
        })
        .collect();
    routes.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let mut domains: BTreeSet<&str> = BTreeSet::from(["*"]);
    domains.extend(routes.iter().filter_map(|(_, host, _)| host.as_deref()));
    let virtual_hosts: Vec<VirtualHost> = domains
        .into_iter()
        .map(|domain| {
            let routes = routes.iter();
            let routes = routes
                .filter(|(_, host, _)| host.as_deref().is_none_or(|host| covers(host, domain)))
                .map(|(_, _, route)| route.clone())
                .collect();
            virtual_host(domain, domain, routes)
        })
        .collect();
    RouteConfiguration {
        name: table_name(port),
        ignore_port_in_host_matching: true,
        virtual_hosts,
        ..Default::default()
    }
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

fn route(name: &str, spec: &GatewayRouteSpec, cluster: &str) -> Option<(Option<String>, Route)> {
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
    action.timeout = duration(0);
    let route = Route {
        name: name.to_owned(),
        r#match: Some(matching),
        action: Some(Action::Route(action)),
        request_headers_to_add: vec![service_header(target)],
        ..Default::default()
    };
    Some((host.and_then(domain), route))
}

fn service_header(target: &GatewayRouteTarget) -> HeaderValueOption {
    let value = target.virtual_service.virtual_service_name.to_string();
    HeaderValueOption {
        header: Some(HeaderValue { key: SERVICE_HEADER.to_owned(), value, ..Default::default() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..Default::default()
    }
}

fn domain(matching: &GatewayRouteHostnameMatch) -> Option<String> {
    let exact = matching.exact.as_deref().map(str::to_owned);
    let suffix = matching.suffix.as_deref();
    let domain = exact.or(suffix.map(|suffix| format!("*{}", suffix.trim_start_matches('*'))));
    // To Envoy names that differ in case only are the same, and it refuses a table that has one twice.
    domain.map(|domain| domain.to_ascii_lowercase())
}

fn forward(cluster: &str, target: &GatewayRouteTarget, hostname: Option<&GatewayRouteHostnameRewrite>) -> RouteAction {
    let rewrite = hostname.and_then(|rewrite| rewrite.default_target_hostname);
    let host_rewrite_specifier = match rewrite {
        Some(DefaultGatewayRouteRewrite::Disabled) => None,
        Some(DefaultGatewayRouteRewrite::Enabled) | None => {
            let service = target.virtual_service.virtual_service_name.to_string();
            Some(HostRewriteSpecifier::HostRewriteLiteral(service))
        }
    };
    RouteAction { host_rewrite_specifier, ..to_cluster(cluster) }
}

/// A prefix matches whole path segments: `/shop` takes `/shop` and `/shop/x`, and not `/shopping`.
fn http_match(matching: &HttpGatewayRouteMatch) -> RouteMatch {
    let path = match matching.prefix.as_deref() {
        None => matching::path(matching.path.as_ref()),
        Some(prefix) if prefix.ends_with('/') => PathSpecifier::Prefix(prefix.to_owned()),
        Some(prefix) => PathSpecifier::PathSeparatedPrefix(prefix.to_owned()),
    };
    let headers = matching.headers.as_deref().unwrap_or_default();
    let headers = headers.iter().map(matching::header);
    let headers = headers.chain(matching.method.map(matching::method));
    let parameters = matching.query_parameters.as_deref().unwrap_or_default();
    matching::with_conditions(path, headers.collect(), parameters)
}

/// A matched prefix becomes `/` unless told otherwise; a matched path stays unless told otherwise.
fn rewrite_path(action: &mut RouteAction, route: &HttpGatewayRoute) {
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
    action.regex_rewrite = Some(RegexMatchAndSubstitute {
        pattern: Some(regex(pattern)),
        substitution: substitution.replace('\\', r"\\"),
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
