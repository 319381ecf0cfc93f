//! The per-version template: what one version of a service is, made from its manifest and the platform's settings.

mod mesh;
mod parameters;
mod scaling;
mod service;
mod task;

use crate::{
    Protocol,
    manifest::Manifest,
    platform::{APP_HEALTH, Discovery, Platform},
    problem::Problems,
    size,
    value::{Value, attribute, map, named, reference, some},
};

/// How large a template may be.
pub struct Limit {
    /// In bytes.
    pub bytes: usize,
    /// How CloudFormation gets the template.
    way: &'static str,
    /// What there is to do about a larger one.
    remedy: &'static str,
}

/// CloudFormation's limit for a template sent in the request itself, as the state machine sends it.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub const IN_REQUEST: Limit = Limit {
    bytes: 51_200,
    way: "in a request",
    remedy: "make it smaller, or name a bucket for it with --artifact-bucket",
};
/// CloudFormation's limit for a template in S3. The documentation says 1 MB; the service says 1000000 bytes when it refuses one.
pub const IN_BUCKET: Limit = Limit { bytes: 1_000_000, way: "from a bucket", remedy: "make it smaller" };

impl Limit {
    /// What to say of a template that is larger; `hint` is a sentence about where its bytes are.
    #[must_use]
    pub fn advice(&self, hint: &str) -> String {
        format!("CloudFormation takes {} {}. {hint}: {}", self.bytes, self.way, self.remedy)
    }
}

/// How many of the largest parts a refusal names.
const LARGEST: usize = 3;
/// The name of a version, of its virtual node, Cloud Map service and ECS service alike.
const VERSION: &str = "${MicroserviceName}-${Sha}";

/// A template's parts.
pub struct Inputs<'a> {
    /// The service team's.
    pub manifest: &'a Manifest,
    /// The platform team's.
    pub platform: &'a Platform,
    /// What the service speaks.
    pub protocol: Protocol,
}

impl Inputs<'_> {
    /// The template.
    ///
    /// # Errors
    /// What does not go together in the inputs.
    pub fn template(&self) -> Result<Value, Problems> {
        let mut problems = Problems::default();
        size::check(self.manifest, self.platform, &mut problems);
        self.check_health_check(&mut problems);
        self.check_names(&mut problems);
        self.platform.check_app_port(&self.manifest.port, &mut problems);
        problems.unless_any(())?;
        Ok(self.build())
    }

    fn build(&self) -> Value {
        let platform = self.platform;
        let description = format!(
            "One version of {}: ECS service with an Envoy sidecar, Cloud Map service and App Mesh virtual node. \
             Made by `canary template`; change the manifest or the platform settings, not this.",
            self.manifest.family.value
        );
        // "From a service that will be shut down": App Mesh was, and it is what this template is for.
        let lint = map([("config", Some(map([("ignore_checks", some(vec!["W3696"]))])))]);
        map([
            ("AWSTemplateFormatVersion", some("2010-09-09")),
            ("Description", some(description)),
            ("Metadata", Some(map([("cfn-lint", Some(lint))]))),
            ("Parameters", Some(parameters::parameters(self))),
            ("Resources", Some(self.resources())),
            ("Outputs", Some(outputs(platform))),
        ])
    }

    fn resources(&self) -> Value {
        let scales = self.platform.scaling.max > self.platform.scaling.min;
        map([
            ("VirtualNode", Some(mesh::virtual_node(self))),
            ("DiscoveryService", Some(mesh::discovery_service(self.platform))),
            ("TaskDefinition", Some(task::task_definition(self))),
            ("Service", Some(service::service(self.platform))),
            // A fixed number of tasks needs nothing that scales them.
            ("ScalableTarget", scales.then(|| scaling::target(self.platform))),
            ("ScalingPolicy", scales.then(|| scaling::policy(self.platform))),
        ])
    }

    fn check_health_check(&self, problems: &mut Problems) {
        if let (Protocol::Tcp | Protocol::Grpc, Some(path)) = (self.protocol, &self.manifest.health_check_path) {
            let message = format!("`{}` has no meaning for a `{}` service: leave it out", path.path, self.protocol);
            problems.add(&path.place, message);
        }
    }

    /// A container's name is taken by the application itself, which is named after the microservice.
    fn check_names(&self, problems: &mut Problems) {
        let family = &self.manifest.family;
        let mut names = self.platform.containers().map(|sidecar| sidecar.name.as_str()).chain([APP_HEALTH]);
        if names.any(|name| name == family.value) {
            let message = format!("`{}` is `{}`: a sidecar has that name", family.path, family.value);
            problems.add(&family.place, message);
        }
    }
}

/// A sentence about the largest parts of a template that the inputs decide.
#[must_use]
pub fn largest(manifest: &Manifest, platform: &Platform) -> String {
    let mut parts: Vec<(usize, String)> = task::sidecars(platform)
        .map(|(name, container)| (container.to_string().len(), format!("sidecar `{name}`")))
        .collect();
    parts.push((manifest.command.iter().map(String::len).sum(), "`AppContainer.Command`".to_owned()));
    parts.push((mesh::backends(manifest).to_string().len(), "`VirtualNode.Backends`".to_owned()));
    parts.sort_by(|(one, _), (other, _)| other.cmp(one));
    let largest: Vec<String> =
        parts.iter().take(LARGEST).map(|(bytes, part)| format!("{part} ({bytes} bytes)")).collect();
    format!("Its largest parts are {}", largest.join(", "))
}

fn resource(kind: &str, depends_on: Option<Value>, properties: Value) -> Value {
    map([("Type", some(kind)), ("DependsOn", depends_on), ("Properties", Some(properties))])
}

fn tags() -> Value {
    named(
        "Key",
        vec![
            ("environment", reference("EnvironmentName")),
            ("microservice", reference("MicroserviceName")),
            ("version", reference("Sha")),
        ],
    )
}

fn outputs(platform: &Platform) -> Value {
    let output = |description: &str, value| map([("Description", some(description)), ("Value", Some(value))]);
    let found = match platform.discovery {
        Discovery::CloudMap => "Cloud Map",
        Discovery::Dns => "DNS",
    };
    let node = format!("What the route gives weight to; callers find it by {found}");
    map([
        ("VirtualNodeName", Some(output(&node, attribute("VirtualNode", "VirtualNodeName")))),
        ("ServiceName", Some(output("ECS service of this version", attribute("Service", "Name")))),
        ("Vpc", platform.vpc.as_ref().map(|vpc| output("VPC that this version runs in", vpc.value()))),
    ])
}
