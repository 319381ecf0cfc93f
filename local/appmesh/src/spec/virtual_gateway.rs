use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::constraint::union;
use super::{BackendDefaults, HealthCheck, HttpConnectionPool, ListenerTls, Logging, Port, RequestPool};

/// A virtual gateway: a proxy of its own, through which traffic enters the mesh.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewaySpec {
    pub backend_defaults: Option<BackendDefaults>,
    pub listeners: Vec<VirtualGatewayListener>,
    pub logging: Option<Logging>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayListener {
    pub connection_pool: Option<VirtualGatewayConnectionPool>,
    pub health_check: Option<HealthCheck<VirtualGatewayPortProtocol>>,
    pub port_mapping: VirtualGatewayPortMapping,
    pub tls: Option<ListenerTls>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualGatewayPortMapping {
    pub port: Port,
    pub protocol: VirtualGatewayPortProtocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VirtualGatewayPortProtocol {
    Http,
    Http2,
    Grpc,
}

union! {
    /// Limits towards the mesh, by the listener's protocol.
    VirtualGatewayConnectionPool {
        Grpc(grpc: RequestPool),
        Http(http: HttpConnectionPool),
        Http2(http2: RequestPool),
    }
}
