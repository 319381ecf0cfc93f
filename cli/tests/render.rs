//! `canary render`: deploy.json as the state machine takes it.
#![allow(clippy::unwrap_used)]

mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use canary_core::request::DeployRequest;
use serde_json::Value;
use support::{DEPLOY, MANIFEST, OWN_TEMPLATE, RENDER, build, heavy};

fn template_of(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap();
    String::from_utf8(STANDARD.decode(request["CanaryTemplate"].as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn deploy_json_is_completed_in_place_with_its_fields_in_order() {
    let build = build();
    let outcome = build.canary(&format!("{RENDER} --image registry/hello-backend:0a1b2c3"));
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "", ""));
    let completed = build.read("deploy.json");
    let beginning = DEPLOY.trim_end_matches("\n}\n").to_owned()
        + ",\n  \"Sha\": \"0a1b2c3\",\n  \"ContainerImage\": \"registry/hello-backend:0a1b2c3\",\n  \"CanaryTemplate\": \"";
    assert!(completed.starts_with(&beginning), "{completed}");
    assert_eq!(build.names(), ["deploy.json", "manifest.yaml"]);

    let request = DeployRequest::parse(&serde_json::from_str(&completed).unwrap()).unwrap();
    assert_eq!((request.sha.as_str(), request.port), ("0a1b2c3", 8080));
    assert_eq!(template_of(&completed), build.canary("template --manifest manifest.yaml").stdout);

    // A build that runs again on its own output changes nothing.
    assert_eq!(build.canary(&format!("{RENDER} --image registry/hello-backend:0a1b2c3")).code, 0);
    assert_eq!(build.read("deploy.json"), completed);
}

#[test]
fn the_manifests_image_and_the_builds_commit_are_taken_if_none_is_given() {
    let build = build().variable("CODEBUILD_RESOLVED_SOURCE_VERSION", "feedbeef");
    let outcome = build.canary("render --deploy deploy.json --manifest manifest.yaml -o -");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let request: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&request["ContainerImage"], &request["Sha"]), (&"hello-backend:1".into(), &"feedbeef".into()));
    assert_eq!(build.read("deploy.json"), DEPLOY);
}

#[test]
fn the_protocol_is_the_requests() {
    let build = build().file("manifest.yaml", &MANIFEST.replace("  HealthCheckPath: /data\n", ""));
    let build = build.file("deploy.json", &DEPLOY.replace("\"http\"", "\"tcp\""));
    let outcome = build.canary(&format!("{RENDER} -o -"));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(template_of(&outcome.stdout).contains("Default: tcp\n    AllowedValues:\n      - tcp\n"));
}

#[test]
fn a_teams_own_template_is_taken_as_it_is() {
    let own = &format!("# ours\n{OWN_TEMPLATE}\n");
    let build = build().file("canary-helper.yaml", own);
    let render = "render --deploy deploy.json --template canary-helper.yaml --sha 0a1b2c3";
    let outcome = build.canary(&format!("{render} --image i:1 -o completed.json"));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_eq!(template_of(&build.read("completed.json")), *own);

    assert_eq!(build.refused(render), "--image: is missing: only a manifest could name an image instead\n");
    assert_eq!(build.canary("render --deploy deploy.json --sha a1 --image i:1").code, 2);
    assert_eq!(build.canary(&format!("{render} --image i:1 --manifest manifest.yaml")).code, 2);
}

#[test]
fn a_teams_own_template_is_for_the_platforms_environment_only() {
    let render = "render --deploy deploy.json --template own.yaml --sha 0a1b2c3 --image i:1";
    let own = OWN_TEMPLATE;
    let build = build().file("own.yaml", own).variable("CANARY_PLATFORM_PROTOCOL", "grpc");
    let build = build.file("platform.yaml", "Environment: prod\nNamespace: prod.local\n");
    let protocol = "deploy.json:5: `Protocol` is `http`, and `Protocol` is `grpc` at CANARY_PLATFORM_PROTOCOL\n";
    assert_eq!(build.refused(render), protocol);
    assert_eq!(
        build.refused(&format!("{render} --platform platform.yaml")),
        format!(
            "deploy.json:2: `EnvironmentName` is `demo`, and `Environment` is `prod` at platform.yaml:1\n\
             deploy.json:3: `Namespace` is `demo.local`, and `Namespace` is `prod.local` at platform.yaml:2\n{protocol}"
        )
    );
    assert_eq!(
        build.file("platform.yaml", "AllowdCpu: [256]\n").refused(&format!("{render} --platform platform.yaml")),
        "platform.yaml:1: `AllowdCpu` is not a key: the nearest is `AllowedCpu`\n"
    );
}

#[test]
fn settings_that_a_teams_own_template_does_not_follow_are_named() {
    let render = "render --deploy deploy.json --template own.yaml --sha 0a1b2c3 --image i:1 -o -";
    let own = OWN_TEMPLATE;
    let build = build().file("own.yaml", own).variable("CANARY_PLATFORM_ENVIRONMENT", "demo");
    assert_eq!(build.canary(render).stderr, "");
    let build = build.variable("CANARY_PLATFORM_VPC", "vpc-1").file("platform.yaml", "AllowedCpu: [256]\nCluster:\n");
    let outcome = build.canary(&format!("{render} --platform platform.yaml"));
    assert_eq!((outcome.code, template_of(&outcome.stdout).as_str()), (0, own));
    assert_eq!(
        outcome.stderr,
        "note: own.yaml is taken as it is: the platform's other settings (`AllowedCpu`, `Vpc`) are for templates made from a manifest\n"
    );
}

#[test]
fn what_the_state_machine_would_refuse_is_refused_with_its_line() {
    let bad = DEPLOY.replace("25", "250").replace("WaitTime", "WaitTim");
    let build = build().file("deploy.json", &bad);
    assert_eq!(
        build.refused("render --deploy deploy.json --manifest manifest.yaml --sha a/b --image i:1"),
        "\
--sha: `Sha` is `a/b`: allowed is 1 to 61 letters and digits, such as a commit's hash
deploy.json: `WaitTime` is missing: allowed is a whole number from 1 to 604800
deploy.json:7: `PercentageStep` is `250`: allowed is a whole number from 1 to 100
deploy.json:8: `WaitTim` is not a field: the nearest is `WaitTime`
"
    );
    let build = build.file("deploy.json", "{\n  \"Port\": 1,\n}");
    assert_eq!(build.refused(RENDER), "deploy.json:3: not a JSON object: trailing comma\n");
}

#[test]
fn deploy_json_manifest_and_platform_have_to_agree() {
    let platform = "Environment: prod\nNamespace: prod.local\nProtocol: http2\n";
    let other = MANIFEST.replace("hello-backend\n", "hello-web\n").replace("8080", "80");
    let build = build().file("manifest.yaml", &other).file("platform.yaml", platform);
    assert_eq!(
        build.refused(&format!("{RENDER} --platform platform.yaml")),
        "\
deploy.json:2: `EnvironmentName` is `demo`, and `Environment` is `prod` at platform.yaml:1
deploy.json:3: `Namespace` is `demo.local`, and `Namespace` is `prod.local` at platform.yaml:2
deploy.json:4: `MicroserviceName` is `hello-backend`, and `Task.Family` is `hello-web` at manifest.yaml:2
deploy.json:5: `Protocol` is `http`, and `Protocol` is `http2` at platform.yaml:3
deploy.json:6: `Port` is `8080`, and `AppContainer.Port` is `80` at manifest.yaml:7
"
    );
}

#[test]
fn a_version_that_is_no_dns_label_is_refused() {
    let sha = "0123456789".repeat(5);
    let render = format!("render --deploy deploy.json --manifest manifest.yaml --sha {sha}");
    let message = build().refused(&render);
    assert!(
        message.starts_with("--sha: `Sha` with `MicroserviceName` makes a Cloud Map name of 64 characters: "),
        "{message}"
    );
    assert_eq!(build().canary(&render.replace(&sha, &sha[1..])).code, 0);
}

#[test]
fn no_image_anywhere_is_refused() {
    let build = build().file("manifest.yaml", &MANIFEST.replace("  Image: hello-backend:1\n", ""));
    assert_eq!(
        build.refused(RENDER),
        "--image: is missing, and the manifest has no `AppContainer.Image`: one of the two has to name the image\n"
    );
}

#[test]
fn a_template_that_is_too_large_as_yaml_goes_as_json_without_spaces() {
    let build = build().file("platform.yaml", &heavy(42_000));
    let outcome = build.canary(&format!("{RENDER} --platform platform.yaml -o -"));
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let template = template_of(&outcome.stdout);
    assert!(template.starts_with("{\"AWSTemplateFormatVersion\":") && template.len() <= 51_200, "{}", template.len());
    let yaml = build.canary("template --manifest manifest.yaml --platform platform.yaml");
    assert_eq!(yaml.code, 0);
    let warning = format!(
        "warning: the template has {} bytes: `canary render --template` takes 51200, with --artifact-bucket 1000000\n",
        yaml.stdout.len()
    );
    assert_eq!(yaml.stderr, warning);
}

#[test]
fn a_replaced_file_keeps_its_mode_and_no_other_file_is_touched() {
    let build = build().with_mode("deploy.json", 0o600).file("deploy.json.partial", "the user's");
    assert_eq!(build.canary(RENDER).code, 0);
    assert_eq!(build.mode("deploy.json"), 0o600);
    assert_eq!(build.read("deploy.json.partial"), "the user's");
    assert_eq!(build.names(), ["deploy.json", "deploy.json.partial", "manifest.yaml"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let build = build().file("deploy.json", &DEPLOY.replace("25", "250")).file("platform.yaml", "LaunchType: x");
    let options = "--set Sha=1 --artifact-bucket a.b";
    let whole = "deploy.json:7: `PercentageStep` is `250`: allowed is a whole number from 1 to 100";
    let of_options = "\
--artifact-bucket: is `a.b`: allowed is the name of an S3 bucket without dots: 3 to 63 lower-case letters, digits and hyphens
";
    let of_set = "--set Sha: `Sha` has an option of its own: `--sha`\n";
    let of_sha = "--sha: `Sha` is `a/b`: allowed is 1 to 61 letters and digits, such as a commit's hash\n";
    let missing = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(
        build.refused(&format!("render --deploy deploy.json --template nowhere.yaml --sha a/b {options}")),
        format!(
            "{of_options}--image: is missing: only a manifest could name an image instead\n{of_set}{of_sha}{whole}\nnowhere.yaml: {missing}\n"
        )
    );
    let made = "--manifest nowhere.yaml --platform platform.yaml";
    let of_platform = "platform.yaml:1: `LaunchType` is `x`: allowed is `FARGATE` or `EC2`";
    assert_eq!(
        build.refused(&format!("render --deploy deploy.json {made} --sha a/b {options}")),
        format!("{of_options}{of_set}{of_sha}{whole}\nnowhere.yaml: {missing}\n{of_platform}\n")
    );
    assert_eq!(
        build.refused(&format!("render --deploy nothing.json {made} --sha a/b")),
        format!("{of_sha}nothing.json: {missing}\nnowhere.yaml: {missing}\n{of_platform}\n")
    );
}

#[test]
fn a_template_that_cannot_be_made_and_a_request_that_cannot_be_taken_are_said_at_once() {
    let small = MANIFEST.replace("Memory: 512", "Memory: 4 GB").replace("Port: 8080", "Port: 80");
    let build = build().file("manifest.yaml", &small);
    let size =
        "manifest.yaml:4: `Task.Memory` is 4096 MiB: allowed on Fargate with `Task.Cpu` 256 is 512, 1024 or 2048 MiB\n";
    let port = "deploy.json:6: `Port` is `8080`, and `AppContainer.Port` is `80` at manifest.yaml:7\n";
    assert_eq!(build.refused(RENDER), format!("{port}{size}"));
    let build = build.file("deploy.json", &DEPLOY.replace("http", "udp"));
    let protocol = "deploy.json:5: `Protocol` is `udp`: allowed is `http`, `http2`, `grpc` or `tcp`\n";
    assert_eq!(build.refused(RENDER), format!("{protocol}{size}"));
}

#[test]
fn a_field_in_both_of_its_spellings_is_refused() {
    let build = build()
        .file("deploy.json", &DEPLOY.replace("\"WaitTime\": 60", "\"percentage_step\": 50,\n  \"wait_time\": 9"));
    assert_eq!(
        build.refused(RENDER),
        "deploy.json:8: `percentage_step` and `PercentageStep` are one field: allowed is one of the two\n"
    );
    let other = DEPLOY.replace("PercentageStep", "percentage_step");
    let build = build.file("deploy.json", &other.replace("25", "0"));
    assert_eq!(
        build.refused(RENDER),
        "deploy.json:7: `PercentageStep` is `0`: allowed is a whole number from 1 to 100\n"
    );
    let build = build.file("deploy.json", &other);
    assert_eq!(build.canary(RENDER).code, 0);
}

#[test]
fn a_commit_is_text_of_61_letters_and_digits_at_most() {
    let build = build();
    let render = |sha: &str| RENDER.replace("0a1b2c3", sha);
    let long = "a".repeat(62);
    assert_eq!(
        build.refused(&render(&long)),
        format!("--sha: `Sha` is `{long}`: allowed is 1 to 61 letters and digits, such as a commit's hash\n")
    );
    let build = build
        .file("deploy.json", &DEPLOY.replace("hello-backend", "h"))
        .file("manifest.yaml", &MANIFEST.replace("Family: hello-backend", "Family: h"));
    assert_eq!(build.canary(&render(&"a".repeat(61))).code, 0);

    let build =
        build.file("deploy.json", &DEPLOY.replace("hello-backend", "h").replace("60\n", "60,\n  \"Sha\": 1234567\n"));
    assert_eq!(
        build.refused(RENDER),
        "deploy.json:9: `Sha` is `1234567`, a number: allowed is 1 to 61 letters and digits, as text in quotes\n"
    );
}

#[test]
fn a_request_larger_than_a_state_may_be_is_refused_with_the_figure() {
    let note = format!("{{\n  \"Note\": \"{}\",", "x".repeat(250_000));
    let build = build().file("deploy.json", &DEPLOY.replacen('{', &note, 1));
    let refusal = build.refused(RENDER);
    assert!(refusal.contains("deploy.json: the input has 25"), "{refusal}");
    assert!(refusal.contains("bytes of JSON: allowed are 245760 of the 262144"), "{refusal}");
}
