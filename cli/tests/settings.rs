//! A setting that CloudFormation, ECS or App Mesh would refuse, or take for something else, never gets into a template.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Build, MANIFEST};

const TEMPLATE: &str = "template --manifest manifest.yaml --platform platform.yaml";

fn platform(text: &str) -> String {
    Build::new().file("manifest.yaml", MANIFEST).file("platform.yaml", text).refused(TEMPLATE)
}

fn backends(list: &str) -> String {
    let manifest = format!("{MANIFEST}VirtualNode:\n  Backends: [{list}]\n");
    Build::new().file("manifest.yaml", &manifest).refused("template --manifest manifest.yaml")
}

#[test]
fn a_setting_that_is_empty_or_has_spaces_is_named() {
    for key in ["Cluster", "Mesh", "ExecutionRole", "TaskRole", "NamespaceId", "Vpc", "LogGroup"] {
        for value in ["", " ", "a b", "a\\nb"] {
            assert_eq!(
                platform(&format!("{key}: \"{value}\"\n")),
                format!(
                    "platform.yaml:1: `{key}` is `{value}`: allowed is one or more visible ASCII characters, or a section with `Export`\n"
                )
            );
        }
    }
    for (key, path) in [("Envoy: { Image: '' }", "Envoy.Image"), ("XRay: { Image: '' }", "XRay.Image")] {
        assert!(platform(key).starts_with(&format!("platform.yaml:1: `{path}` is ``: allowed is one or more visible")));
    }
    assert_eq!(
        platform("Cluster: { Export: '' }\nLogStreamPrefix: ''\n"),
        "\
platform.yaml:1: `Cluster.Export` is ``: allowed is the name of an export, in one or more visible ASCII characters
platform.yaml:2: `LogStreamPrefix` is ``: allowed is one or more visible ASCII characters
"
    );
}

#[test]
fn a_list_with_nothing_between_two_commas_is_refused() {
    for (variable, key) in [("SUBNETS", "Subnets"), ("SECURITY_GROUPS", "SecurityGroups")] {
        let variable = format!("CANARY_PLATFORM_{variable}");
        let build = Build::new().file("manifest.yaml", MANIFEST).variable(&variable, "subnet-a,");
        assert_eq!(
            build.refused("template --manifest manifest.yaml"),
            format!(
                "{variable}: `{key}[1]` is ``: allowed is one or more visible ASCII characters, or a section with `Export`\n"
            )
        );
    }
    assert_eq!(
        platform("Subnets: [a, { Export: b }, a, { Export: b }]\n"),
        "\
platform.yaml:1: `Subnets[2]` is the same as `Subnets[0]`: allowed is once
platform.yaml:1: `Subnets[3]` is the same as `Subnets[1]`: allowed is once
"
    );
}

#[test]
fn a_backend_is_a_host_name_and_named_once() {
    let allowed =
        "allowed is the name of a virtual service: 1 to 255 letters, digits, hyphens, underscores and dots, and `${…}`";
    for name in ["", "a b", "a/b", "a:80", "a.${Namespace} "] {
        assert_eq!(
            backends(&format!("'{name}'")),
            format!("manifest.yaml:10: `VirtualNode.Backends[0]` is `{name}`: {allowed}\n")
        );
    }
    assert_eq!(
        backends("'a.${Namespace}', b, 'a.${Namespace}'"),
        "manifest.yaml:10: `VirtualNode.Backends[2]` is the same as `VirtualNode.Backends[0]`: allowed is once\n"
    );
    assert_eq!(
        backends("'a.${Namespace}', A.demo.local, 'A.${Namespace}', a.demo.local"),
        "\
manifest.yaml:10: `VirtualNode.Backends[2]` is the same as `VirtualNode.Backends[0]`: allowed is once, and case makes no difference
manifest.yaml:10: `VirtualNode.Backends[3]` is the same as `VirtualNode.Backends[1]`: allowed is once, and case makes no difference
"
    );
}

#[test]
fn names_are_those_that_the_state_machine_takes() {
    assert_eq!(
        platform("Environment: J=K\nNamespace: a b\n"),
        "\
platform.yaml:1: `Environment` is `J=K`: allowed is 1 to 100 letters, digits and hyphens, beginning with a letter
platform.yaml:2: `Namespace` is `a b`: allowed is 1 to 253 letters, digits, hyphens, underscores and dots
"
    );
}

#[test]
fn a_variable_of_a_sidecar_has_a_name_that_a_shell_could_set() {
    let sidecar = |name: &str| format!("Sidecars:\n  - Name: s\n    Image: s:1\n    Environment: {{ '{name}': v }}\n");
    for name in ["J=K", "", "1A", "A B", "É"] {
        assert_eq!(
            platform(&sidecar(name)),
            format!(
                "platform.yaml:4: `Sidecars[0].Environment` has the name `{name}`: allowed is letters, digits, underscores, hyphens and \
                 dots, not beginning with a digit\n"
            )
        );
    }
    let build = Build::new().file("manifest.yaml", MANIFEST);
    let empty = sidecar("A.B-C_1").replace(": v }", ": '' }");
    assert_eq!(build.file("platform.yaml", &empty).canary(TEMPLATE).code, 0, "a variable may be empty");
}
