//! The README: its examples work, and its tables have every setting.
#![allow(clippy::unwrap_used)]

mod support;

use support::Build;

const README: &str = include_str!("../README.md");

/// The YAML block that begins with the comment `# name`.
fn example(name: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("```yaml\n# {name}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_examples_make_a_template() {
    let build =
        Build::new().file("manifest.yaml", example("manifest.yaml")).file("platform.yaml", example("platform.yaml"));
    let outcome = build.canary("template --manifest manifest.yaml --platform platform.yaml");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    for part in ["Type: AWS::ApplicationAutoScaling::ScalingPolicy", "Name: cloudwatch-agent", "Name: xray-daemon"] {
        assert!(outcome.stdout.contains(part), "{part}");
    }
}

#[test]
fn every_variable_is_in_the_table() {
    let help = Build::new().canary("template --help").stdout;
    let variables: Vec<&str> = help.lines().filter_map(|line| line.trim().strip_prefix("CANARY_PLATFORM_")).collect();
    assert!(variables.len() > 20);
    for variable in variables {
        assert!(README.contains(&format!("| `{variable}` |")), "{variable}");
    }
}
