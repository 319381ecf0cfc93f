//! The ECS service that runs the version.

use super::{VERSION, resource, tags};
use crate::{
    platform::{LaunchType, Platform},
    setting::{Setting, substituted},
    value::{Value, attribute, map, reference, some},
};

pub(super) fn service(platform: &Platform) -> Value {
    let registry = map([("RegistryArn", Some(attribute("DiscoveryService", "Arn")))]);
    let properties = map([
        ("ServiceName", Some(substituted(VERSION))),
        ("Cluster", Some(platform.cluster.value())),
        ("TaskDefinition", Some(reference("TaskDefinition"))),
        ("LaunchType", some(platform.launch_type.name())),
        ("DesiredCount", some(platform.scaling.min)),
        ("DeploymentConfiguration", Some(deployment())),
        ("NetworkConfiguration", Some(network(platform))),
        ("ServiceRegistries", Some(Value::List(vec![registry]))),
        ("EnableECSManagedTags", some(true)),
        ("PropagateTags", some("SERVICE")),
        ("Tags", Some(tags())),
    ]);
    // Envoy asks App Mesh for its virtual node as soon as it starts, and the node outlives the tasks when the stack is deleted.
    resource("AWS::ECS::Service", some("VirtualNode"), properties)
}

fn deployment() -> Value {
    // A version whose tasks cannot start fails its stack after a few tries instead of after CloudFormation's three hours.
    let circuit_breaker = map([("Enable", some(true)), ("Rollback", some(true))]);
    map([
        ("MinimumHealthyPercent", some(100)),
        ("MaximumPercent", some(200)),
        ("DeploymentCircuitBreaker", Some(circuit_breaker)),
    ])
}

fn network(platform: &Platform) -> Value {
    let public = if platform.assign_public_ip { "ENABLED" } else { "DISABLED" };
    let all = |settings: &[Setting]| Some(Value::List(settings.iter().map(Setting::value).collect()));
    let vpc = map([
        // On EC2 a task's network interface never has a public address, and ECS does not take the setting.
        ("AssignPublicIp", (platform.launch_type == LaunchType::Fargate).then(|| public.into())),
        ("SecurityGroups", all(&platform.security_groups)),
        ("Subnets", all(&platform.subnets)),
    ]);
    map([("AwsvpcConfiguration", Some(vpc))])
}
