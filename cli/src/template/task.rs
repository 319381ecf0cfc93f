//! The task definition: the application, and Envoy injected beside it.

use super::{Inputs, VERSION, resource, tags};
use crate::{
    Protocol,
    platform::{APP_HEALTH, ENVOY, ENVOY_USER, LaunchType, Platform, Port, Sidecar},
    setting::{Setting, substituted},
    value::{Value, map, named, reference, some},
};

/// Envoy's first image that takes `APPMESH_RESOURCE_ARN`; the ones before take `APPMESH_VIRTUAL_NODE_NAME`.
/// <https://docs.aws.amazon.com/app-mesh/latest/userguide/envoy-config.html>
const FIRST_WITH_RESOURCE_ARN: (u32, u32) = (1, 15);

pub(super) fn task_definition(inputs: &Inputs<'_>) -> Value {
    let (manifest, platform) = (inputs.manifest, inputs.platform);
    let mut containers = vec![application(inputs), envoy(platform), app_health(inputs)];
    containers.extend(sidecars(platform).map(|(_, container)| container));
    let properties = map([
        ("Family", Some(reference("MicroserviceName"))),
        ("RequiresCompatibilities", some(vec![platform.launch_type.name()])),
        ("NetworkMode", some("awsvpc")),
        ("Cpu", manifest.cpu.as_ref().map(|cpu| cpu.value.to_string().into())),
        ("Memory", some(manifest.memory.value.to_string())),
        ("ExecutionRoleArn", Some(platform.execution_role.value())),
        ("TaskRoleArn", Some(platform.task_role.value())),
        ("ProxyConfiguration", Some(proxy())),
        ("ContainerDefinitions", Some(Value::List(containers))),
        ("Tags", Some(tags())),
    ]);
    resource("AWS::ECS::TaskDefinition", None, properties)
}

/// What sends the task's traffic through Envoy.
fn proxy() -> Value {
    let properties = named(
        "Name",
        vec![
            // What Envoy itself sends is not sent to it again.
            ("IgnoredUID", Value::from(ENVOY_USER)),
            ("ProxyIngressPort", Value::from("15000")),
            ("ProxyEgressPort", Value::from("15001")),
            ("AppPorts", reference("Port")),
            // The task metadata and instance metadata endpoints, which hand out credentials.
            ("EgressIgnoredIPs", Value::from("169.254.170.2,169.254.169.254")),
        ],
    );
    map([("Type", some("APPMESH")), ("ContainerName", some(ENVOY)), ("ProxyConfigurationProperties", Some(properties))])
}

fn application(inputs: &Inputs<'_>) -> Value {
    let platform = inputs.platform;
    let port = map([
        ("ContainerPort", Some(reference("Port"))),
        ("HostPort", (platform.launch_type == LaunchType::Ec2).then(|| reference("Port"))),
        ("Protocol", some("tcp")),
    ]);
    let waits = map([("ContainerName", some(ENVOY)), ("Condition", some("HEALTHY"))]);
    let command = &inputs.manifest.command;
    map([
        ("Name", Some(reference("MicroserviceName"))),
        ("Image", Some(reference("ContainerImage"))),
        ("Essential", some(true)),
        ("Command", (!command.is_empty()).then(|| command.clone().into())),
        ("PortMappings", Some(Value::List(vec![port]))),
        ("DependsOn", Some(Value::List(vec![waits]))),
        ("Environment", Some(named("Name", vec![("PORT", reference("Port")), ("VERSION", reference("Sha"))]))),
        ("LogConfiguration", Some(logs(platform))),
    ])
}

fn envoy(platform: &Platform) -> Value {
    let node = platform.mesh.within("mesh/", &format!("/virtualNode/{VERSION}"));
    let mut environment = vec![
        (resource_variable(&platform.envoy.image), node),
        // Puts the mesh and the virtual node on every metric: the health check selects by them.
        ("ENABLE_ENVOY_STATS_TAGS", Value::from("1")),
    ];
    if platform.xray.is_some() {
        environment.push(("ENABLE_ENVOY_XRAY_TRACING", Value::from("1")));
    }
    let live = "curl -s http://localhost:9901/server_info | grep state | grep -q LIVE";
    let health_check = map([
        ("Command", some(vec!["CMD-SHELL", live])),
        ("StartPeriod", some(10)),
        ("Interval", some(5)),
        ("Timeout", some(2)),
        ("Retries", some(3)),
    ]);
    with(&platform.envoy, Some(named("Name", environment)), Some(health_check), platform)
}

/// The container that asks the application whether it answers, so that ECS counts a task as healthy from then on and replaces it
/// if that ends. It is no health check of the application's container, because an image need not hold a program that asks; and
/// none of Envoy's, because the application starts after Envoy is healthy (docs/decisions/0010).
fn app_health(inputs: &Inputs<'_>) -> Value {
    let started = map([("ContainerName", Some(reference("MicroserviceName"))), ("Condition", some("START"))]);
    let health_check = map([
        ("Command", some(vec!["CMD-SHELL".to_owned(), asks(inputs)])),
        ("StartPeriod", some(inputs.manifest.start_period)),
        ("Interval", some(5)),
        ("Timeout", some(2)),
        ("Retries", some(3)),
    ]);
    map([
        ("Name", some(APP_HEALTH)),
        // An image that the task has anyway, with a shell and curl in it.
        ("Image", Some(inputs.platform.envoy.image.value())),
        ("Essential", some(true)),
        ("User", some(ENVOY_USER)),
        ("EntryPoint", some(vec!["sleep"])),
        ("Command", some(vec!["infinity"])),
        // Without it the sleeping process, the first of its container, would not hear that it is to end.
        ("LinuxParameters", Some(map([("InitProcessEnabled", some(true))]))),
        ("DependsOn", Some(Value::List(vec![started]))),
        ("HealthCheck", Some(health_check)),
        ("LogConfiguration", Some(logs(inputs.platform))),
    ])
}

/// Succeeds if the application answers its health-check path with 200, as callers' Envoys ask, or takes connections if it has no
/// such path.
fn asks(inputs: &Inputs<'_>) -> String {
    let port = inputs.manifest.port.value;
    let Some(path) = &inputs.manifest.health_check_path else {
        return format!("bash -c '</dev/tcp/localhost/{port}'");
    };
    let version = if inputs.protocol == Protocol::Http2 { "--http2-prior-knowledge " } else { "" };
    let url = format!("http://localhost:{port}{}", path.value).replace('\'', r"'\''");
    format!("test \"$(curl -s -g {version}-o /dev/null -w '%{{http_code}}' '{url}')\" = 200")
}

/// The variable that tells an image which virtual node it is.
fn resource_variable(image: &Setting) -> &'static str {
    match image {
        Setting::Text(image) if tag_version(image).is_some_and(|version| version < FIRST_WITH_RESOURCE_ARN) => {
            "APPMESH_VIRTUAL_NODE_NAME"
        }
        _ => "APPMESH_RESOURCE_ARN",
    }
}

/// `(1, 12)` of `…/aws-appmesh-envoy:v1.12.1.0-prod`, whether or not a digest follows.
fn tag_version(image: &str) -> Option<(u32, u32)> {
    let (name, _digest) = image.split_once('@').unwrap_or((image, ""));
    let (_, tag) = name.rsplit_once(':')?;
    let mut parts = tag.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The containers that are neither the application nor Envoy, with their names.
pub(super) fn sidecars(platform: &Platform) -> impl Iterator<Item = (&str, Value)> {
    let all = platform.xray.iter().chain(&platform.sidecars);
    all.map(|sidecar| (sidecar.name.as_str(), container(sidecar, platform)))
}

fn container(sidecar: &Sidecar, platform: &Platform) -> Value {
    let environment: Vec<(&str, Value)> =
        sidecar.environment.iter().map(|(key, value)| (key.as_str(), value.value())).collect();
    with(sidecar, (!environment.is_empty()).then(|| named("Name", environment)), None, platform)
}

fn with(sidecar: &Sidecar, environment: Option<Value>, health_check: Option<Value>, platform: &Platform) -> Value {
    let port =
        |(number, protocol): Port| map([("ContainerPort", some(u32::from(number))), ("Protocol", some(protocol))]);
    let ports: Vec<Value> = sidecar.ports.iter().map(|found| port(found.value)).collect();
    map([
        ("Name", some(sidecar.name.clone())),
        ("Image", Some(sidecar.image.value())),
        ("Essential", some(sidecar.essential)),
        ("User", sidecar.user.clone().map(Value::Text)),
        ("Cpu", sidecar.cpu.map(Value::Number)),
        ("Memory", sidecar.memory.map(Value::Number)),
        ("MemoryReservation", sidecar.memory_reservation.map(Value::Number)),
        ("Command", (!sidecar.command.is_empty()).then(|| sidecar.command.clone().into())),
        ("PortMappings", (!ports.is_empty()).then_some(Value::List(ports))),
        ("Environment", environment),
        ("HealthCheck", health_check),
        ("LogConfiguration", Some(logs(platform))),
    ])
}

fn logs(platform: &Platform) -> Value {
    let options = map([
        ("awslogs-group", Some(platform.log_group.value())),
        ("awslogs-region", Some(substituted("${AWS::Region}"))),
        ("awslogs-stream-prefix", Some(platform.log_stream_prefix.value())),
    ]);
    map([("LogDriver", some("awslogs")), ("Options", Some(options))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_its_node_by_the_variable_that_it_knows() {
        let variable = |image: &str| resource_variable(&Setting::Text(image.to_owned()));
        assert_eq!(variable("r/aws-appmesh-envoy:v1.12.1.0-prod"), "APPMESH_VIRTUAL_NODE_NAME");
        assert_eq!(variable("r/aws-appmesh-envoy:v1.14.9.9-prod"), "APPMESH_VIRTUAL_NODE_NAME");
        assert_eq!(variable("r/aws-appmesh-envoy:v1.15.0.0-prod"), "APPMESH_RESOURCE_ARN");
        let digest = "@sha256:5f2b9c0e6d1a";
        assert_eq!(variable(&format!("r/aws-appmesh-envoy:v1.12.1.0-prod{digest}")), "APPMESH_VIRTUAL_NODE_NAME");
        for image in [
            "r/aws-appmesh-envoy:v1.29.12.2-prod",
            &format!("r/aws-appmesh-envoy:v1.15.0.0-prod{digest}"),
            &format!("r/aws-appmesh-envoy{digest}"),
            "r/envoy:latest",
            "localhost:5000/envoy",
            "envoy",
        ] {
            assert_eq!(variable(image), "APPMESH_RESOURCE_ARN", "{image}");
        }
        assert_eq!(resource_variable(&Setting::exported("EnvoyImage")), "APPMESH_RESOURCE_ARN");
    }
}
