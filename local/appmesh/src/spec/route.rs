use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    Duration, HeaderMatch, HttpMethod, HttpPathMatch, HttpQueryParameter, HttpScheme, Int, List, Name, NonNegative,
    Port, RequestTimeout, TcpTimeout, Text,
};

/// A route: what a request must look like, and among which virtual nodes it is split.
///
/// Exactly one of the four kinds is given.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteSpec {
    pub grpc_route: Option<GrpcRoute>,
    pub http2_route: Option<HttpRoute>,
    pub http_route: Option<HttpRoute>,
    /// 0 is matched first; absent is matched last.
    pub priority: Option<Priority>,
    pub tcp_route: Option<TcpRoute>,
}

impl RouteSpec {
    /// The split, whichever kind of route this is.
    pub fn weighted_targets(&self) -> &[WeightedTarget] {
        let http = self.http_route.as_ref().or(self.http2_route.as_ref());
        let actions = [
            http.map(|route| &route.action),
            self.grpc_route.as_ref().map(|route| &route.action),
            self.tcp_route.as_ref().map(|route| &route.action),
        ];
        actions.into_iter().flatten().next().map_or(&[], |action| &action.weighted_targets)
    }

    /// The router's port that this route is for, if it names one.
    pub fn match_port(&self) -> Option<Port> {
        let http = self.http_route.as_ref().or(self.http2_route.as_ref());
        let tcp = self.tcp_route.as_ref().and_then(|tcp| tcp.matching.as_ref());
        http.and_then(|http| http.matching.port)
            .or(self.grpc_route.as_ref().and_then(|grpc| grpc.matching.port))
            .or(tcp.and_then(|tcp| tcp.port))
    }
}

/// The order in which routes are tried.
pub type Priority = Int<0, 1000>;

/// A share of the traffic, relative to the other targets' weights.
pub type Weight = Int<0, 100>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteAction {
    /// Weights total at most 100.
    pub weighted_targets: List<WeightedTarget, 1, 10>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightedTarget {
    pub port: Option<Port>,
    pub virtual_node: Name,
    pub weight: Weight,
}

/// An HTTP or HTTP/2 route.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRoute {
    pub action: RouteAction,
    #[serde(rename = "match")]
    pub matching: HttpRouteMatch,
    pub retry_policy: Option<HttpRetryPolicy>,
    pub timeout: Option<RequestTimeout>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteMatch {
    pub headers: Option<List<HeaderMatch, 1, 10>>,
    pub method: Option<HttpMethod>,
    pub path: Option<HttpPathMatch>,
    pub port: Option<Port>,
    /// Starts with `/`.
    pub prefix: Option<String>,
    pub query_parameters: Option<List<HttpQueryParameter, 1, 10>>,
    pub scheme: Option<HttpScheme>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRetryPolicy {
    pub http_retry_events: Option<HttpRetryEvents>,
    pub max_retries: NonNegative,
    pub per_retry_timeout: Duration,
    pub tcp_retry_events: Option<TcpRetryEvents>,
}

pub type HttpRetryEvents = List<HttpRetryEvent, 1, 25>;
pub type TcpRetryEvents = List<TcpRetryEvent, 1, 1>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpRetryEvent {
    /// Any 5xx that the API lists, and a reset.
    ServerError,
    /// 502, 503, 504, and a reset.
    GatewayError,
    /// 409.
    ClientError,
    /// A refused stream.
    StreamError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcpRetryEvent {
    ConnectionError,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRoute {
    pub action: RouteAction,
    #[serde(rename = "match")]
    pub matching: GrpcRouteMatch,
    pub retry_policy: Option<GrpcRetryPolicy>,
    pub timeout: Option<RequestTimeout>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRouteMatch {
    pub metadata: Option<List<HeaderMatch, 1, 10>>,
    /// Needs `service_name`.
    pub method_name: Option<Text<1, 50>>,
    pub port: Option<Port>,
    pub service_name: Option<String>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRetryPolicy {
    pub grpc_retry_events: Option<List<GrpcRetryEvent, 1, 5>>,
    pub http_retry_events: Option<HttpRetryEvents>,
    pub max_retries: NonNegative,
    pub per_retry_timeout: Duration,
    pub tcp_retry_events: Option<TcpRetryEvents>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrpcRetryEvent {
    Cancelled,
    DeadlineExceeded,
    Internal,
    ResourceExhausted,
    Unavailable,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpRoute {
    pub action: RouteAction,
    #[serde(rename = "match")]
    pub matching: Option<TcpRouteMatch>,
    pub timeout: Option<TcpTimeout>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TcpRouteMatch {
    pub port: Option<Port>,
}
