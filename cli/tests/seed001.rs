//! The four task definitions of the Amazon ECS guide "Getting Started with AWS App Mesh and Amazon ECS" (seed001/*.json, as
//! published), compared property for property with what comes out of the command. Each difference is listed with its reason.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use support::template;

/// The guide's names, as far as a deployment chooses them. Its task is `taskB`, its container `appName`, its virtual node
/// `serviceB`; here all three are the microservice's name.
const PARAMETERS: [(&str, &str); 5] = [
    ("EnvironmentName", "apps"),
    ("MicroserviceName", "taskB"),
    ("Sha", "v1"),
    ("ContainerImage", "appImage"),
    ("Port", "9080"),
];

const MANIFEST: &str = "\
Task:
  Family: taskB
  Memory: {memory}
{cpu}
AppContainer:
  Port: 9080
";

const PLATFORM: &str = "\
LaunchType: {launch_type}
Mesh: apps
ExecutionRole: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
TaskRole: arn:aws:iam::123456789012:role/ecsTaskRole
LogGroup: /ecs/apps
Envoy:
  Image: 840364872350.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.12.1.0-prod
{envoy_memory}
XRay:
  Enabled: {xray}
  Image: amazon/aws-xray-daemon
";

/// Path, the guide's value, ours; `-` is "absent".
type Difference = (&'static str, &'static str, &'static str);

struct Case {
    document: &'static str,
    launch_type: &'static str,
    memory: &'static str,
    cpu: &'static str,
    envoy_memory: &'static str,
    xray: bool,
    /// Its differences beside those of all four.
    differences: &'static [Difference],
}

/// ECS's names for what CloudFormation calls otherwise.
const RENAMED: [(&str, &str); 1] = [("proxyConfigurationProperties", "properties")];

const OF_ALL: [Difference; 7] = [
    // What CloudFormation makes is tagged with what it belongs to.
    ("tags", "-", r#"{"environment":"apps","microservice":"taskB","version":"v1"}"#),
    // The application's container has the microservice's name.
    ("containerDefinitions.app.name", r#""appName""#, r#""taskB""#),
    // What an application is told: where to listen and which version it is.
    ("containerDefinitions.app.environment", "-", r#"{"PORT":"9080","VERSION":"v1"}"#),
    // Versions run side by side, so the virtual node is named after the version.
    (
        "containerDefinitions.envoy.environment.APPMESH_VIRTUAL_NODE_NAME",
        r#""mesh/apps/virtualNode/serviceB""#,
        r#""mesh/apps/virtualNode/taskB-v1""#,
    ),
    // The health check selects metrics by mesh and virtual node, which Envoy labels them with if told so.
    ("containerDefinitions.envoy.environment.ENABLE_ENVOY_STATS_TAGS", "-", r#""1""#),
    // The CloudWatch agent finds Envoy's metrics at a port that the container declares.
    ("containerDefinitions.envoy.portMappings", "-", r#"[{"containerPort":9901,"protocol":"tcp"}]"#),
    ("containerDefinitions.app-health", "-", APP_HEALTH),
];

/// The guide's tasks are healthy as soon as Envoy is; here one more container asks the application.
const APP_HEALTH: &str = concat!(
    r#"{"command":["infinity"],"dependsOn":[{"condition":"START","containerName":"taskB"}],"entryPoint":["sleep"],"#,
    r#""essential":true,"healthCheck":{"command":["CMD-SHELL","bash -c '</dev/tcp/localhost/9080'"],"interval":5,"retries":3,"#,
    r#""startPeriod":60,"timeout":2},"image":"840364872350.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.12.1.0-prod","#,
    r#""linuxParameters":{"initProcessEnabled":true},"logConfiguration":{"logDriver":"awslogs","options":{"#,
    r#""awslogs-group":"/ecs/apps","awslogs-region":"us-west-2","awslogs-stream-prefix":"taskB-v1"}},"name":"app-health","#,
    r#""user":"1337"}"#
);

/// The guide leaves open where logs go; the platform says so for every container.
const LOGS: &str = concat!(
    r#"{"logDriver":"awslogs","options":{"awslogs-group":"/ecs/apps","awslogs-region":"us-west-2","#,
    r#""awslogs-stream-prefix":"taskB-v1"}}"#
);

const CASES: [Case; 4] = [
    Case {
        document: include_str!("seed001/fargate.json"),
        launch_type: "FARGATE",
        memory: "1024",
        cpu: "  Cpu: 0.5 vCPU",
        envoy_memory: "  Memory: 500",
        xray: false,
        differences: FARGATE,
    },
    Case {
        document: include_str!("seed001/fargate-xray.json"),
        launch_type: "FARGATE",
        memory: "1024",
        cpu: "  Cpu: 0.5 vCPU",
        envoy_memory: "  Memory: 500",
        xray: true,
        differences: FARGATE_XRAY,
    },
    Case {
        document: include_str!("seed001/ec2.json"),
        launch_type: "EC2",
        memory: "256",
        cpu: "",
        envoy_memory: "",
        xray: false,
        differences: &[],
    },
    Case {
        document: include_str!("seed001/ec2-xray.json"),
        launch_type: "EC2",
        memory: "256",
        cpu: "  Cpu: 1024",
        envoy_memory: "",
        xray: true,
        differences: &[],
    },
];

const FARGATE: &[Difference] = &[
    // The same size: ECS turns vCPU into units when it registers a definition.
    ("cpu", r#""0.5 vCPU""#, r#""512""#),
    // A container's memory is an integer in ECS's and CloudFormation's schema; the guide has it as text.
    ("containerDefinitions.envoy.memory", r#""500""#, "500"),
];

const FARGATE_XRAY: &[Difference] = &[
    FARGATE[0],
    FARGATE[1],
    // Integers in the schema as well.
    ("containerDefinitions.xray-daemon.cpu", r#""32""#, "32"),
    ("containerDefinitions.xray-daemon.memoryReservation", r#""256""#, "256"),
];

/// Functions filled in, names as in ECS's API, lists of names and values as objects.
fn as_ecs(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            if let Some(name) = object.get("Ref").and_then(Value::as_str) {
                return parameter(name).into();
            }
            if let Some(text) = object.get("Fn::Sub").and_then(Value::as_str) {
                return PARAMETERS
                    .iter()
                    .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
                    .into();
            }
            object.iter().map(|(key, value)| (camel(key), typed(key, as_ecs(value)))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => Value::Array(items.iter().map(as_ecs).collect()),
        other => other.clone(),
    }
}

/// CloudFormation makes an integer of a parameter where the resource's schema has one.
fn typed(key: &str, value: Value) -> Value {
    match (key, value.as_str().map(str::parse::<u32>)) {
        ("ContainerPort" | "HostPort", Some(Ok(port))) => port.into(),
        _ => value,
    }
}

fn parameter(name: &str) -> &'static str {
    let known = PARAMETERS.iter().find(|(known, _)| *known == name);
    known.map_or_else(|| if name == "AWS::Region" { "us-west-2" } else { panic!("{name}") }, |(_, value)| value)
}

fn camel(key: &str) -> String {
    let mut key = key.to_owned();
    if let Some(first) = key.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    RENAMED.iter().find(|(theirs, _)| *theirs == key).map_or(key, |(_, ours)| (*ours).to_owned())
}

/// Lists whose order means nothing become objects: names and values, tags, and containers by their name.
fn keyed(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let pair = |item: &Value| {
                let key = item.get("name").or_else(|| item.get("key"))?.as_str()?.to_owned();
                match item.get("value") {
                    Some(value) => Some((key, value.clone())),
                    None if key == "taskB" || key == "appName" => Some(("app".to_owned(), keyed(item))),
                    None => Some((key, keyed(item))),
                }
            };
            let pairs: Option<Map<String, Value>> = items.iter().map(pair).collect();
            pairs.filter(|_| !items.is_empty()).map_or_else(|| items.iter().map(keyed).collect(), Value::Object)
        }
        Value::Object(object) => {
            object.iter().map(|(key, value)| (key.clone(), keyed(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn compare(path: &str, theirs: &Value, ours: &Value, found: &mut BTreeMap<String, (String, String)>) {
    let (Value::Object(one), Value::Object(other)) = (theirs, ours) else {
        if theirs != ours {
            found.insert(path.to_owned(), (theirs.to_string(), ours.to_string()));
        }
        return;
    };
    for key in one.keys().chain(other.keys()) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (one.get(key), other.get(key)) {
            (Some(theirs), Some(ours)) => compare(&path, theirs, ours, found),
            (theirs, ours) => {
                let shown = |value: Option<&Value>| value.map_or("-".to_owned(), ToString::to_string);
                found.insert(path, (shown(theirs), shown(ours)));
            }
        }
    }
}

fn check(case: &Case) {
    let manifest = MANIFEST.replace("{memory}", case.memory).replace("{cpu}\n", &line(case.cpu));
    let platform = PLATFORM
        .replace("{launch_type}", case.launch_type)
        .replace("{envoy_memory}\n", &line(case.envoy_memory))
        .replace("{xray}", &case.xray.to_string());
    let template = template(&manifest, &platform);
    let ours = keyed(&as_ecs(&template["Resources"]["TaskDefinition"]["Properties"]));
    let theirs = keyed(&serde_json::from_str(case.document).unwrap());

    let mut found = BTreeMap::new();
    compare("", &theirs, &ours, &mut found);
    let containers = theirs["containerDefinitions"].as_object().unwrap().keys();
    let logs =
        containers.map(|name| (format!("containerDefinitions.{name}.logConfiguration"), ("-".into(), LOGS.into())));
    let listed = OF_ALL.iter().chain(case.differences);
    let listed = listed.map(|(path, theirs, ours)| ((*path).into(), ((*theirs).into(), (*ours).into())));
    let expected: BTreeMap<String, (String, String)> = logs.chain(listed).collect();
    assert_eq!(parsed(found), parsed(expected));
}

/// Differences as JSON values, in which the order of fields does not count; `-` is no JSON and stands for what is not there.
fn parsed(differences: BTreeMap<String, (String, String)>) -> BTreeMap<String, (Value, Value)> {
    let value = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
    differences.into_iter().map(|(path, (theirs, ours))| (path, (value(theirs), value(ours)))).collect()
}

fn line(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

#[test]
fn fargate() {
    check(&CASES[0]);
}

#[test]
fn fargate_with_xray() {
    check(&CASES[1]);
}

#[test]
fn ec2() {
    check(&CASES[2]);
}

#[test]
fn ec2_with_xray() {
    check(&CASES[3]);
}
