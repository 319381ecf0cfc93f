use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::constraint::union;
use super::{Duration, Int, ListenerTls, Port, Positive, Text, Text255};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    pub port: Port,
    pub protocol: PortProtocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortProtocol {
    Http,
    Tcp,
    Http2,
    Grpc,
}

/// Where a virtual node takes requests.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    pub connection_pool: Option<VirtualNodeConnectionPool>,
    pub health_check: Option<HealthCheckPolicy>,
    pub outlier_detection: Option<OutlierDetection>,
    pub port_mapping: PortMapping,
    pub timeout: Option<ListenerTimeout>,
    pub tls: Option<ListenerTls>,
}

union! {
    /// Limits towards the application, by the listener's protocol.
    VirtualNodeConnectionPool {
        Grpc(grpc: RequestPool),
        Http(http: HttpConnectionPool),
        Http2(http2: RequestPool),
        Tcp(tcp: TcpConnectionPool),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestPool {
    pub max_requests: Positive,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpConnectionPool {
    pub max_connections: Positive,
    pub max_pending_requests: Option<Positive>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcpConnectionPool {
    pub max_connections: Positive,
}

/// An active health check; `P` is the set of protocols, which gateways have without TCP.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck<P> {
    pub healthy_threshold: HealthCheckThreshold,
    pub interval_millis: Int<5_000, 300_000>,
    /// Used for HTTP and HTTP/2 only.
    pub path: Option<String>,
    /// Must be the listener's own port.
    pub port: Option<Port>,
    pub protocol: P,
    pub timeout_millis: Int<2_000, 60_000>,
    pub unhealthy_threshold: HealthCheckThreshold,
}

pub type HealthCheckPolicy = HealthCheck<PortProtocol>;

/// Consecutive results after which health changes.
pub type HealthCheckThreshold = Int<2, 10>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutlierDetection {
    pub base_ejection_duration: Duration,
    pub interval: Duration,
    pub max_ejection_percent: Int<0, 100>,
    pub max_server_errors: Positive,
}

union! {
    /// Timeouts, by the listener's protocol.
    ListenerTimeout {
        Grpc(grpc: RequestTimeout),
        Http(http: RequestTimeout),
        Http2(http2: RequestTimeout),
        Tcp(tcp: TcpTimeout),
    }
}

/// Timeouts of HTTP, HTTP/2 and gRPC traffic.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestTimeout {
    pub idle: Option<Duration>,
    pub per_request: Option<Duration>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpTimeout {
    pub idle: Option<Duration>,
}

/// Where a proxy writes its access log.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    pub access_log: Option<AccessLog>,
}

union! {
    AccessLog {
        File(file: FileAccessLog),
    }
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileAccessLog {
    pub format: Option<LoggingFormat>,
    pub path: Text255,
}

union! {
    LoggingFormat {
        Json(json: Vec<JsonFormatRef>),
        Text(text: Text<1, 1000>),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JsonFormatRef {
    pub key: Text<1, 100>,
    pub value: Text<1, 100>,
}
