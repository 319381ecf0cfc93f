//! How the version is found, and by what name: virtual node and Cloud Map service.

use super::{Inputs, VERSION, resource, tags};
use crate::{
    Protocol,
    manifest::Manifest,
    platform::{Discovery, Platform},
    setting::{Setting, substituted},
    value::{Value, attribute, map, named, reference, some},
};

/// Seconds that a resolver may keep a task's address.
const RECORD_TTL: u32 = 10;

pub(super) fn virtual_node(inputs: &Inputs<'_>) -> Value {
    let port_mapping = map([("Port", Some(reference("Port"))), ("Protocol", Some(reference("Protocol")))]);
    let listener = map([("PortMapping", Some(port_mapping)), ("HealthCheck", health_check(inputs))]);
    let spec = map([
        ("Listeners", Some(Value::List(vec![listener]))),
        ("ServiceDiscovery", Some(discovery(inputs.platform))),
        ("Backends", (!inputs.manifest.backends.is_empty()).then(|| backends(inputs.manifest))),
    ]);
    let properties = map([
        ("MeshName", Some(inputs.platform.mesh.value())),
        ("VirtualNodeName", Some(substituted(VERSION))),
        ("Spec", Some(spec)),
        ("Tags", Some(tags())),
    ]);
    resource("AWS::AppMesh::VirtualNode", None, properties)
}

/// How callers' Envoys ask whether a task is well. App Mesh knows paths for HTTP only.
fn health_check(inputs: &Inputs<'_>) -> Option<Value> {
    let path = inputs.manifest.health_check_path.as_ref()?;
    debug_assert!(matches!(inputs.protocol, Protocol::Http | Protocol::Http2));
    Some(map([
        ("Protocol", Some(reference("Protocol"))),
        ("Port", Some(reference("Port"))),
        ("Path", some(path.value.clone())),
        ("IntervalMillis", some(5_000)),
        ("TimeoutMillis", some(2_000)),
        ("HealthyThreshold", some(2)),
        ("UnhealthyThreshold", some(2)),
    ]))
}

/// The virtual services that the version calls; the mesh lets no other call out.
pub(super) fn backends(manifest: &Manifest) -> Value {
    let backend = |name: &Setting| {
        let name = map([("VirtualServiceName", Some(name.value()))]);
        map([("VirtualService", Some(name))])
    };
    Value::List(manifest.backends.iter().map(backend).collect())
}

fn discovery(platform: &Platform) -> Value {
    match platform.discovery {
        Discovery::Dns => {
            let hostname = substituted("${MicroserviceName}-${Sha}.${Namespace}");
            map([("DNS", Some(map([("Hostname", Some(hostname))])))])
        }
        Discovery::CloudMap => {
            let attributes: Vec<(&str, Value)> =
                platform.cloud_map_attributes.iter().map(|(key, value)| (key.as_str(), value.value())).collect();
            let cloud_map = map([
                ("NamespaceName", Some(reference("Namespace"))),
                ("ServiceName", Some(attribute("DiscoveryService", "Name"))),
                ("Attributes", (!attributes.is_empty()).then(|| named("Key", attributes))),
            ]);
            map([("AWSCloudMap", Some(cloud_map))])
        }
    }
}

pub(super) fn discovery_service(platform: &Platform) -> Value {
    let record = map([("Type", some("A")), ("TTL", some(RECORD_TTL))]);
    let dns = map([("RoutingPolicy", some("MULTIVALUE")), ("DnsRecords", Some(Value::List(vec![record])))]);
    let properties = map([
        ("Name", Some(substituted(VERSION))),
        ("Description", Some(substituted("Tasks of ${MicroserviceName} at version ${Sha}"))),
        ("NamespaceId", Some(platform.namespace_id.value())),
        ("DnsConfig", Some(dns)),
        // ECS reports each task's health to Cloud Map.
        ("HealthCheckCustomConfig", Some(map([("FailureThreshold", some(1))]))),
        ("Tags", Some(tags())),
    ]);
    resource("AWS::ServiceDiscovery::Service", None, properties)
}
