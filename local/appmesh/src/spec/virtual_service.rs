use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::constraint::union;
use super::{Name, PortMapping};

/// A virtual service: the name that callers use, and who answers for it.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServiceSpec {
    /// Absent: the name is known, and nothing answers yet.
    pub provider: Option<VirtualServiceProvider>,
}

union! {
    /// Who answers for a virtual service.
    VirtualServiceProvider {
        VirtualNode(virtual_node: VirtualNodeServiceProvider),
        VirtualRouter(virtual_router: VirtualRouterServiceProvider),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNodeServiceProvider {
    pub virtual_node_name: Name,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterServiceProvider {
    pub virtual_router_name: Name,
}

/// A virtual router: the listeners behind which routes choose virtual nodes.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterSpec {
    pub listeners: Option<Vec<VirtualRouterListener>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterListener {
    pub port_mapping: PortMapping,
}
