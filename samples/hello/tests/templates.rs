//! hello-web's per-version template is the shared one with hello-web's backend, and stays so.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

const BACKEND: &str = "hello-backend.demo.local";

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The shared template with `BACKEND` as the default of its parameter `Backend1`.
fn with_backend(shared: &str) -> String {
    let (before, parameter) = shared.split_once("\n  Backend1:\n").expect("the shared template has the parameter");
    let (head, rest) = parameter.split_once("    Default: ''\n").expect("its default is empty");
    assert!(!head.contains("\n\n"), "the default that was found belongs to another parameter");
    format!("{before}\n  Backend1:\n{head}    Default: {BACKEND}\n{rest}")
}

#[test]
fn hello_webs_template_is_the_shared_one_with_its_backend() {
    let expected = with_backend(&fs::read_to_string(repository().join("infra/canary.yaml")).unwrap());
    let path = repository().join("samples/hello/hello-web/canary-helper.yaml");
    if std::env::var_os("UPDATE_TEMPLATES").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == expected,
        "`{}` differs: set UPDATE_TEMPLATES=1 and run this test again to write it anew",
        path.display()
    );
}
