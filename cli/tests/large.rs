//! A file has a largest size, and up to that size reading takes time in proportion to it.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use support::{Build, DEPLOY, MANIFEST, RENDER, build};

const MOST_BYTES: usize = 1_048_576;
/// Many times what the largest files take, and far less than they would take if the time grew with the square of the size.
const PATIENCE: Duration = Duration::from_secs(20);

/// So many lines, each made of its number.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        writeln!(text, "{}", line(number)).unwrap();
        text
    })
}

/// What a build refuses in time.
fn refused(build: &Build, arguments: &str) -> String {
    let began = Instant::now();
    let message = build.refused(arguments);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    message
}

#[test]
fn a_file_larger_than_1_mib_is_refused_before_it_is_read_as_anything() {
    let template = "template --manifest manifest.yaml --platform platform.yaml";
    let padded = |bytes: usize| format!("{MANIFEST}#{}", "é".repeat((bytes - MANIFEST.len() - 1) / 2));
    let build = build().file("manifest.yaml", &padded(MOST_BYTES)).file("platform.yaml", "");
    assert_eq!(build.canary(template).code, 0);
    let build = build.file("manifest.yaml", &padded(MOST_BYTES + 1)).file("platform.yaml", &"[".repeat(MOST_BYTES + 1));
    let refusal = |file: &str| format!("{file}: has more than 1048576 bytes: allowed is 1 MiB at most\n");
    assert_eq!(build.refused(template), refusal("manifest.yaml") + &refusal("platform.yaml"));
    let build = build.file("deploy.json", &(" ".repeat(MOST_BYTES) + DEPLOY));
    let render = "render --deploy deploy.json --template /dev/zero --sha a1 --image i:1";
    assert_eq!(build.refused(render), refusal("/dev/zero") + &refusal("deploy.json"));
}

#[test]
fn as_many_keys_as_fit_are_read_in_time() {
    let platform = format!("{}K00000: 1\n", lines(100_000, |n| format!("K{n:05}: 1")));
    let build = build().file("platform.yaml", &platform);
    let render = format!("{RENDER} --platform platform.yaml");
    assert_eq!(
        refused(&build, &render),
        "platform.yaml:100001: `K00000` is set twice: it is already at platform.yaml:1\n"
    );

    let build = build.file("platform.yaml", &lines(100_000, |n| format!("K{n:05}: 1")));
    let message = refused(&build, &render);
    let counted = "platform.yaml:21: `K00020` is not a key, and neither are 99979 after it\n";
    assert!(message.ends_with(counted) && message.lines().count() == 21, "{message}");

    let build = build.file("platform.yaml", "");
    let fields = lines(60_000, |n| format!("\"K{n:05}\": 1,"));
    let build = build.file("deploy.json", &DEPLOY.replacen('{', &format!("{{{fields}"), 1));
    assert!(refused(&build, RENDER).contains("bytes of JSON: allowed are 245760 of the 262144"));
    let twice = lines(80_000, |n| format!("\"K{:05}\": 1,", n / 2));
    let build = build.file("deploy.json", &DEPLOY.replacen('{', &format!("{{{twice}"), 1));
    let message = refused(&build, RENDER);
    assert!(message.starts_with("deploy.json:2: `K00000` is set twice: allowed is once\n"), "{}", &message[..200]);
    assert_eq!(message.lines().count(), 40_000);
}

#[test]
fn as_many_items_as_fit_are_read_in_time() {
    let template = "template --manifest manifest.yaml --platform platform.yaml";
    let many = |key: &str, items: String| {
        let build = Build::new().file("manifest.yaml", MANIFEST).file("platform.yaml", &format!("{key}:\n{items}"));
        let message = refused(&build, template);
        (message.lines().next().unwrap().to_owned(), message.lines().count())
    };
    let same = "platform.yaml:100002: `Subnets[100000]` is the same as `Subnets[0]`: allowed is once";
    assert_eq!(many("Subnets", lines(100_001, |n| format!("- s{:05}", n % 100_000))), (same.to_owned(), 1));
    let ports = lines(60_000, |n| format!("  - {}", n % 30_000 + 20_000));
    let same = "platform.yaml:30005: `Sidecars[0].Ports[30000]` is `20000/tcp`, which container `a` has: allowed is a port that no \
                other container of a task has";
    assert_eq!(many("Sidecars", format!("- Name: a\n  Image: i\n  Ports:\n{ports}")), (same.to_owned(), 30_000));
    let sidecars = lines(30_000, |n| format!("- {{ Name: s{}, Image: i }}", n % 29_999));
    let same = "platform.yaml:30001: `Sidecars[29999].Name` is `s0`: another container has that name";
    assert_eq!(many("Sidecars", sidecars), (same.to_owned(), 1));
}
