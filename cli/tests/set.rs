//! `canary render --set`: fields of deploy.json that have another value for once.
#![allow(clippy::unwrap_used)]

mod support;

use canary_core::request::DeployRequest;
use support::{DEPLOY, RENDER, build};

/// The request that comes of options beside the usual ones.
fn rendered(deploy: &str, options: &str) -> (String, DeployRequest) {
    let build = build().file("deploy.json", deploy);
    let outcome = build.canary(&format!("{RENDER} {options}"));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let text = build.read("deploy.json");
    let request = DeployRequest::parse(&serde_json::from_str(&text).unwrap()).unwrap();
    (text, request)
}

#[test]
fn a_field_of_the_file_gets_another_value_in_its_place() {
    let (text, request) = rendered(DEPLOY, "--set WaitTime=2 --set=PercentageStep=50");
    assert_eq!((request.wait_time, request.percentage_step.percent()), (2, 50));
    assert!(
        text.contains("\"Port\": \"8080\",\n  \"PercentageStep\": \"50\",\n  \"WaitTime\": \"2\",\n  \"Sha\""),
        "{text}"
    );
}

#[test]
fn a_field_that_the_file_has_not_is_added() {
    let (_, request) = rendered(DEPLOY, "--set FailureThresholdValue=7 --set OnNoData=Proceed");
    assert_eq!(request.failure_threshold_value, 7);
    assert_eq!(request.on_no_data.map(|choice| format!("{choice:?}")), Some("Proceed".to_owned()));
}

#[test]
fn either_spelling_of_a_field_sets_the_one_that_the_file_has() {
    let other = DEPLOY.replace("WaitTime", "wait_time");
    for (deploy, name) in [(&other, "WaitTime"), (&other, "wait_time"), (&DEPLOY.to_owned(), "wait_time")] {
        let (text, request) = rendered(deploy, &format!("--set {name}=3"));
        assert_eq!(request.wait_time, 3);
        assert_eq!(text.to_lowercase().replace('_', "").matches("waittime").count(), 1, "{text}");
    }
}

#[test]
fn a_value_is_checked_as_the_files_are_and_named_by_its_option() {
    assert_eq!(
        build().refused(&format!("{RENDER} --set wait_time=soon --set Port=0 --set WaitTim=1 --set EnvironmentName=")),
        "\
--set EnvironmentName: `EnvironmentName` is ``: allowed is 1 to 100 letters, digits and hyphens, beginning with a letter
--set Port: `Port` is `0`: allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001 are Envoy's
--set WaitTim: `WaitTim` is not a field: the nearest is `WaitTime`
--set wait_time: `WaitTime` is `soon`: allowed is a whole number from 1 to 604800
"
    );
    assert_eq!(
        build().refused(&format!("{RENDER} --set Port=9090")),
        "--set Port: `Port` is `9090`, and `AppContainer.Port` is `8080` at manifest.yaml:7\n"
    );
}

#[test]
fn what_has_an_option_of_its_own_is_not_set_by_this_one() {
    assert_eq!(
        build().refused(&format!(
            "{RENDER} --set Sha=1 --set ContainerImage=i --set CanaryTemplate=t --set CanaryTemplateUrl=u"
        )),
        "\
--set CanaryTemplate: `CanaryTemplate` has an option of its own: `--manifest` or `--template`
--set CanaryTemplateUrl: `CanaryTemplateUrl` has an option of its own: `--artifact-bucket`
--set ContainerImage: `ContainerImage` has an option of its own: `--image`
--set Sha: `Sha` has an option of its own: `--sha`
"
    );
}

#[test]
fn a_field_is_set_once_and_has_a_value() {
    assert_eq!(
        build().refused(&format!("{RENDER} --set WaitTime=1 --set wait_time=1 --set Port --set =5")),
        "\
--set: `=5` is no name and value: allowed is NAME=VALUE
--set Port: `Port` is no name and value: allowed is NAME=VALUE
--set wait_time: sets `WaitTime` a second time: allowed is once
"
    );
}

#[test]
fn a_right_value_counts_although_another_is_wrong() {
    let without = DEPLOY.replace(",\n  \"WaitTime\": 60", "");
    assert!(!without.contains("WaitTime"));
    assert_eq!(
        build().file("deploy.json", &without).refused(&format!("{RENDER} --set WaitTime=5 --set Port")),
        "--set Port: `Port` is no name and value: allowed is NAME=VALUE\n"
    );
}
