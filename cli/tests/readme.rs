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

/// The words of a help text that begin in a way, without what surrounds them.
fn words<'a>(help: &'a str, beginning: &str) -> Vec<&'a str> {
    let word = |word: &'a str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    help.lines()
        .filter(|line| line.trim_start().starts_with('-') || line.contains("[env: "))
        .flat_map(|line| line.split([' ', '=']).map(word))
        .filter(|word| word.starts_with(beginning))
        .collect()
}

#[test]
fn every_option_of_render_is_in_the_table() {
    let help = Build::new().canary("render --help").stdout;
    let table: Vec<&str> = README.lines().filter(|line| line.starts_with("| `--")).collect();
    let options = words(&help, "--");
    assert!(options.len() > 10, "{options:?}");
    for option in options.into_iter().filter(|option| *option != "--help") {
        assert!(table.iter().any(|row| row.contains(&format!("`{option} "))), "{option}");
    }
    let variables = [words(&help, "C"), words(&help, "AWS_")].concat();
    assert!(variables.len() >= 3, "{variables:?}");
    for variable in variables {
        assert!(table.iter().any(|row| row.contains(&format!("`{variable}`"))), "{variable}");
    }
}
