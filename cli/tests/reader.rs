//! One rule for every file that is read: a byte order mark is skipped, a key is set once, and numbers are digits.
#![allow(clippy::unwrap_used)]

mod support;

use canary_core::request::{DeployRequest, Template};
use support::{DEPLOY, MANIFEST, OWN_TEMPLATE, RENDER, build};

#[test]
fn a_byte_order_mark_at_the_start_of_any_file_is_skipped() {
    let marked = |text: &str| format!("\u{feff}{text}");
    let build = build()
        .file("deploy.json", &marked(DEPLOY))
        .file("manifest.yaml", &marked(MANIFEST))
        .file("platform.yaml", &marked("LaunchType: EC2\n"));
    let outcome = build.canary(&format!("{RENDER} --platform platform.yaml"));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let request: serde_json::Value = serde_json::from_str(&build.read("deploy.json")).unwrap();
    assert!(DeployRequest::parse(&request).is_ok());

    let build = build.file("own.yaml", &marked(OWN_TEMPLATE)).file("deploy.json", &marked(DEPLOY));
    let outcome = build.canary("render --deploy deploy.json --template own.yaml --sha a1 --image i:1 -o -");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let request = DeployRequest::parse(&serde_json::from_str(&outcome.stdout).unwrap()).unwrap();
    assert_eq!(request.template, Template::Body(OWN_TEMPLATE.to_owned()));
}

#[test]
fn a_field_that_is_set_twice_is_named_with_its_line() {
    let twice = DEPLOY.replace("\"WaitTime\": 60", "\"WaitTime\": 60,\n  \"Port\": 81,\n  \"WaitTime\": 61");
    assert_eq!(
        build().file("deploy.json", &twice).refused(RENDER),
        "\
deploy.json:9: `Port` is set twice: allowed is once
deploy.json:10: `WaitTime` is set twice: allowed is once
"
    );
}

#[test]
fn a_number_is_digits_wherever_it_is_read() {
    let allowed = "allowed is a whole number from 1 to 604800";
    for (written, shown) in [("8.0", "8.0"), ("1e1", "10.0"), ("\"8.0\"", "8.0"), ("\"1e1\"", "1e1"), ("\" 8\"", " 8")]
    {
        assert_eq!(
            build().file("deploy.json", &DEPLOY.replace("60\n", &format!("{written}\n"))).refused(RENDER),
            format!("deploy.json:8: `WaitTime` is `{shown}`: {allowed}\n")
        );
    }
    for written in ["8.0", "1e1", "+8"] {
        assert_eq!(
            build().refused(&format!("{RENDER} --set WaitTime={written}")),
            format!("--set WaitTime: `WaitTime` is `{written}`: {allowed}\n")
        );
        let manifest = MANIFEST.replace("8080", written).replace("256", written);
        assert_eq!(
            build().file("manifest.yaml", &manifest).refused("template --manifest manifest.yaml"),
            format!(
                "manifest.yaml:3: `Task.Cpu` is `{written}`: allowed is CPU units (`256`) or vCPU (`0.25 vCPU`)\n\
                 manifest.yaml:7: `AppContainer.Port` is `{written}`: allowed is a whole number from 1 to 65535, but 9901, 15000 and \
                 15001 are Envoy's\n"
            )
        );
    }
}

#[test]
fn a_value_that_looks_like_the_end_of_a_problem_stays_one_problem() {
    let odd = DEPLOY.replace("\"demo.local\"", "\"a\\\"; `Port` is `b`; \\\"c\"");
    assert_eq!(
        build().file("deploy.json", &odd).refused(RENDER),
        "deploy.json:3: `Namespace` is `a\\\"; `Port` is `b`; \\\"c`: allowed is 1 to 253 letters, digits, hyphens, underscores and dots\n"
    );
}
