//! Listeners: where an Envoy takes requests, and the HTTP connection managers behind them.

use std::net::Ipv4Addr;
use std::path::Path;

use local_appmesh::snapshot::Mesh;
use local_appmesh::spec::{
    AccessLog, Listener, ListenerTimeout, Logging, LoggingFormat, PortProtocol, VirtualNodeSpec,
};
use serde_json::{Map, Value, json};

use super::files;
use super::model::{EGRESS_PORT, INGRESS_PORT, Proxy, file_source, socket_address};
use super::resilience::set_timeouts;
use super::routes::{self, EGRESS, listener_timeout};
use super::tcp::tcp_proxy;

const EXTENSIONS: &str = "type.googleapis.com/envoy.extensions";

/// The name of the listener that takes the requests of others.
pub const INGRESS: &str = "ingress";

/// A listener with one filter.
pub fn listener(name: &str, address: Ipv4Addr, port: u16, filter: Value) -> Value {
    json!({
        "name": name,
        "address": socket_address(address, port),
        // With it two Envoys could share a port without anyone noticing.
        "enable_reuse_port": false,
        "filter_chains": [{"filters": [filter]}],
    })
}

/// The listener that takes the requests of others for the application behind `proxy`.
pub fn ingress(proxy: &Proxy, node: &VirtualNodeSpec, spec: &Listener, application: &str) -> Value {
    let filter = if spec.port_mapping.protocol == PortProtocol::Tcp {
        let timeout = match &spec.timeout {
            Some(ListenerTimeout::Tcp(timeout)) => Some(timeout),
            _ => None,
        };
        tcp_proxy("ingress", json!({"cluster": application}), timeout)
    } else {
        let mut action = json!({"cluster": application});
        set_timeouts(&mut action, listener_timeout(node));
        let table = json!({
            "name": "ingress",
            "virtual_hosts": [{
                "name": "ingress",
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": action}],
            }],
        });
        let log = access_log(node.logging.as_ref());
        http_manager("ingress", ("route_config", table), &[], log)
    };
    listener(INGRESS, proxy.address, INGRESS_PORT, filter)
}

/// The listener that takes the application's own HTTP requests to others.
pub fn egress(mesh: &Mesh, proxy: &Proxy, logging: Option<&Logging>) -> Value {
    let filters = match routes::allows_all(mesh) {
        true => vec![forward_filter()],
        false => vec![],
    };
    let table = route_source(&proxy.directory, EGRESS);
    let filter = http_manager("egress", table, &filters, access_log(logging));
    listener("egress", proxy.address, EGRESS_PORT, filter)
}

/// A gateway's own egress listener. It only takes what the same Envoy's other listeners send it.
pub fn egress_of_gateway(proxy: &Proxy) -> Value {
    let table = route_source(&proxy.directory, EGRESS);
    let filter = http_manager("egress", table, &[], None);
    listener("egress", proxy.address, EGRESS_PORT, filter)
}

/// A gateway's listener, whose routes are the table `name`.
pub fn gateway(proxy: &Proxy, name: &str, port: u16, logging: Option<&Logging>) -> Value {
    let table = route_source(&proxy.directory, name);
    let filter = http_manager("ingress", table, &[], access_log(logging));
    listener(name, proxy.address, proxy.ports.bound(port), filter)
}

/// The cluster that calls whatever host a request names.
pub fn forward_cluster(name: &str) -> Value {
    json!({
        "name": name,
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "1s",
        "cluster_type": {
            "name": "envoy.clusters.dynamic_forward_proxy",
            "typed_config": {
                "@type": format!("{EXTENSIONS}.clusters.dynamic_forward_proxy.v3.ClusterConfig"),
                "dns_cache_config": dns_cache(),
            },
        },
    })
}

fn forward_filter() -> Value {
    json!({
        "name": "envoy.filters.http.dynamic_forward_proxy",
        "typed_config": {
            "@type": format!("{EXTENSIONS}.filters.http.dynamic_forward_proxy.v3.FilterConfig"),
            "dns_cache_config": dns_cache(),
        },
    })
}

fn dns_cache() -> Value {
    json!({"name": "allow_all", "dns_lookup_family": "V4_PREFERRED"})
}

fn route_source(directory: &Path, table: &str) -> (&'static str, Value) {
    let source = file_source(files::routes_path(directory, table));
    ("rds", json!({"route_config_name": table, "config_source": source}))
}

fn http_manager(
    stat_prefix: &str,
    (routes_key, routes): (&str, Value),
    filters: &[Value],
    access_log: Option<Value>,
) -> Value {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": format!("{EXTENSIONS}.filters.http.router.v3.Router")},
    });
    let filters: Vec<&Value> = filters.iter().chain([&router]).collect();
    let mut manager = json!({
        "@type": format!("{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": stat_prefix,
        "http_filters": filters,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "access_log": access_log.as_slice(),
    });
    manager[routes_key] = routes;
    json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": manager})
}

/// The access log, for the path that containers use: `/dev/stdout`, which is the container's log here. Other paths
/// belong to a container's file system, which there is none of.
fn access_log(logging: Option<&Logging>) -> Option<Value> {
    let AccessLog::File(file) = logging?.access_log.as_ref()?;
    if &*file.path != "/dev/stdout" {
        return None;
    }
    let mut config = json!({
        "@type": format!("{EXTENSIONS}.access_loggers.stream.v3.StdoutAccessLog"),
    });
    match &file.format {
        None => {}
        Some(LoggingFormat::Text(text)) => {
            let line = format!("{}\n", text.trim_end());
            config["log_format"] = json!({"text_format_source": {"inline_string": line}});
        }
        Some(LoggingFormat::Json(pairs)) => {
            let pairs = pairs.iter();
            let members: Map<String, Value> = pairs.map(|pair| (pair.key.to_string(), json!(pair.value))).collect();
            config["log_format"] = json!({"json_format": members});
        }
    }
    Some(json!({"name": "envoy.access_loggers.stdout", "typed_config": config}))
}
