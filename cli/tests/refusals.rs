//! What is wrong with an input is said with file, line, key, value and what is allowed, and the exit code is 1.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Build, MANIFEST};

fn refused(build: &Build) -> String {
    let outcome = build.canary("template --manifest manifest.yaml --platform platform.yaml");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{}", outcome.stderr);
    outcome.stderr
}

/// What a manifest in place of the right one is refused with.
fn manifest(text: &str) -> String {
    refused(&Build::new().file("manifest.yaml", text).file("platform.yaml", ""))
}

/// What a manifest with one part replaced is refused with.
fn changed(part: &str, by: &str) -> String {
    assert!(MANIFEST.contains(part), "{part}");
    manifest(&MANIFEST.replace(part, by))
}

/// What platform settings are refused with.
fn platform(text: &str) -> String {
    refused(&Build::new().file("manifest.yaml", MANIFEST).file("platform.yaml", text))
}

#[test]
fn a_misspelt_key_is_named_with_the_nearest_and_its_line() {
    assert_eq!(
        changed("Family", "Famly"),
        "\
manifest.yaml:2: `Task.Family` is missing: allowed is 1 to 61 letters, digits and hyphens, beginning with a letter
manifest.yaml:2: `Task.Famly` is not a key: the nearest is `Task.Family`
"
    );
    assert_eq!(
        changed("  HealthCheckPath", "  healthcheckpath"),
        "manifest.yaml:8: `AppContainer.healthcheckpath` is not a key: the nearest is `AppContainer.HealthCheckPath`\n"
    );
    assert_eq!(
        manifest(&format!("{MANIFEST}VirtualNodes:\n  Backends: [x]\n")),
        "manifest.yaml:9: `VirtualNodes` is not a key: the nearest is `VirtualNode`\n"
    );
    assert_eq!(
        platform("LaunchTyp: EC2\nScaling:\n  Minimum: 1\n"),
        "\
platform.yaml:1: `LaunchTyp` is not a key: the nearest is `LaunchType`
platform.yaml:3: `Scaling.Minimum` is not a key: allowed is `Scaling.Min`, `Scaling.Max` or `Scaling.TargetCpu`
"
    );
}

#[test]
fn a_key_that_is_like_no_other_is_named_with_all_that_there_are() {
    assert_eq!(
        manifest(&format!("{MANIFEST}Timeout: 5\n")),
        "manifest.yaml:9: `Timeout` is not a key: allowed is `Task`, `AppContainer` or `VirtualNode`\n"
    );
    let message = changed("/data\n", "/data\nVirtualNode:\n  Backends: ['${Owner}']\n");
    let expected = "manifest.yaml:10: `VirtualNode.Backends[0]` has `${Owner}`, which nothing sets: allowed is `${EnvironmentName}`, ";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_manifest_cannot_set_what_the_platform_sets() {
    assert_eq!(
        changed("  Memory: 512\n", "  Memory: 512\n  ExecutionRole: arn:x\n  launchtype: EC2\n"),
        "\
manifest.yaml:5: `Task.ExecutionRole` is set by the platform: a manifest cannot set it
manifest.yaml:6: `Task.launchtype` is set by the platform: a manifest cannot set it
"
    );
    assert_eq!(
        manifest(&format!("{MANIFEST}Sidecars: []\n")),
        "manifest.yaml:9: `Sidecars` is set by the platform: a manifest cannot set it\n"
    );
}

#[test]
fn what_is_missing_is_named_where_it_belongs() {
    assert_eq!(
        manifest(""),
        "\
manifest.yaml:1: `AppContainer` is missing: allowed is a section of keys
manifest.yaml:1: `Task` is missing: allowed is a section of keys
"
    );
    assert_eq!(
        changed("  Port: 8080", "  Port:"),
        "manifest.yaml:7: `AppContainer.Port` is missing: allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001 are Envoy's\n"
    );
    assert_eq!(
        changed("  Cpu: 256\n", ""),
        "manifest.yaml:2: `Task.Cpu` is missing: allowed on Fargate is 256, 512, 1024, 2048, 4096, 8192 or 16384\n"
    );
}

#[test]
fn a_bad_value_is_named_with_what_is_allowed() {
    for (part, by, message) in [
        (
            "hello-backend\n",
            "9lives\n",
            "2: `Task.Family` is `9lives`: allowed is 1 to 61 letters, digits and hyphens, beginning with a letter",
        ),
        (
            "8080",
            "80800",
            "7: `AppContainer.Port` is `80800`: allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001 are Envoy's",
        ),
        ("/data", "data", "8: `AppContainer.HealthCheckPath` is `data`: allowed is a path that begins with `/`"),
        ("Cpu: 256", "Cpu: a lot", "3: `Task.Cpu` is `a lot`: allowed is CPU units (`256`) or vCPU (`0.25 vCPU`)"),
        ("Memory: 512", "Memory: [512]", "4: `Task.Memory` is a list: allowed is MiB (`512`) or GB (`1 GB`)"),
        (
            "Image: hello-backend:1",
            "Image: two words",
            "6: `AppContainer.Image` is `two words`: allowed is an image URI of 1 to 512 visible ASCII characters",
        ),
        ("/data\n", "/data\n  Command: node server\n", "9: `AppContainer.Command` is `node server`: allowed is a list"),
        (
            "/data\n",
            "/data\nVirtualNode:\n  Backends:\n    - b.${Namespce}\n",
            "11: `VirtualNode.Backends[0]` has `${Namespce}`, which nothing sets: the nearest is `${Namespace}`",
        ),
    ] {
        assert_eq!(changed(part, by), format!("manifest.yaml:{message}\n"));
    }
}

#[test]
fn fargate_has_pairs_of_cpu_and_memory() {
    assert_eq!(
        changed("Memory: 512", "Memory: 4 GB"),
        "manifest.yaml:4: `Task.Memory` is 4096 MiB: allowed on Fargate with `Task.Cpu` 256 is 512, 1024 or 2048 MiB\n"
    );
    assert_eq!(
        changed("Cpu: 256", "Cpu: 300"),
        "manifest.yaml:3: `Task.Cpu` is 300: allowed on Fargate is 256, 512, 1024, 2048, 4096, 8192 or 16384\n"
    );
}

#[test]
fn ec2_has_a_range_and_the_platform_its_own_list() {
    assert_eq!(
        platform("LaunchType: EC2\nAllowedCpu: [512, 1 vCPU]\nAllowedMemory: [1 GB]\n"),
        "\
manifest.yaml:3: `Task.Cpu` is 256: the platform allows 512 or 1024
manifest.yaml:4: `Task.Memory` is 512 MiB: the platform allows 1024 MiB
"
    );
    let small = MANIFEST.replace("Cpu: 256", "Cpu: 64");
    let build = Build::new().file("manifest.yaml", &small).file("platform.yaml", "LaunchType: EC2");
    assert_eq!(refused(&build), "manifest.yaml:3: `Task.Cpu` is 64: allowed on EC2 is 128 to 196608\n");
}

#[test]
fn sidecars_leave_room_and_have_names_of_their_own() {
    assert_eq!(
        platform("Envoy: { Memory: 400 }\nXRay: { Enabled: true }\n"),
        "manifest.yaml:4: `Task.Memory` is 512 MiB, and the platform's sidecars alone reserve 656 MiB: more is needed\n"
    );
    let agent = |name: &str| format!("  - Name: {name}\n    Image: agent:1\n");
    assert_eq!(
        platform(&format!("Sidecars:\n{}{}{}", agent("envoy"), agent("a"), agent("a"))),
        "\
platform.yaml:2: `Sidecars[0].Name` is `envoy`: another container has that name
platform.yaml:6: `Sidecars[2].Name` is `a`: another container has that name
"
    );
    assert_eq!(
        platform(&format!("Sidecars:\n{}", agent("hello-backend"))),
        "manifest.yaml:2: `Task.Family` is `hello-backend`: a sidecar has that name\n"
    );
    assert_eq!(
        platform("Sidecars:\n  - Name: ''\n    Image: i:1\n  - Image: i:1\n  - Image: i:1\n"),
        "\
platform.yaml:2: `Sidecars[0].Name` is ``: allowed is 1 to 255 letters, digits, hyphens and underscores
platform.yaml:4: `Sidecars[1].Name` is missing: allowed is 1 to 255 letters, digits, hyphens and underscores
platform.yaml:5: `Sidecars[2].Name` is missing: allowed is 1 to 255 letters, digits, hyphens and underscores
"
    );
    assert_eq!(
        platform("Sidecars:\n  - Name: a b\n    Ports: [x]\n"),
        "\
platform.yaml:2: `Sidecars[0].Image` is missing: allowed is an image URI
platform.yaml:2: `Sidecars[0].Name` is `a b`: allowed is 1 to 255 letters, digits, hyphens and underscores
platform.yaml:3: `Sidecars[0].Ports[0]` is `x`: allowed is a port with its protocol, `8125/udp` or `9090`
"
    );
}

#[test]
fn containers_ask_for_no_more_than_their_task_has() {
    let agent = |size: &str| format!("Sidecars: [{{ Name: agent, Image: 'i:1', {size} }}]\nEnvoy: {{ Cpu: 56 }}\n");
    for (size, refusal) in [
        (
            "Cpu: 201",
            "manifest.yaml:3: `Task.Cpu` is 256, and the platform's sidecars alone reserve 257: more is needed",
        ),
        (
            "Memory: 513",
            "manifest.yaml:4: `Task.Memory` is 512 MiB, and the platform's sidecars alone reserve 513 MiB: more is needed",
        ),
        (
            "Memory: 513, MemoryReservation: 64",
            "manifest.yaml:4: `Task.Memory` is 512 MiB, and the platform lets container `agent` use 513 MiB: as much or more is needed",
        ),
        (
            "Memory: 64, MemoryReservation: 65",
            "platform.yaml:1: `Sidecars[0].Memory` is 64 MiB, less than `Sidecars[0].MemoryReservation`, which is 65 MiB: allowed is \
             65 MiB or more",
        ),
    ] {
        assert_eq!(platform(&agent(size)), format!("{refusal}\n"));
    }
    assert_eq!(
        platform("XRay: { Enabled: true, Memory: 255 }\n"),
        "platform.yaml:1: `XRay.Memory` is 255 MiB, less than `XRay.MemoryReservation`, which is 256 MiB: allowed is 256 MiB or more\n"
    );
    let most = u32::MAX;
    let sum = u64::from(most) * 2;
    assert_eq!(
        platform(&format!("Envoy: {{ Memory: {most} }}\nXRay: {{ Enabled: true, MemoryReservation: {most} }}\n")),
        format!(
            "manifest.yaml:4: `Task.Memory` is 512 MiB, and the platform's sidecars alone reserve {sum} MiB: more is needed\n"
        )
    );
    for size in ["Cpu: 200, Memory: 512", "MemoryReservation: 512", "Memory: 512, MemoryReservation: 512"] {
        let build = Build::new().file("manifest.yaml", MANIFEST).file("platform.yaml", &agent(size));
        let outcome = build.canary("template --manifest manifest.yaml --platform platform.yaml");
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{size}");
    }
}

#[test]
fn platform_settings_have_to_go_together() {
    for (text, message) in [
        ("Scaling:\n  Min: 3\n  Max: 2\n", "3: `Scaling.Max` is 2, less than `Scaling.Min`, which is 3"),
        (
            "LaunchType: EC2\nAssignPublicIp: true\n",
            "2: `AssignPublicIp` is `true`: tasks on EC2 cannot have public addresses of their own",
        ),
        (
            "Discovery: DNS\nCloudMapAttributes: { REGION: b }\n",
            "2: `CloudMapAttributes` has no meaning with `Discovery` `DNS`: DNS records have no attributes",
        ),
        (
            "CloudMapAttributes:\n  version: ${Sha}\n",
            "2: `CloudMapAttributes.version` is no attribute that ECS gives a task: allowed are `AVAILABILITY_ZONE`, \
            `ECS_CLUSTER_NAME`, `ECS_SERVICE_NAME`, `ECS_TASK_DEFINITION_FAMILY`, `REGION`",
        ),
        (
            "Environment: shop\nCluster: shop-blue\n",
            "2: `Cluster` is `shop-blue`: the functions look for the environment's, `shop`",
        ),
        ("Environment: shop\nMesh: other\n", "2: `Mesh` is `other`: the functions look for the environment's, `shop`"),
        ("Subnets: []\n", "1: `Subnets` is an empty list: allowed is one item or more, or no such key"),
        ("AllowedCpu: []\n", "1: `AllowedCpu` is an empty list: allowed is one item or more, or no such key"),
        ("AllowedMemory: []\n", "1: `AllowedMemory` is an empty list: allowed is one item or more, or no such key"),
        (
            "Subnets: [{ Exports: a }]\n",
            "1: `Subnets[0].Export` is missing: allowed is the name of an export, in one or more visible ASCII characters\n\
            platform.yaml:1: `Subnets[0].Exports` is not a key: the nearest is `Subnets[0].Export`",
        ),
        (
            "TaskRole: [a]\n",
            "1: `TaskRole` is a list: allowed is one or more visible ASCII characters, or a section with `Export`",
        ),
        ("LaunchType: fargate\n", "1: `LaunchType` is `fargate`: allowed is `FARGATE` or `EC2`"),
        ("Protocol: udp\n", "1: `Protocol` is `udp`: allowed is `http`, `http2`, `grpc` or `tcp`"),
        ("- LaunchType\n", "1: the file is a list: allowed is a section of keys"),
    ] {
        assert_eq!(platform(text), format!("platform.yaml:{message}\n"));
    }
}

#[test]
fn a_health_check_path_is_for_http() {
    for protocol in ["tcp", "grpc"] {
        let message = "`AppContainer.HealthCheckPath` has no meaning for a";
        assert_eq!(
            platform(&format!("Protocol: {protocol}")),
            format!("manifest.yaml:8: {message} `{protocol}` service: leave it out\n")
        );
    }
}

#[test]
fn everything_that_is_wrong_in_both_files_is_said_at_once() {
    let build = Build::new()
        .file("manifest.yaml", &MANIFEST.replace("8080", "x"))
        .file("platform.yaml", "LaunchType: x")
        .variable("CANARY_PLATFORM_XRAY_ENABLED", "maybe");
    assert_eq!(
        refused(&build),
        "\
CANARY_PLATFORM_XRAY_ENABLED: `XRay.Enabled` is `maybe`: allowed is `true` or `false`
manifest.yaml:7: `AppContainer.Port` is `x`: allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001 are Envoy's
platform.yaml:1: `LaunchType` is `x`: allowed is `FARGATE` or `EC2`
"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_wrong_input() {
    let build = Build::new().file("platform.yaml", "LaunchType: x");
    assert_eq!(
        build.refused("template --manifest nowhere.yaml --platform platform.yaml"),
        "\
nowhere.yaml: cannot be read: No such file or directory (os error 2)
platform.yaml:1: `LaunchType` is `x`: allowed is `FARGATE` or `EC2`
"
    );
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own_and_the_help_says_so() {
    let build = Build::new().file("manifest.yaml", "").file("own.yaml", "").file("deploy.json", "{}");
    for usage in [
        "",
        "nothing",
        "template",
        "template --manifest manifest.yaml --format xml",
        "render --deploy deploy.json --sha a1 --image i:1",
        "render --deploy deploy.json --sha a1 --manifest manifest.yaml --template own.yaml",
    ] {
        assert_eq!(build.canary(usage).code, 2, "{usage}");
    }
    for usage in ["template --manifest manifest.yaml", "render --deploy deploy.json --template own.yaml --sha a/b"] {
        assert_eq!(build.canary(usage).code, 1, "{usage}");
    }
    for help in ["--help", "template --help", "template -h", "render --help"] {
        let said = build.canary(help).stdout;
        assert!(said.contains("  1  wrong input") && said.contains("  2  wrong usage"), "{said}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure_and_leaves_nothing() {
    let build = Build::new().file("manifest.yaml", MANIFEST).directory("taken");
    for (output, reason) in
        [("missing/template.yaml", "No such file or directory (os error 2)"), ("taken", "Is a directory (os error 21)")]
    {
        let outcome = build.canary(&format!("template --manifest manifest.yaml -o {output}"));
        assert_eq!(outcome.code, 1);
        assert_eq!(outcome.stderr, format!("{output}: cannot be written: {reason}\n"));
        assert_eq!(build.names(), ["manifest.yaml", "taken"]);
    }
}
