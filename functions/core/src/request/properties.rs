//! What holds for a request of any shape, and for every name that is made of one.
#![allow(clippy::unwrap_used)]

use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::{Map, json};

use super::{tests::seed, *};
use crate::{
    aws::appmesh::{route, router},
    inputs::tried,
    text::plain,
};

const FIELDS: [&str; 22] = [
    "EnvironmentName",
    "Namespace",
    "MicroserviceName",
    "Protocol",
    "Port",
    "PercentageStep",
    "WaitTime",
    "Sha",
    "FailureThresholdValue",
    "FailureThresholdTime",
    "OnNoData",
    "OnRunning",
    "MeshName",
    "ContainerImage",
    "CanaryTemplate",
    "CanaryTemplateUrl",
    "Action",
    "percentage_step",
    "wait_time",
    "Colour",
    "",
    "\u{1b}[31m\n\u{202e}",
];

/// Strings that are, or nearly are, what a field takes, and any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[A-Za-z][A-Za-z0-9-]{0,30}",
        3 => "[A-Za-z0-9]{1,62}",
        2 => "[A-Za-z][A-Za-z0-9-]{55,101}",
        1 => "(aws|SSM)[a-z-]{0,5}",
        1 => "[0-9]{1,12}",
        1 => prop::sample::select(vec!["http", "GRPC", "tcp", "RollBack", "Proceed", "Queue", "Repair", "Discard"]).prop_map(str::to_owned),
        1 => "https://[a-z.@?#:]{0,20}\\.s3\\.[a-z0-9-]{0,9}\\.amazonaws\\.com/[ -~]{0,30}",
        2 => "(?s).{0,100}",
        1 => "[\\p{Cc}\\p{Cf}\\p{Z}]{0,20}",
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_i64..120).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(text(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A good request with some of its fields changed, added or left out.
fn nearly() -> impl Strategy<Value = Value> {
    let value = prop_oneof![3 => text().prop_map(Value::from), 2 => any_json()];
    let change = (prop::sample::select(FIELDS.to_vec()), prop::option::weighted(0.8, value));
    prop::collection::vec(change, 0..5).prop_map(|changes| {
        let mut input: Map<String, Value> = seed().as_object().unwrap().clone();
        for (field, value) in changes {
            match value {
                Some(value) => input.insert(field.to_owned(), value),
                None => input.remove(field),
            };
        }
        Value::Object(input)
    })
}

/// Requests whose names are well-formed, at every length.
fn named() -> impl Strategy<Value = Value> {
    let name = || prop_oneof![3 => "[A-Za-z][A-Za-z0-9-]{0,40}", 1 => "[A-Za-z][A-Za-z0-9-]{0,99}"];
    (name(), name(), "[A-Za-z0-9]{1,61}", "[A-Za-z0-9_.-]{1,253}").prop_map(|(environment, service, sha, namespace)| {
        let mut input = seed();
        input["EnvironmentName"] = json!(environment);
        input["MicroserviceName"] = json!(service);
        input["Sha"] = json!(sha);
        input["Namespace"] = json!(namespace);
        input
    })
}

/// The request that a parsed one came from, in the published spelling.
fn written(request: &DeployRequest) -> Value {
    let (field, template) = match &request.template {
        Template::Body(text) => {
            ("CanaryTemplate", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text))
        }
        Template::Url(url) => ("CanaryTemplateUrl", url.clone()),
    };
    let mut input = json!({
        "EnvironmentName": request.environment_name, "Namespace": request.namespace, "Port": request.port,
        "MicroserviceName": request.microservice_name, "Protocol": request.protocol, "Sha": request.sha,
        "PercentageStep": request.percentage_step, "WaitTime": request.wait_time,
        "FailureThresholdValue": request.failure_threshold_value, "ContainerImage": request.container_image,
        "FailureThresholdTime": request.failure_threshold_time, "OnNoData": request.on_no_data,
        "OnRunning": if request.on_running == OnRunning::Queue { "Queue" } else { "Refuse" },
    });
    input[field] = json!(template);
    input
}

fn names_a_field(message: &str) -> bool {
    message.starts_with('`') || message.starts_with("the input is `")
}

fn refused_well(error: &crate::Error) -> TestCaseResult {
    let message = error.chain();
    prop_assert_eq!(error.name(), "Canary.InvalidInput");
    prop_assert!(names_a_field(&message), "{}", message);
    prop_assert_eq!(plain(&message), message.clone());
    prop_assert!(message.chars().count() <= 8_001);
    Ok(())
}

fn holds(input: &Value) -> TestCaseResult {
    match RepairRequest::parse(input) {
        Ok(None) => {}
        Ok(Some(repair)) => {
            fits("the lock's key", &repair.key(), 2048, |c| c.is_ascii_alphanumeric() || "-/".contains(c))?
        }
        Err(error) => refused_well(&error)?,
    }
    match DeployRequest::parse(input) {
        Ok(request) => {
            prop_assert_eq!(&DeployRequest::parse(&written(&request)).unwrap(), &request);
            accepted(&request)
        }
        Err(error) => refused_well(&error),
    }
}

fn accepted(request: &DeployRequest) -> TestCaseResult {
    prop_assert!((1..=100).contains(&request.percentage_step.percent()) && request.port > 0);
    prop_assert!((1..=604_800).contains(&request.wait_time));
    prop_assert!((1..=86_400).contains(&request.failure_threshold_time));
    names_fit(request)
}

fn fits(place: &str, name: &str, most: usize, allowed: fn(char) -> bool) -> TestCaseResult {
    prop_assert!(!name.is_empty() && name.len() <= most, "{place}: `{name}` has {} characters", name.len());
    prop_assert!(name.chars().all(allowed), "{place}: `{name}`");
    Ok(())
}

/// Each place that a name goes to, with AWS's limits for it; docs/security.md lists the same places with their pages.
fn names_fit(request: &DeployRequest) -> TestCaseResult {
    let service = request.service();
    let version = service.version(&request.sha);
    let hyphened = |c: char| c.is_ascii_alphanumeric() || c == '-';
    fits("mesh, ECS cluster", &service.environment_name, 255, hyphened)?;
    fits("stack", &version.stack, 128, hyphened)?;
    prop_assert!(version.stack.starts_with(|c: char| c.is_ascii_alphabetic()), "a stack's name begins with a letter");
    fits("virtual node, ECS service, Cloud Map service", &version.name, 63, hyphened)?;
    prop_assert!(!version.name.starts_with('-') && !version.name.ends_with('-'), "a DNS label ends in no hyphen");
    fits("virtual router", &router(&service), 255, hyphened)?;
    fits("route", &route(&service), 255, hyphened)?;
    fits("task definition family", &service.microservice_name, 255, hyphened)?;
    let parameter = service.version_parameter();
    fits("parameter", &parameter, 1011, hyphened)?;
    let beginning = parameter.to_ascii_lowercase();
    prop_assert!(!beginning.starts_with("aws") && !beginning.starts_with("ssm"), "{parameter}");
    fits("the lock's key", &service.key(), 2048, |c| c.is_ascii_alphanumeric() || "-/".contains(c))?;
    for value in [&service.environment_name, &service.microservice_name, &request.sha] {
        fits("tag, metric dimension", value, 256, hyphened)?;
    }
    fits("namespace", &service.namespace, 253, |c| c.is_ascii_alphanumeric() || "-_.".contains(c))?;
    fits("template parameter", &request.container_image, 4096, |c| c.is_ascii_graphic())?;
    prop_assert_eq!(service.version_named(&version.name), Some(version), "a version is known again by its name");
    Ok(())
}

#[test]
fn a_request_that_is_nearly_good_is_accepted_whole_or_refused_by_field() {
    tried("nearly good requests", &nearly(), |input| holds(&input));
}

#[test]
fn a_request_of_any_shape_is_accepted_whole_or_refused_by_field() {
    tried("any JSON", &any_json(), |input| holds(&input));
}

#[test]
fn every_accepted_name_fits_every_place_it_goes_to() {
    tried("names of every length", &named(), |input| holds(&input));
}

#[test]
fn some_of_these_inputs_are_accepted_and_some_refused() {
    use std::cell::Cell;
    let (good, bad) = (Cell::new(0), Cell::new(0));
    tried("names of every length", &named(), |input| {
        let count = if DeployRequest::parse(&input).is_ok() { &good } else { &bad };
        count.set(count.get() + 1);
        Ok(())
    });
    assert!(good.get() > 10 && bad.get() > 10, "{} accepted, {} refused", good.get(), bad.get());
}
