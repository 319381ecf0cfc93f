#![allow(clippy::unwrap_used)]

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;

fn template() -> String {
    STANDARD.encode("Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n")
}

/// The published `deploy.json` of yelb-appserver, with what its build adds.
pub(super) fn seed() -> Value {
    json!({
        "EnvironmentName": "ecs-blogpost", "MicroserviceName": "yelb-appserver", "Protocol": "http", "Port": 4567,
        "Namespace": "yelb.local", "PercentageStep": 10, "WaitTime": 60, "FailureThresholdValue": 1,
        "FailureThresholdTime": 600, "Sha": "0f5c9a7e3b", "ContainerImage": "registry/yelb-appserver:0f5c9a7e3b",
        "CanaryTemplate": template(),
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut input = seed();
    input[field] = value;
    input
}

fn without(field: &str) -> Value {
    let mut input = seed();
    input.as_object_mut().unwrap().remove(field);
    input
}

fn refusal(input: &Value) -> String {
    let error = DeployRequest::parse(input).unwrap_err();
    assert_eq!(error.name(), "Canary.InvalidInput");
    error.to_string()
}

#[test]
fn a_published_file_is_read() {
    let request = DeployRequest::parse(&seed()).unwrap();
    assert_eq!(request.protocol, Protocol::Http);
    assert_eq!((request.port, request.wait_time, request.percentage_step.percent()), (4567, 60, 10));
    assert_eq!((request.failure_threshold_value, request.failure_threshold_time), (1, 600));
}

#[test]
fn what_is_optional_has_the_published_defaults() {
    let mut input = without("FailureThresholdValue");
    input.as_object_mut().unwrap().remove("FailureThresholdTime");
    let request = DeployRequest::parse(&input).unwrap();
    assert_eq!((request.failure_threshold_value, request.failure_threshold_time), (0, 600));
    assert_eq!(request.on_no_data, None);
}

#[test]
fn numbers_may_be_strings_and_names_may_be_the_published_aliases() {
    let mut input = without("PercentageStep");
    input["percentage_step"] = json!("25");
    input["Port"] = json!("8080");
    let request = DeployRequest::parse(&input).unwrap();
    assert_eq!((request.percentage_step.percent(), request.port), (25, 8080));
}

/// Promise 15.
#[test]
fn every_missing_field_is_named() {
    for field in [
        "EnvironmentName",
        "MicroserviceName",
        "Protocol",
        "Port",
        "Namespace",
        "PercentageStep",
        "WaitTime",
        "Sha",
        "ContainerImage",
        "CanaryTemplate",
    ] {
        let message = refusal(&without(field));
        assert!(message.starts_with(&format!("`{field}` is missing: allowed is ")), "{message}");
        assert!(!message.contains(';'), "one field is wrong, so one is named: {message}");
        let message = refusal(&with(field, Value::Null));
        assert!(message.starts_with(&format!("`{field}` is `null`: allowed is ")), "{message}");
    }
}

/// Promise 15.
#[test]
fn every_bad_value_is_named_with_what_is_allowed() {
    let cases = [
        ("PercentageStep", json!(0), "`PercentageStep` is `0`: allowed is a whole number from 1 to 100"),
        ("PercentageStep", json!(101), "`PercentageStep` is `101`: allowed is a whole number from 1 to 100"),
        ("PercentageStep", json!("abc"), "`PercentageStep` is `abc`: allowed is a whole number from 1 to 100"),
        ("PercentageStep", json!(12.5), "`PercentageStep` is `12.5`: allowed is a whole number from 1 to 100"),
        ("WaitTime", json!(-1), "`WaitTime` is `-1`: allowed is a whole number from 1 to 604800"),
        (
            "Port",
            json!(70000),
            "`Port` is `70000`: allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001",
        ),
        ("Port", json!(9901), "`Port` is `9901`: allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001"),
        ("Port", json!("15000"), "`Port` is `15000`: allowed is a whole number from 1 to 65535, but 9901, 15000"),
        ("Port", json!(15001), "`Port` is `15001`: allowed is a whole number from 1 to 65535, but 9901, 15000"),
        ("Port", json!(8.0), "`Port` is `8.0`: allowed is a whole number from 1 to 65535"),
        ("Port", json!("8.0"), "`Port` is `8.0`: allowed is a whole number from 1 to 65535"),
        ("Port", json!("1e1"), "`Port` is `1e1`: allowed is a whole number from 1 to 65535"),
        ("WaitTime", json!(" 60"), "`WaitTime` is ` 60`: allowed is a whole number from 1 to 604800"),
        ("WaitTime", json!("+60"), "`WaitTime` is `+60`: allowed is a whole number from 1 to 604800"),
        ("Port", json!([80]), "`Port` is `[80]`: allowed is a whole number from 1 to 65535"),
        ("Protocol", json!("udp"), "`Protocol` is `udp`: allowed is `http`, `http2`, `grpc` or `tcp`"),
        ("Sha", json!("a/b"), "`Sha` is `a/b`: allowed is 1 to 61 letters and digits"),
        ("Sha", json!("a".repeat(62)), "`Sha` is `aaaa"),
        (
            "Sha",
            json!(1234567),
            "`Sha` is `1234567`: allowed is 1 to 61 letters and digits, such as a commit's hash, in quotes",
        ),
        (
            "EnvironmentName",
            json!("AWS-prod"),
            "`EnvironmentName` is `AWS-prod`, so the parameter that records the version",
        ),
        ("EnvironmentName", json!("ssm"), "`EnvironmentName` is `ssm`, so the parameter that records the version"),
        (
            "CanaryTemplate",
            json!({"Resources": {}}),
            "`CanaryTemplate` has a value that is not shown: allowed is a Cloud",
        ),
        ("EnvironmentName", json!("1st"), "`EnvironmentName` is `1st`: allowed is 1 to 100 letters"),
        ("MicroserviceName", json!("a\nb"), "`MicroserviceName` is `a\\nb`: allowed is 1 to 100 letters"),
        ("FailureThresholdValue", json!(-1), "`FailureThresholdValue` is `-1`: allowed is a whole number from 0"),
        ("FailureThresholdTime", json!(0), "`FailureThresholdTime` is `0`: allowed is a whole number from 1"),
        ("OnNoData", json!("maybe"), "`OnNoData` is `maybe`: allowed is `RollBack` or `Proceed`"),
        ("MeshName", json!("other"), "`MeshName` is `other`: allowed is the same as `EnvironmentName`"),
        ("CanaryTemplate", json!("%%%"), "`CanaryTemplate` is not base64"),
        ("CanaryTemplate", json!(STANDARD.encode("hello")), "`CanaryTemplate` has no `Resources` section"),
        ("CanaryTemplate", json!(STANDARD.encode([0xff, 0xfe])), "`CanaryTemplate` is not UTF-8 text"),
        (
            "FailureTresholdValue",
            json!(5),
            "`FailureTresholdValue` is not a field: the nearest is `FailureThresholdValue`",
        ),
        ("failure_threshold_value", json!(5), "`failure_threshold_value` is not a field: the nearest is"),
        ("Colour", json!("red"), "`Colour` is not a field: allowed is `EnvironmentName`, `Namespace`, "),
        ("CanaryTemplateUrl", json!("https://x.s3.us-west-2.amazonaws.com/t"), "`CanaryTemplateUrl` stands beside"),
        (
            "percentage_step",
            json!(5),
            "`percentage_step` and `PercentageStep` are one field: allowed is one of the two",
        ),
    ];
    for (field, value, expected) in cases {
        let message = refusal(&with(field, value));
        assert!(message.starts_with(expected), "{message}\n  instead of\n{expected}");
    }
}

#[test]
fn a_name_too_long_for_a_stack_is_refused_with_the_figure() {
    let mut input = with("EnvironmentName", json!("e".repeat(80)));
    input["Sha"] = json!("a".repeat(40));
    input["MicroserviceName"] = json!("m".repeat(22));
    assert!(refusal(&input).contains("a stack name of 144 characters: allowed are 128"));
    let input = with("MicroserviceName", json!("m".repeat(60)));
    assert!(refusal(&input).contains("a Cloud Map name of 71 characters: allowed are 63"));
}

/// Promise 14.
#[test]
fn an_input_over_the_limit_of_a_state_is_refused_with_the_figure() {
    let refusal = refusal(&with("ContainerImage", "x".repeat(245_760).into()));
    assert!(refusal.starts_with("the input has 246"), "{refusal}");
    assert!(refusal.ends_with(
        "bytes of JSON: allowed are 245760 of the 262144 that Step Functions passes from state to state, and the rest is for the plan"
    ));
}

#[test]
fn of_very_many_problems_the_first_are_named_and_the_others_counted() {
    let mut input = seed();
    for number in 0..5000 {
        input[format!("Unknown{number}")] = 1.into();
    }
    let refusal = refusal(&input);
    assert!(refusal.ends_with("; and 4980 more"), "{refusal}");
    assert!(refusal.len() < 16_384, "{}", refusal.len());
}

#[test]
fn a_template_over_the_limit_is_refused_with_the_figure() {
    let long = format!("Resources:\n#{}", "x".repeat(51_200));
    let message = refusal(&with("CanaryTemplate", json!(STANDARD.encode(long))));
    assert!(message.contains("is a template of 51212 bytes: allowed are 51200"), "{message}");
}

#[test]
fn a_large_template_may_lie_in_s3_and_nowhere_else() {
    let by = |url: &str| {
        let mut input = without("CanaryTemplate");
        input["CanaryTemplateUrl"] = json!(url);
        input
    };
    let long = format!("https://b.s3.us-west-2.amazonaws.com/{}", "x".repeat(5120));
    for url in [
        "https://my-artifacts.s3.us-west-2.amazonaws.com/templates/web-bbb.yaml",
        "https://s3.us-west-2.amazonaws.com/my-artifacts/templates/web-bbb.yaml",
        "https://my-artifacts.s3.cn-north-1.amazonaws.com.cn/web.yaml",
        "https://my-artifacts.s3.us-west-2.amazonaws.com/web.yaml?versionId=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY_MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo",
    ] {
        assert_eq!(DeployRequest::parse(&by(url)).unwrap().template, Template::Url(url.to_owned()));
    }
    for url in [
        "http://b.s3.us-west-2.amazonaws.com/t",
        "https://b.s3.us-west-2.amazonaws.com.example/t",
        "https://b.s3.us-west-2.amazonaws.com/",
        "https://b.s3.us-west-2.amazonaws.com",
        "https://b.ec2.us-west-2.amazonaws.com/t",
        "https://b.s3.us-west-2.amazonaws.com/a b",
        "https://b.s3.us-west-2.amazonaws.com/t?X-Amz-Signature=0a1b2c",
        "https://b.s3.us-west-2.amazonaws.com/t?versionId=1&X-Amz-Security-Token=0a1b2c",
        "https://b.s3.us-west-2.amazonaws.com/t#0a1b2c",
        "https://user:0a1b2c@b.s3.us-west-2.amazonaws.com/t",
        "",
        long.as_str(),
    ] {
        let message = refusal(&by(url));
        assert!(message.contains(": allowed is the address of an object in S3, https://{bucket}.s3."), "{message}");
        assert!(!message.contains("0a1b2c"), "a signature or a password is a secret: {message}");
    }
}

/// Promise 15.
#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let mut input = with("Port", json!(0));
    input["Sha"] = json!("");
    let message = refusal(&input);
    assert!(message.contains("`Port`") && message.contains("`Sha`"), "{message}");
}

#[test]
fn something_that_is_not_an_object_is_refused() {
    assert_eq!(refusal(&json!([1])), "the input is `[1]`: allowed is a JSON object");
}

#[test]
fn a_name_of_any_length_is_answered_at_once() {
    let mut input = seed();
    input["x".repeat(250_000)] = json!(1);
    assert!(refusal(&input).len() < 1_000);
}
