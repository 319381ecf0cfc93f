//! A template of the team's own is refused in the build for what the first state of a deployment would refuse.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use support::{Build, DEPLOY};

const RENDER: &str = "render --deploy deploy.json --template own.yaml --sha a1 --image i:1 -o completed.json";
const PARAMETERS: &str =
    "EnvironmentName: {}, MicroserviceName: {}, Namespace: {}, Sha: {}, ContainerImage: {}, Port: {}";

fn own(text: &str) -> Build {
    Build::new().file("deploy.json", DEPLOY).file("own.yaml", text)
}

fn template(parameters: &str, resources: &str) -> String {
    format!("Parameters: {{ {parameters} }}\nResources: {resources}\n")
}

#[test]
fn a_template_that_is_none_is_said_not_to_be() {
    const ALLOWED: &str = "allowed is a CloudFormation template, a mapping with `Parameters` and `Resources`";
    for (text, found) in [("# Resources\n", "empty"), ("Resources\n", "a single value"), ("- Resources\n", "a list")] {
        assert_eq!(own(text).refused(RENDER), format!("own.yaml: is {found}: {ALLOWED}\n"));
    }
    let refusal = own("Resources: [\n").refused(RENDER);
    assert!(refusal.starts_with("own.yaml: line 2: is neither YAML nor JSON: "), "{refusal}");
}

#[test]
fn a_template_needs_resources() {
    let parameters = format!("{PARAMETERS}, Protocol: {{}}");
    for (text, message) in [
        (format!("Parameters: {{ {parameters} }}\nDescription: Resources\n"), "has no `Resources` section"),
        (template(&parameters, "[Node]"), "`Resources` is a list"),
        (template(&parameters, "Node"), "`Resources` is a single value"),
        (template(&parameters, "{}"), "`Resources` is empty"),
    ] {
        let expected = format!("own.yaml: {message}: allowed is a mapping of one resource or more\n");
        assert_eq!(own(&text).refused(RENDER), expected);
    }
}

#[test]
fn a_template_declares_what_it_is_passed_and_has_defaults_for_the_rest() {
    let text = template(&format!("{PARAMETERS}, Cpu: {{ Default: 1 }}, Memory: {{ Type: Number }}"), "{ Node: {} }");
    let passed = "EnvironmentName, MicroserviceName, Namespace, Sha, ContainerImage, Port, Protocol";
    assert_eq!(
        own(&text).refused(RENDER),
        format!(
            "\
own.yaml: `Parameters.Memory` has no `Default`: the state machine passes {passed} and no others
own.yaml: `Parameters` does not declare `Protocol`: required are {passed}
"
        )
    );
    assert!(own("Resources: { Node: {} }\n").refused(RENDER).contains("does not declare `EnvironmentName`, `Micro"));
}

#[test]
fn what_cloudformation_reads_is_read() {
    let of_samples = |name: &str| fs::read_to_string(format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let json = "{\n\t\"Parameters\": {\n\t\t\"EnvironmentName\": {}, \"MicroserviceName\": {}, \"Namespace\": {}, \"Sha\": {},\n\
                \t\t\"ContainerImage\": {}, \"Port\": {}, \"Protocol\": {}\n\t},\n\t\"Resources\": { \"Node\": {} }\n}\n";
    for text in [
        of_samples("infra/canary.yaml"),
        of_samples("samples/hello/hello-backend/specfiles/canary-helper.yaml"),
        format!("---\n{}", template(&format!("{PARAMETERS}, Protocol: {{}}"), "\n  Node: { Properties: !Sub '${A}' }")),
        json.to_owned(),
    ] {
        let outcome = own(&text).canary(RENDER);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{text}");
    }
}
