//! Virtual nodes and virtual gateways: listeners, health checks, service discovery.

use super::require;
use crate::fault::Fault;
use crate::spec::{
    AwsCloudMapInstanceAttribute, HealthCheckPolicy, OutlierDetection, Port, PortProtocol, ServiceDiscovery,
    VirtualGatewayConnectionPool, VirtualGatewayPortProtocol, VirtualGatewaySpec, VirtualNodeConnectionPool,
    VirtualNodeSpec,
};

pub(super) fn check_node(node: &VirtualNodeSpec) -> Result<(), Fault> {
    let listeners = node.listeners.as_deref().unwrap_or_default();
    require(
        listeners.is_empty() || node.service_discovery.is_some(),
        "spec.serviceDiscovery",
        "is missing: a virtual node with a listener needs it",
    )?;
    for (index, listener) in listeners.iter().enumerate() {
        let member = format!("spec.listeners[{index}]");
        let health_port = listener.health_check.as_ref().and_then(|check| check.port);
        check_health_port(&member, health_port, listener.port_mapping.port)?;
        check_health_path(&member, listener.health_check.as_ref())?;
        check_outlier_detection(&member, listener.outlier_detection.as_ref())?;
        let pool = listener.connection_pool.as_ref().map(|pool| match pool {
            VirtualNodeConnectionPool::Grpc(_) => PortProtocol::Grpc,
            VirtualNodeConnectionPool::Http(_) => PortProtocol::Http,
            VirtualNodeConnectionPool::Http2(_) => PortProtocol::Http2,
            VirtualNodeConnectionPool::Tcp(_) => PortProtocol::Tcp,
        });
        check_pool_protocol(&member, pool, listener.port_mapping.protocol)?;
    }
    match &node.service_discovery {
        Some(ServiceDiscovery::AwsCloudMap(cloud_map)) => {
            check_attributes(cloud_map.attributes.as_deref().unwrap_or_default())
        }
        _ => Ok(()),
    }
}

pub(super) fn check_gateway(gateway: &VirtualGatewaySpec) -> Result<(), Fault> {
    for (index, listener) in gateway.listeners.iter().enumerate() {
        let member = format!("spec.listeners[{index}]");
        let health_port = listener.health_check.as_ref().and_then(|check| check.port);
        check_health_port(&member, health_port, listener.port_mapping.port)?;
        let pool = listener.connection_pool.as_ref().map(|pool| match pool {
            VirtualGatewayConnectionPool::Grpc(_) => VirtualGatewayPortProtocol::Grpc,
            VirtualGatewayConnectionPool::Http(_) => VirtualGatewayPortProtocol::Http,
            VirtualGatewayConnectionPool::Http2(_) => VirtualGatewayPortProtocol::Http2,
        });
        check_pool_protocol(&member, pool, listener.port_mapping.protocol)?;
    }
    Ok(())
}

fn check_health_port(listener: &str, check: Option<Port>, port: Port) -> Result<(), Fault> {
    match check {
        Some(check) if check != port => Err(Fault::invalid(
            &format!("{listener}.healthCheck.port"),
            format!("`{check}` is not allowed: the listener's port is {port}"),
        )),
        _ => Ok(()),
    }
}

/// Not documented; Envoy refuses callers' whole configuration of the node for it.
fn check_health_path(listener: &str, check: Option<&HealthCheckPolicy>) -> Result<(), Fault> {
    require(
        check.and_then(|check| check.path.as_deref()) != Some(""),
        &format!("{listener}.healthCheck.path"),
        "`` is not allowed: leave it out for `/`",
    )
}

/// As for the path of health checks: Envoy demands more than no time.
fn check_outlier_detection(listener: &str, detection: Option<&OutlierDetection>) -> Result<(), Fault> {
    let Some(detection) = detection else {
        return Ok(());
    };
    let times = [("interval", &detection.interval), ("baseEjectionDuration", &detection.base_ejection_duration)];
    for (name, time) in times {
        let member = format!("{listener}.outlierDetection.{name}");
        require(time.millis() > 0, &member, "a value of `0` is not allowed: at least 1")?;
    }
    Ok(())
}

/// Also said of virtual nodes, in the user guide's page on them.
fn check_pool_protocol<P: PartialEq>(listener: &str, pool: Option<P>, protocol: P) -> Result<(), Fault> {
    require(
        pool.is_none_or(|pool| pool == protocol),
        &format!("{listener}.connectionPool"),
        "must be of the protocol in `portMapping`",
    )
}

/// Printable ASCII; values may hold spaces, but not at their start.
fn check_attributes(attributes: &[AwsCloudMapInstanceAttribute]) -> Result<(), Fault> {
    for (index, attribute) in attributes.iter().enumerate() {
        let member = format!("spec.serviceDiscovery.awsCloudMap.attributes[{index}]");
        require(
            attribute.key.chars().all(|c| c.is_ascii_graphic()),
            &format!("{member}.key"),
            "only printable ASCII without spaces is allowed",
        )?;
        let printable = |c: char| c.is_ascii_graphic() || c == ' ';
        require(
            attribute.value.chars().all(printable) && !attribute.value.starts_with(' '),
            &format!("{member}.value"),
            "only printable ASCII that does not start with a space is allowed",
        )?;
    }
    Ok(())
}
