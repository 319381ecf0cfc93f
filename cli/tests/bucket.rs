//! `canary render` with a template that is too large for a request: the AWS CLI uploads it, and then deploy.json names it.
#![allow(clippy::unwrap_used)]

mod support;

use canary_core::request::{DeployRequest, Template};
use serde_json::Value;
use support::{Build, DEPLOY, MANIFEST, OWN_TEMPLATE, RENDER, build, heavy};

const OWN: &str = "render --deploy deploy.json --template own.yaml --sha 0a1b2c3 --image i:1";
const BUCKET: &str = "--artifact-bucket artifacts --region us-west-2";
/// Keeps what it is told and sent, and what deploy.json is at that time.
const AWS: &str = "echo \"$@\" >> calls; cat > sent; cat deploy.json > before; echo to the standard output\n";

fn own(bytes: usize) -> String {
    let beginning = format!("{OWN_TEMPLATE}\n#");
    format!("{beginning}{}", "x".repeat(bytes - beginning.len()))
}

/// The address of a request's template, which the request has in no other way.
fn url_of(request: &str) -> String {
    match DeployRequest::parse(&serde_json::from_str(request).unwrap()).unwrap().template {
        Template::Url(url) => url,
        Template::Body(text) => panic!("{text}"),
    }
}

fn url(build: &Build) -> String {
    url_of(&build.read("deploy.json"))
}

#[test]
fn a_large_template_is_uploaded_before_deploy_json_names_it() {
    let build = build().file("own.yaml", &own(51_201)).program("aws", AWS);
    let outcome = build.canary(&format!("{OWN} {BUCKET}"));
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "", "to the standard output\n"));
    let key = "templates/demo/hello-backend/0a1b2c3-8332b802dfb8eda3.yaml";
    assert_eq!(build.read("calls"), format!("s3 cp - s3://artifacts/{key} --region us-west-2 --only-show-errors\n"));
    assert_eq!(build.read("sent"), own(51_201));
    assert_eq!(build.read("before"), DEPLOY);
    assert_eq!(url(&build), format!("https://artifacts.s3.us-west-2.amazonaws.com/{key}"));

    // A build that runs again on its own output changes nothing.
    let completed = build.read("deploy.json");
    assert_eq!(build.canary(&format!("{OWN} {BUCKET}")).code, 0);
    assert_eq!(build.read("deploy.json"), completed);
    let build = build.file("own.yaml", &own(51_202));
    assert_eq!(build.canary(&format!("{OWN} {BUCKET}")).code, 0);
    assert_ne!(build.read("deploy.json"), completed, "another template has another key");
}

#[test]
fn a_small_template_stays_in_the_request_and_a_request_has_it_in_one_way_only() {
    let build = build().file("own.yaml", &own(51_200)).program("aws", AWS);
    assert_eq!(build.canary(&format!("{OWN} {BUCKET}")).code, 0);
    assert!(!build.names().contains(&"calls".to_owned()));
    let inline = build.read("deploy.json");
    assert!(inline.contains("\"CanaryTemplate\"") && !inline.contains("CanaryTemplateUrl"), "{inline}");

    let build = build.file("own.yaml", &own(51_201));
    assert_eq!(build.canary(&format!("{OWN} {BUCKET}")).code, 0);
    assert!(url(&build).starts_with("https://artifacts."));
    let build = build.file("own.yaml", &own(51_200));
    assert_eq!(build.canary(&format!("{OWN} {BUCKET}")).code, 0);
    assert_eq!(build.read("deploy.json"), inline);
}

#[test]
fn an_upload_that_fails_is_a_failure_and_deploy_json_stays_as_it_was() {
    let target = "s3://artifacts/templates/demo/hello-backend/0a1b2c3-82a5fc5aadccdc32.yaml: cannot be uploaded: ";
    for (aws, message) in [
        ("cat > sent; echo AccessDenied >&2; exit 1", "AccessDenied\nTARGET`aws s3 cp` ended with exit status: 1\n"),
        ("exit 254", "TARGET`aws s3 cp` ended with exit status: 254\n"),
        ("exit 0", "TARGET`aws s3 cp` did not read the template: Broken pipe (os error 32)\n"),
    ] {
        let build = build().file("own.yaml", &own(500_000)).program("aws", aws);
        let outcome = build.canary(&format!("{OWN} {BUCKET}"));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
        assert_eq!(outcome.stderr, message.replace("TARGET", target));
        assert_eq!(build.read("deploy.json"), DEPLOY);
    }
    let build = build().file("own.yaml", &own(500_000)).directory("bin").variable("PATH", "bin");
    let outcome = build.canary(&format!("{OWN} {BUCKET}"));
    let missing = "the AWS CLI, `aws`, cannot be run: No such file or directory (os error 2)";
    assert_eq!((outcome.code, outcome.stderr), (1, format!("{target}{missing}\n")));
    assert_eq!(build.read("deploy.json"), DEPLOY);
}

#[test]
fn nothing_is_uploaded_for_a_request_that_is_refused() {
    let build = build().file("own.yaml", &own(60_000)).program("aws", AWS);
    let build = build.file("deploy.json", &DEPLOY.replace("60", "0"));
    let message = build.refused(&format!("{OWN} {BUCKET}"));
    assert!(message.starts_with("deploy.json:8: `WaitTime` is `0`"), "{message}");
    assert!(!build.names().contains(&"calls".to_owned()));
}

#[test]
fn without_a_bucket_a_large_template_is_refused_and_the_option_is_named() {
    let build = build().file("own.yaml", &own(51_201)).file("platform.yaml", &heavy(70_000));
    assert_eq!(
        build.refused(OWN),
        "own.yaml: has 51201 bytes: CloudFormation takes 51200 in a request. Comments and indentation count too: \
         make it smaller, or name a bucket for it with --artifact-bucket\n"
    );
    let message = build.refused(&format!("{RENDER} --platform platform.yaml"));
    let (bytes, rest) = message.strip_prefix("the template: has ").unwrap().split_once(' ').unwrap();
    assert!(bytes.parse::<usize>().unwrap() > 51_200);
    let expected = "bytes as JSON without spaces: CloudFormation takes 51200 in a request. Its largest parts are sidecar `agent` (";
    assert!(rest.starts_with(expected), "{rest}");
    assert!(rest.ends_with(" bytes): make it smaller, or name a bucket for it with --artifact-bucket\n"), "{rest}");
}

#[test]
fn a_bucket_has_a_limit_too() {
    let build = build().file("own.yaml", &own(1_000_000)).program("aws", AWS);
    assert_eq!(build.canary(&format!("{OWN} {BUCKET}")).code, 0);
    let build = build.file("own.yaml", &own(1_000_001)).file("platform.yaml", &heavy(1_400_000));
    assert_eq!(
        build.refused(&format!("{OWN} {BUCKET}")),
        "own.yaml: has 1000001 bytes: CloudFormation takes 1000000 from a bucket. Comments and indentation count too: \
         make it smaller\n"
    );
    let message = build.refused(&format!("{RENDER} --platform platform.yaml {BUCKET}"));
    assert!(
        message.contains(" bytes as JSON without spaces: CloudFormation takes 1000000 from a bucket. Its largest"),
        "{message}"
    );
    assert_eq!(build.read("calls").lines().count(), 1);
}

#[test]
fn a_made_template_is_uploaded_as_yaml_and_if_it_is_too_large_for_that_as_json() {
    for (bytes, ending) in [(70_000, ".yaml"), (840_000, ".json")] {
        let build = build().file("platform.yaml", &heavy(bytes)).program("aws", AWS);
        let outcome = build.canary(&format!("{RENDER} --platform platform.yaml {BUCKET}"));
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(url(&build).ends_with(ending), "{}", url(&build));
        let format = format!("--format {}", &ending[1..]);
        let made = build.canary(&format!("template --manifest manifest.yaml --platform platform.yaml {format}")).stdout;
        let sent = build.read("sent");
        match ending {
            ".json" => assert_eq!(json(&sent), json(&made)),
            _ => assert_eq!(sent, made),
        }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_teams_own_json_is_uploaded_as_json() {
    let own = OWN_TEMPLATE.replacen('{', &format!("{{\"Description\": \"{}\", ", "x".repeat(60_000)), 1);
    let build = build().file("own.json", &own).program("aws", AWS);
    assert_eq!(build.canary(&format!("{} {BUCKET}", OWN.replace("own.yaml", "own.json"))).code, 0);
    assert!(url(&build).ends_with(".json"), "{}", url(&build));
}

#[test]
fn the_standard_output_has_the_request_and_nothing_else() {
    let build = build().file("own.yaml", &own(60_000)).program("aws", AWS);
    let outcome = build.canary(&format!("{OWN} {BUCKET} -o -"));
    assert_eq!(outcome.code, 0);
    assert!(url_of(&outcome.stdout).starts_with("https://artifacts."));
    assert_eq!(build.read("deploy.json"), DEPLOY);
}

#[test]
fn a_build_gives_the_bucket_by_variables() {
    let build = build().file("own.yaml", &own(60_000)).program("aws", AWS);
    let build = build.variable("CANARY_ARTIFACT_BUCKET", "from-variable");
    let build = build.variable("AWS_REGION", "").variable("AWS_DEFAULT_REGION", "eu-central-1");
    assert_eq!(build.canary(OWN).code, 0);
    assert!(
        url(&build).starts_with("https://from-variable.s3.eu-central-1.amazonaws.com/templates/"),
        "{}",
        url(&build)
    );
    let build = build.variable("AWS_REGION", "eu-north-1");
    assert_eq!(build.canary(OWN).code, 0);
    assert!(url(&build).starts_with("https://from-variable.s3.eu-north-1.amazonaws.com/templates/"), "{}", url(&build));
}

#[test]
fn an_address_that_could_be_no_templates_is_refused() {
    let build = build().file("own.yaml", &own(60_000)).file("manifest.yaml", MANIFEST).program("aws", AWS);
    assert_eq!(
        build.refused(&format!("{OWN} --artifact-bucket artifacts --set Port=0")),
        "\
--region: is missing: a template that goes to a bucket has the bucket's Region in its URL
--set Port: `Port` is `0`: allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001 are Envoy's
"
    );
    // Wrong options are wrong for a small template too, so that they do not come up with the first large one.
    assert_eq!(
        build.refused(&format!("{RENDER} --artifact-bucket my.bucket --region here")),
        "\
--artifact-bucket: is `my.bucket`: allowed is the name of an S3 bucket without dots: 3 to 63 lower-case letters, digits and hyphens
--region: is `here`: allowed is a Region of AWS's main or GovCloud partition, such as `us-west-2`
"
    );
}
