use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{HeaderMatch, HttpMethod, HttpPathMatch, HttpQueryParameter, List, Name, Port, Priority, Text, Text255};

/// A gateway route: which requests at a gateway go to which virtual service.
///
/// Exactly one of the three kinds is given.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteSpec {
    pub grpc_route: Option<GrpcGatewayRoute>,
    pub http2_route: Option<HttpGatewayRoute>,
    pub http_route: Option<HttpGatewayRoute>,
    /// 0 is matched first; absent is matched last.
    pub priority: Option<Priority>,
}

impl GatewayRouteSpec {
    /// The virtual service that answers, whichever kind of route this is.
    pub fn target(&self) -> Option<&GatewayRouteTarget> {
        let http = self.http_route.as_ref().or(self.http2_route.as_ref());
        http.map(|route| &route.action.target).or(self.grpc_route.as_ref().map(|route| &route.action.target))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpGatewayRoute {
    pub action: HttpGatewayRouteAction,
    #[serde(rename = "match")]
    pub matching: HttpGatewayRouteMatch,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpGatewayRouteAction {
    pub rewrite: Option<HttpGatewayRouteRewrite>,
    pub target: GatewayRouteTarget,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteTarget {
    pub port: Option<Port>,
    pub virtual_service: GatewayRouteVirtualService,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteVirtualService {
    pub virtual_service_name: Name,
}

/// How a request is changed on its way into the mesh.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpGatewayRouteRewrite {
    pub hostname: Option<GatewayRouteHostnameRewrite>,
    pub path: Option<HttpGatewayRoutePathRewrite>,
    pub prefix: Option<HttpGatewayRoutePrefixRewrite>,
}

/// Whether the host becomes the virtual service's name, which is the default.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteHostnameRewrite {
    pub default_target_hostname: Option<DefaultGatewayRouteRewrite>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DefaultGatewayRouteRewrite {
    Enabled,
    Disabled,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpGatewayRoutePathRewrite {
    pub exact: Option<Text255>,
}

/// What the matched prefix becomes: `value`, or `/` by default.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGatewayRoutePrefixRewrite {
    pub default_prefix: Option<DefaultGatewayRouteRewrite>,
    pub value: Option<Text255>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGatewayRouteMatch {
    pub headers: Option<List<HeaderMatch, 1, 10>>,
    pub hostname: Option<GatewayRouteHostnameMatch>,
    pub method: Option<HttpMethod>,
    pub path: Option<HttpPathMatch>,
    pub port: Option<Port>,
    /// Starts with `/`.
    pub prefix: Option<String>,
    pub query_parameters: Option<List<HttpQueryParameter, 1, 10>>,
}

/// The host a request names: one of the two members is given.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayRouteHostnameMatch {
    pub exact: Option<Text<1, 253>>,
    pub suffix: Option<Text<1, 253>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrpcGatewayRoute {
    pub action: GrpcGatewayRouteAction,
    #[serde(rename = "match")]
    pub matching: GrpcGatewayRouteMatch,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrpcGatewayRouteAction {
    pub rewrite: Option<GrpcGatewayRouteRewrite>,
    pub target: GatewayRouteTarget,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrpcGatewayRouteRewrite {
    pub hostname: Option<GatewayRouteHostnameRewrite>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcGatewayRouteMatch {
    pub hostname: Option<GatewayRouteHostnameMatch>,
    pub metadata: Option<List<HeaderMatch, 1, 10>>,
    pub port: Option<Port>,
    pub service_name: Option<String>,
}
