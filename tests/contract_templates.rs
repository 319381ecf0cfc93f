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

#[test]
fn hello_backends_own_template_is_the_shared_one() {
    check("samples/hello/hello-backend/specfiles/canary-helper.yaml", &text("infra/canary.yaml"));
}

/// A database has more memory, time to begin and to end well, and at no time two tasks of a version, as each would have data of
/// its own.
#[test]
fn yelb_dbs_own_template_is_the_shared_one_for_a_database() {
    let mut template = text("infra/canary.yaml");
    for (old, new) in [
        ("    Default: 512\n", "    Default: 1024\n"),
        (
            "          Image: !Ref ContainerImage\n          Essential: true\n",
            "          Image: !Ref ContainerImage
          Essential: true
          StopTimeout: 60
          # Makes ECS wait for the database, and with it the deployment: callers come after.
          HealthCheck:
            Command: [CMD-SHELL, \"bash -c '</dev/tcp/localhost/5432'\"]
            StartPeriod: 60
            Interval: 5
            Timeout: 2
            Retries: 3\n",
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
