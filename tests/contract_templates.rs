//! A template that a sample keeps as its own is the shared one, but for what is said here, and stays so.
#![allow(clippy::unwrap_used)]

use std::{env, fs};

use canary_tests::{path, text};

/// Compares a sample's template with what it has to be, or writes it anew.
fn check(own: &str, expected: &str) {
    if env::var_os("UPDATE_TEMPLATES").is_some() {
        fs::write(path(own), expected).unwrap();
    }
    assert!(
        text(own) == expected,
        "`{own}` is out of date: run UPDATE_TEMPLATES=1 cargo test -p canary-tests --test contract_templates"
    );
}

/// `text` with `old`, which it holds once, replaced.
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "`{old}` in infra/canary.yaml");
    text.replace(old, new)
}

/// hello-backend listens as soon as it runs, so that a version that does not is known to be bad soon.
#[test]
fn hello_backends_own_template_is_the_shared_one_with_a_short_start() {
    let template = replaced(&text("infra/canary.yaml"), "    Default: 60\n", "    Default: 5\n");
    check("samples/hello/hello-backend/specfiles/canary-helper.yaml", &template);
}

/// A database has more memory, time to end well, and at no time two tasks of a version, as each would have data of its own.
#[test]
fn yelb_dbs_own_template_is_the_shared_one_for_a_database() {
    let mut template = text("infra/canary.yaml");
    for (old, new) in [
        ("    Default: 512\n", "    Default: 1024\n"),
        (
            "          Image: !Ref ContainerImage\n          Essential: true\n",
            "          Image: !Ref ContainerImage
          Essential: true
          StopTimeout: 60\n",
        ),
        (
            "        MinimumHealthyPercent: 100\n        MaximumPercent: 200\n",
            "        MinimumHealthyPercent: 0\n        MaximumPercent: 100\n",
        ),
    ] {
        template = replaced(&template, old, new);
    }
    check("samples/yelb/yelb-db/specfiles/canary-helper.yaml", &template);
}
