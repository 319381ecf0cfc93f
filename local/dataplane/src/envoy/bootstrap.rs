//! What an Envoy is started with: who it is, its admin address, and where its dynamic resources are.

use serde_json::{Value, json};

use super::files;
use super::model::{ADMIN_PORT, Proxy, file_source, socket_address};
use super::role::RoleKind;

/// The bootstrap configuration of `proxy`.
pub fn bootstrap(proxy: &Proxy) -> Value {
    let role = &proxy.role;
    let tag = match role.kind {
        RoleKind::VirtualNode => "appmesh.virtual_node",
        RoleKind::VirtualGateway => "appmesh.virtual_gateway",
    };
    let name = role.to_string();
    json!({
        "node": {"id": name, "cluster": name},
        "admin": {"address": socket_address(proxy.address, ADMIN_PORT)},
        "dynamic_resources": {
            "cds_config": file_source(files::clusters_path(&proxy.directory)),
            "lds_config": file_source(files::listeners_path(&proxy.directory)),
        },
        "stats_config": {
            "stats_tags": [
                {"tag_name": "appmesh.mesh", "fixed_value": role.mesh},
                {"tag_name": tag, "fixed_value": role.name},
            ],
        },
    })
}
