//! Templates as they come out, for each launch type, protocol and discovery. `UPDATE_GOLDEN=1` writes them anew.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, path::Path};

use support::Build;

fn check(case: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case);
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let build =
        Build::new().file("manifest.yaml", &read("manifest.yaml")).file("platform.yaml", &read("platform.yaml"));
    let outcome = build.canary("template --manifest manifest.yaml --platform platform.yaml");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(directory.join("template.yaml"), &outcome.stdout).unwrap();
    }
    assert_eq!(outcome.stdout, read("template.yaml"), "UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn fargate_http_with_every_default() {
    check("fargate-http");
}

#[test]
fn ec2_http2_with_xray_and_everything_written_out() {
    check("ec2-http2-xray");
}

#[test]
fn grpc_found_by_dns() {
    check("grpc-dns");
}

#[test]
fn tcp_found_by_cloud_map_attributes_with_a_mandatory_sidecar() {
    check("tcp-cloud-map");
}
