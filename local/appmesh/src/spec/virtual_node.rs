use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::constraint::union;
use super::{BackendDefaults, ClientPolicy, IpPreference, Listener, Logging, Text};

/// A virtual node: one version of one service, where it listens and how its tasks are found.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNodeSpec {
    pub backend_defaults: Option<BackendDefaults>,
    pub backends: Option<Vec<Backend>>,
    pub listeners: Option<Vec<Listener>>,
    pub logging: Option<Logging>,
    pub service_discovery: Option<ServiceDiscovery>,
}

union! {
    /// What a virtual node calls.
    Backend {
        VirtualService(virtual_service: VirtualServiceBackend),
    }
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServiceBackend {
    pub client_policy: Option<ClientPolicy>,
    pub virtual_service_name: String,
}

union! {
    /// How a virtual node's tasks are found.
    ServiceDiscovery {
        AwsCloudMap(aws_cloud_map: AwsCloudMapServiceDiscovery),
        Dns(dns: DnsServiceDiscovery),
    }
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsCloudMapServiceDiscovery {
    /// Only instances that have all of these attributes count.
    pub attributes: Option<Vec<AwsCloudMapInstanceAttribute>>,
    pub ip_preference: Option<IpPreference>,
    pub namespace_name: Text<1, 1024>,
    pub service_name: Text<1, 1024>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwsCloudMapInstanceAttribute {
    pub key: Text<1, 255>,
    pub value: Text<1, 1024>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DnsServiceDiscovery {
    pub hostname: String,
    pub ip_preference: Option<IpPreference>,
    pub response_type: Option<DnsResponseType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsResponseType {
    LoadBalancer,
    Endpoints,
}
