//! The ordering sample's three templates: found by Cloud Map's attributes, traced by X-Ray, logged to CloudWatch.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, path::Path};

use serde_json::{Value, json};
use support::template;

/// A service's template, as its build renders it.
fn rendered(service: &str) -> Value {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/ordering");
    let read = |name: &str| fs::read_to_string(sample.join(name)).unwrap();
    template(&read(&format!("{service}/specfiles/manifest.yaml")), &read("platform.yaml"))
}

/// The properties of a resource in each of the three templates.
fn of_each(resource: &str) -> Vec<Value> {
    let services = ["ui", "order", "inventory"].into_iter();
    services.map(|service| rendered(service)["Resources"][resource]["Properties"].clone()).collect()
}

fn containers(task: &Value) -> Vec<Value> {
    task["ContainerDefinitions"].as_array().unwrap().clone()
}

fn named(containers: &[Value], name: &str) -> Value {
    containers.iter().find(|container| container["Name"] == name).unwrap().clone()
}

fn imported(name: &str) -> Value {
    json!({"Fn::ImportValue": {"Fn::Sub": format!("${{EnvironmentName}}:{name}")}})
}

#[test]
fn callers_find_the_tasks_that_ecs_registers_for_the_version() {
    for (node, service) in of_each("VirtualNode").iter().zip(of_each("Service")) {
        let found = &node["Spec"]["ServiceDiscovery"]["AWSCloudMap"];
        assert_eq!(found["NamespaceName"], json!({"Ref": "Namespace"}));
        // Into this Cloud Map service ECS registers each task, with the names of its cluster and service.
        assert_eq!(found["ServiceName"], json!({"Fn::GetAtt": ["DiscoveryService", "Name"]}));
        let registry = json!({"RegistryArn": {"Fn::GetAtt": ["DiscoveryService", "Arn"]}});
        assert_eq!(service["ServiceRegistries"], json!([registry]));
        let attributes = json!([
            {"Key": "ECS_CLUSTER_NAME", "Value": service["Cluster"]},
            {"Key": "ECS_SERVICE_NAME", "Value": service["ServiceName"]},
        ]);
        assert_eq!(found["Attributes"], attributes);
    }
}

#[test]
fn each_calls_the_next_and_no_other() {
    let backends = |node: &Value| node["Spec"]["Backends"].clone();
    let virtual_service = |name: &str| json!([{"VirtualService": {"VirtualServiceName": {"Fn::Sub": name}}}]);
    let called: Vec<Value> = of_each("VirtualNode").iter().map(backends).collect();
    let expected = [virtual_service("order.${Namespace}"), virtual_service("inventory.${Namespace}"), Value::Null];
    assert_eq!(called, expected);
}

#[test]
fn envoy_traces_to_the_x_ray_daemon_beside_it() {
    for task in of_each("TaskDefinition") {
        let containers = containers(&task);
        let envoy = named(&containers, "envoy");
        let tracing = json!({"Name": "ENABLE_ENVOY_XRAY_TRACING", "Value": "1"});
        assert!(envoy["Environment"].as_array().unwrap().contains(&tracing), "{envoy}");
        let daemon = named(&containers, "xray-daemon");
        assert_eq!(daemon["Image"], "public.ecr.aws/xray/aws-xray-daemon:3.x");
        assert_eq!(daemon["PortMappings"], json!([{"ContainerPort": 2000, "Protocol": "udp"}]));
        assert_eq!(task["TaskRoleArn"], imported("TaskRole"), "whose role may send traces");
    }
}

#[test]
fn every_container_logs_to_the_environments_group() {
    for task in of_each("TaskDefinition") {
        let containers = containers(&task);
        assert_eq!(containers.len(), 4);
        for container in containers {
            let logs = json!({"LogDriver": "awslogs", "Options": {
                "awslogs-group": imported("LogGroup"),
                "awslogs-region": {"Ref": "AWS::Region"},
                "awslogs-stream-prefix": {"Fn::Sub": "${MicroserviceName}-${Sha}"},
            }});
            assert_eq!(container["LogConfiguration"], logs, "{}", container["Name"]);
        }
    }
}

#[test]
fn the_cloudwatch_agent_finds_envoys_metrics() {
    for task in of_each("TaskDefinition") {
        let envoy = named(&containers(&task), "envoy");
        assert_eq!(envoy["PortMappings"], json!([{"ContainerPort": 9901, "Protocol": "tcp"}]));
        assert_eq!(task["Family"], json!({"Ref": "MicroserviceName"}));
    }
}
