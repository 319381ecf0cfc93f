//! Settings from the environment variables of a build.
#![allow(clippy::unwrap_used)]

mod support;

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use support::{Build, MANIFEST, RENDER, build, template};

const TEMPLATE: &str = "template --manifest manifest.yaml --format json";

#[test]
fn variables_say_the_same_as_a_file() {
    let platform = "\
LaunchType: EC2
Cluster: blue
Subnets: [subnet-1, subnet-2]
AllowedCpu: [256, 512]
Envoy: { Image: envoy:1, Memory: 128 }
XRay: { Enabled: true }
Scaling: { Min: 1, Max: 3, TargetCpu: 50 }
";
    let build = Build::new()
        .file("manifest.yaml", MANIFEST)
        .variable("CANARY_PLATFORM_LAUNCH_TYPE", "EC2")
        .variable("CANARY_PLATFORM_CLUSTER", "blue")
        .variable("CANARY_PLATFORM_SUBNETS", "subnet-1, subnet-2")
        .variable("CANARY_PLATFORM_ALLOWED_CPU", "256,512")
        .variable("CANARY_PLATFORM_ENVOY_IMAGE", "envoy:1")
        .variable("CANARY_PLATFORM_ENVOY_MEMORY", "128")
        .variable("CANARY_PLATFORM_XRAY_ENABLED", "true")
        .variable("CANARY_PLATFORM_SCALING_MIN", "1")
        .variable("CANARY_PLATFORM_SCALING_MAX", "3")
        .variable("CANARY_PLATFORM_SCALING_TARGET_CPU", "50")
        .variable("CANARY_PLATFORM_VPC", "")
        .variable("OTHER", "value");
    let outcome = build.canary(TEMPLATE);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let ours: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(ours, template(MANIFEST, platform));
}

#[test]
fn a_variable_cannot_change_what_the_file_says() {
    let build = Build::new()
        .file("manifest.yaml", MANIFEST)
        .file("platform.yaml", "LaunchType: FARGATE\nScaling:\n  Max: 3\n")
        .variable("CANARY_PLATFORM_LAUNCH_TYPE", "FARGATE")
        .variable("CANARY_PLATFORM_SCALING_MIN", "2")
        .variable("CANARY_PLATFORM_SCALING_MAX", "9");
    let outcome = build.canary(&format!("{TEMPLATE} --platform platform.yaml"));
    assert_eq!(outcome.code, 1);
    let message =
        "CANARY_PLATFORM_SCALING_MAX: `Scaling.Max` is set at platform.yaml:3, which a variable cannot change\n";
    assert_eq!(outcome.stderr, message);
}

#[test]
fn a_misspelt_variable_is_named_with_the_nearest() {
    let build = Build::new().file("manifest.yaml", MANIFEST).variable("CANARY_PLATFORM_LAUNCHTYPE", "EC2");
    let outcome = build.canary(TEMPLATE);
    assert_eq!(outcome.code, 1);
    let message =
        "CANARY_PLATFORM_LAUNCHTYPE: no setting has this variable: the nearest is `CANARY_PLATFORM_LAUNCH_TYPE`\n";
    assert_eq!(outcome.stderr, message);
}

#[test]
fn a_variable_that_is_like_no_other_is_named_with_all_that_there_are() {
    let build = Build::new().file("manifest.yaml", MANIFEST).variable("CANARY_PLATFORM_OWNER", "me");
    let message = build.refused(TEMPLATE);
    let beginning = "CANARY_PLATFORM_OWNER: no setting has this variable: allowed is `CANARY_PLATFORM_ENVIRONMENT`, `CANARY_PLATFORM_NAMESPACE`, ";
    assert!(message.starts_with(beginning), "{message}");
    assert!(message.ends_with(" or `CANARY_PLATFORM_ALLOWED_MEMORY`\n"), "{message}");
}

#[test]
fn a_variable_that_is_not_text_is_named_and_not_taken_for_absent() {
    let not_utf8 = OsStr::from_bytes(b"vpc-\xff");
    for name in [
        "CANARY_PLATFORM_VPC",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "CANARY_ARTIFACT_BUCKET",
        "CODEBUILD_RESOLVED_SOURCE_VERSION",
    ] {
        assert_eq!(
            build().variable(name, not_utf8).refused(RENDER),
            format!("{name}: is `vpc-\u{fffd}`, with bytes that are not UTF-8: allowed is UTF-8 text\n")
        );
    }
    assert_eq!(build().variable("LS_COLORS", not_utf8).canary(RENDER).code, 0, "another program's");
}

#[test]
fn the_help_lists_the_variables() {
    let outcome = Build::new().canary("template --help");
    assert_eq!(outcome.code, 0);
    for name in ["CANARY_PLATFORM_LAUNCH_TYPE\n", "CANARY_PLATFORM_SUBNETS\n"] {
        assert!(outcome.stdout.contains(name), "{name}");
    }
}
