//! How the number of tasks follows the load.

use super::{VERSION, resource};
use crate::{
    platform::Platform,
    setting::substituted,
    value::{Value, attribute, call, map, reference, some},
};

/// What Application Auto Scaling calls the number of a service's tasks.
const DIMENSION: &str = "ecs:service:DesiredCount";

pub(super) fn target(platform: &Platform) -> Value {
    let parts = vec![Value::from("service"), platform.cluster.value(), attribute("Service", "Name")];
    let properties = map([
        ("ServiceNamespace", some("ecs")),
        ("ScalableDimension", some(DIMENSION)),
        ("ResourceId", Some(call("Fn::Join", Value::List(vec![Value::from("/"), Value::List(parts)])))),
        ("MinCapacity", some(platform.scaling.min)),
        ("MaxCapacity", some(platform.scaling.max)),
    ]);
    resource("AWS::ApplicationAutoScaling::ScalableTarget", None, properties)
}

pub(super) fn policy(platform: &Platform) -> Value {
    let metric = map([("PredefinedMetricType", some("ECSServiceAverageCPUUtilization"))]);
    let tracking =
        map([("PredefinedMetricSpecification", Some(metric)), ("TargetValue", some(platform.scaling.target_cpu))]);
    let properties = map([
        ("PolicyName", Some(substituted(&format!("{VERSION}-cpu")))),
        ("PolicyType", some("TargetTrackingScaling")),
        ("ScalingTargetId", Some(reference("ScalableTarget"))),
        ("TargetTrackingScalingPolicyConfiguration", Some(tracking)),
    ]);
    resource("AWS::ApplicationAutoScaling::ScalingPolicy", None, properties)
}
