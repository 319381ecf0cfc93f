//! What an Envoy is started with: who it is, its admin address, and where it gets its dynamic resources.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::model::{ADMIN_PORT, Proxy};
use super::role::RoleKind;

/// The static cluster of the ADS server.
const ADS: &str = "ads";
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The only file of an Envoy whose other files would be in `directory`.
pub fn path(directory: &Path) -> PathBuf {
    directory.join("bootstrap.json")
}

/// Writes the bootstrap configuration of `proxy`, which finds the ADS server at the Unix socket `ads`.
///
/// # Errors
/// If it cannot be written.
pub fn write(proxy: &Proxy, ads: &Path) -> io::Result<()> {
    fs::create_dir_all(&proxy.directory)?;
    fs::write(path(&proxy.directory), serde_json::to_vec_pretty(&bootstrap(proxy, ads))?)
}

fn bootstrap(proxy: &Proxy, ads: &Path) -> Value {
    let role = &proxy.role;
    let tag = match role.kind {
        RoleKind::VirtualNode => "appmesh.virtual_node",
        RoleKind::VirtualGateway => "appmesh.virtual_gateway",
    };
    // Without a limit: Envoy would go on without the resource after 15 seconds.
    let source = json!({"resource_api_version": "V3", "ads": {}, "initial_fetch_timeout": "0s"});
    json!({
        "node": {"id": proxy.task, "cluster": role.to_string()},
        "admin": {"address": {"socket_address": {"address": proxy.address, "port_value": ADMIN_PORT}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{"envoy_grpc": {"cluster_name": ADS}}],
            },
            "cds_config": source,
            "lds_config": source,
        },
        "static_resources": {"clusters": [ads_cluster(ads)]},
        "stats_config": {
            "stats_tags": [
                {"tag_name": "appmesh.mesh", "fixed_value": role.mesh},
                {"tag_name": tag, "fixed_value": role.name},
            ],
        },
    })
}

fn ads_cluster(socket: &Path) -> Value {
    json!({
        "name": ADS,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {HTTP_OPTIONS: {
            "@type": format!("type.googleapis.com/{HTTP_OPTIONS}"),
            "explicit_http_config": {"http2_protocol_options": {}},
        }},
        "load_assignment": {
            "cluster_name": ADS,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": socket}}}}]}],
        },
    })
}
