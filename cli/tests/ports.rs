//! The containers of a task share its ports: each has its own, and Envoy's are nobody else's.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Build, MANIFEST, RENDER, build};

const ALLOWED: &str = "allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001 are Envoy's";

/// What platform settings are refused with beside a manifest that is right with every default.
fn platform(text: &str) -> String {
    let build = Build::new().file("manifest.yaml", MANIFEST).file("platform.yaml", text);
    build.refused("template --manifest manifest.yaml --platform platform.yaml")
}

fn sidecars(ports: &[&str]) -> String {
    let sidecar =
        |(index, ports): (usize, &&str)| format!("  - Name: s{index}\n    Image: s:1\n    Ports: [{ports}]\n");
    format!("Sidecars:\n{}", ports.iter().enumerate().map(sidecar).collect::<String>())
}

#[test]
fn an_application_does_not_get_envoys_ports() {
    for port in ["9901", "15000", "15001"] {
        let build = Build::new().file("manifest.yaml", &MANIFEST.replace("8080", port));
        assert_eq!(
            build.refused("template --manifest manifest.yaml"),
            format!("manifest.yaml:7: `AppContainer.Port` is `{port}`: {ALLOWED}\n")
        );
        assert_eq!(
            support::build()
                .file("manifest.yaml", &MANIFEST.replace("8080", port))
                .refused(&format!("{RENDER} --set Port={port}")),
            format!(
                "--set Port: `Port` is `{port}`: {ALLOWED}\nmanifest.yaml:7: `AppContainer.Port` is `{port}`: {ALLOWED}\n"
            )
        );
    }
}

#[test]
fn a_sidecar_does_not_get_envoys_or_another_ones_port() {
    let taken = |path: &str, port: &str, by: &str| {
        format!(
            "`{path}` is `{port}`, which container `{by}` has: allowed is a port that no other container of a task has\n"
        )
    };
    for port in ["9901", "15000", "15001"] {
        let message = taken("Sidecars[0].Ports[0]", &format!("{port}/tcp"), "envoy");
        assert_eq!(platform(&sidecars(&[port])), format!("platform.yaml:4: {message}"));
    }
    let message = taken("Sidecars[1].Ports[1]", "8125/udp", "s0");
    assert_eq!(platform(&sidecars(&["8125/udp", "9090, 8125/udp"])), format!("platform.yaml:7: {message}"));
    let message = taken("Sidecars[0].Ports[1]", "9090/tcp", "s0");
    assert_eq!(platform(&sidecars(&["9090, 9090"])), format!("platform.yaml:4: {message}"));
    for port in ["2000/udp", "2000/tcp"] {
        let message = taken("Sidecars[0].Ports[0]", port, "xray-daemon");
        let text = format!("{}XRay: {{ Enabled: true }}\n", sidecars(&[port]));
        assert_eq!(platform(&text), format!("platform.yaml:4: {message}"));
    }
    let message = taken("AppContainer.Port", "8080/tcp", "s0");
    assert_eq!(platform(&sidecars(&["8080"])), format!("manifest.yaml:7: {message}"));
}

#[test]
fn a_port_of_another_protocol_is_another_port() {
    let platform = sidecars(&["8080/udp, 9901/udp, 2000", "9090, 9090/udp"]);
    let build = build().file("platform.yaml", &platform);
    let outcome = build.canary(&format!("{RENDER} --platform platform.yaml"));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}
