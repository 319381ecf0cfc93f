//! What the platform team sets for every service, and no service can change.
//!
//! One file serves all services: what differs between environments comes from their exports by default, and every text may
//! hold `${MicroserviceName}` and the like.

mod attributes;
mod ports;
mod scaling;
mod sidecar;
mod variables;

pub use self::{
    ports::Port,
    scaling::Scaling,
    sidecar::{APP_HEALTH, ENVOY, ENVOY_USER, Sidecar},
    variables::{PREFIX, names as variable_names},
};
use canary_core::request::{NAME, NAMESPACE, Pattern};

use crate::{
    Protocol,
    problem::{Place, Problems},
    read::{Found, Kind, Located, Node, Section, is_visible},
    setting::Setting,
    size,
};

/// The keys of a platform file.
const KEYS: [&str; 23] = [
    "Environment",
    "Namespace",
    "NamespaceId",
    "Cluster",
    "Mesh",
    "Vpc",
    "Subnets",
    "SecurityGroups",
    "AssignPublicIp",
    "ExecutionRole",
    "TaskRole",
    "LogGroup",
    "LogStreamPrefix",
    "LaunchType",
    "Protocol",
    "Discovery",
    "CloudMapAttributes",
    "AllowedCpu",
    "AllowedMemory",
    "Envoy",
    "XRay",
    "Scaling",
    "Sidecars",
];

/// Those that a deploy.json is held to. All others shape the templates that are made from manifests.
const HELD: [&str; 3] = ["Environment", "Namespace", "Protocol"];

/// A text that may hold `${…}`.
const WORD: Pattern = Pattern { allowed: "one or more visible ASCII characters", accepts: is_visible, shown: true };

/// Whether a key is one of the platform's, however it is cased.
#[must_use]
pub fn is_setting(key: &str) -> bool {
    KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// What tasks run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaunchType {
    /// Fargate.
    #[default]
    Fargate,
    /// The cluster's own instances.
    Ec2,
}

impl LaunchType {
    /// ECS's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fargate => "FARGATE",
            Self::Ec2 => "EC2",
        }
    }
}

/// How callers' Envoys find the tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discovery {
    /// By Cloud Map's API.
    #[default]
    CloudMap,
    /// By the DNS records that Cloud Map keeps.
    Dns,
}

/// The platform's settings, complete.
#[derive(Debug)]
pub struct Platform {
    /// The only environment that the template is for; any if absent.
    pub environment: Option<Located<String>>,
    /// The only Cloud Map namespace that the template is for; any if absent.
    pub namespace: Option<Located<String>>,
    /// ID of the Cloud Map namespace.
    pub namespace_id: Setting,
    /// ECS cluster.
    pub cluster: Setting,
    /// App Mesh mesh.
    pub mesh: Setting,
    /// The VPC, for the stack's outputs: subnets and security groups belong to it already.
    pub vpc: Option<Setting>,
    /// Subnets of the tasks.
    pub subnets: Vec<Setting>,
    /// Security groups of the tasks.
    pub security_groups: Vec<Setting>,
    /// Whether tasks get public addresses.
    pub assign_public_ip: bool,
    /// Starts tasks: pulls images, writes logs.
    pub execution_role: Setting,
    /// What tasks may do; Envoy reads its configuration with it.
    pub task_role: Setting,
    /// Where every container logs to.
    pub log_group: Setting,
    /// How the log streams' names begin.
    pub log_stream_prefix: Setting,
    /// What tasks run on.
    pub launch_type: LaunchType,
    /// The only protocol that services may speak; any if absent.
    pub protocol: Option<Located<Protocol>>,
    /// How callers find the tasks.
    pub discovery: Discovery,
    /// Attributes that a task must have in Cloud Map to be found.
    pub cloud_map_attributes: Vec<(String, Setting)>,
    /// CPU that a task may have; any if empty.
    pub allowed_cpu: Vec<u32>,
    /// Memory that a task may have, in MiB; any if empty.
    pub allowed_memory: Vec<u32>,
    /// The Envoy container.
    pub envoy: Sidecar,
    /// The X-Ray daemon, if tracing is on.
    pub xray: Option<Sidecar>,
    /// How many tasks run.
    pub scaling: Scaling,
    /// Containers that every task has.
    pub sidecars: Vec<Sidecar>,
    /// The keys that are set and that no deploy.json is held to.
    pub shaping: Vec<String>,
}

impl Platform {
    /// Reads the settings from a file, if there is one, and from the environment variables of a build.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn parse(file: Option<(&str, &str)>, variables: &[(String, String)]) -> Result<Self, Problems> {
        let mut node = match file {
            Some((name, text)) => Node::parse(name, text)?,
            None => Node { place: Place::whole("environment variables"), kind: Kind::Empty },
        };
        let mut problems = Problems::default();
        variables::merge(&mut node, variables, &mut problems);
        let platform = Self::read(&node, &mut problems);
        problems.unless_any(platform)
    }

    /// The containers beside the application whose size the platform can set.
    pub fn containers(&self) -> impl Iterator<Item = &Sidecar> {
        self.sidecars.iter().chain(&self.xray).chain([&self.envoy])
    }

    fn read(node: &Node, problems: &mut Problems) -> Self {
        let mut root = Section::root(node, problems);
        let platform = Self {
            environment: root.find("Environment").and_then(|found| found.matching(&NAME, problems)),
            namespace: root.find("Namespace").and_then(|found| found.matching(&NAMESPACE, problems)),
            namespace_id: setting(&mut root, "NamespaceId", Setting::exported("CloudMapNamespaceId"), problems),
            cluster: setting(&mut root, "Cluster", Setting::Text("${EnvironmentName}".into()), problems),
            mesh: setting(&mut root, "Mesh", Setting::exported("Mesh"), problems),
            vpc: root.find("Vpc").and_then(|found| found.setting(problems)),
            subnets: settings(&mut root, "Subnets", &["PrivateSubnet1", "PrivateSubnet2"], problems),
            security_groups: settings(&mut root, "SecurityGroups", &["ContainerSecurityGroup"], problems),
            assign_public_ip: root.find("AssignPublicIp").and_then(|found| found.boolean(problems)).unwrap_or(false),
            execution_role: setting(&mut root, "ExecutionRole", Setting::exported("ExecutionRole"), problems),
            task_role: setting(&mut root, "TaskRole", Setting::exported("TaskRole"), problems),
            log_group: setting(&mut root, "LogGroup", Setting::exported("LogGroup"), problems),
            log_stream_prefix: root
                .find("LogStreamPrefix")
                .and_then(|found| found.literal_matching(&WORD, problems))
                .unwrap_or_else(|| Setting::Text("${MicroserviceName}-${Sha}".into())),
            launch_type: choice(root.find("LaunchType"), "`FARGATE` or `EC2`", launch_type, problems),
            protocol: root
                .find("Protocol")
                .and_then(|found| found.parsed("`http`, `http2`, `grpc` or `tcp`", problems, |text| text.parse().ok())),
            discovery: choice(root.find("Discovery"), "`CloudMap` or `DNS`", discovery, problems),
            cloud_map_attributes: attributes::attributes(root.section("CloudMapAttributes", problems), problems),
            allowed_cpu: sizes(&mut root, "AllowedCpu", size::CPU, size::cpu, problems),
            allowed_memory: sizes(&mut root, "AllowedMemory", size::MEMORY, size::memory, problems),
            envoy: sidecar::envoy(root.section("Envoy", problems), problems),
            xray: sidecar::xray(root.section("XRay", problems), problems),
            scaling: scaling::scaling(root.section("Scaling", problems), problems),
            sidecars: sidecar::all(&mut root, problems),
            shaping: root.keys().filter(|key| !HELD.contains(key)).map(str::to_owned).collect(),
        };
        platform.check(&mut root, problems);
        root.finish(problems, |_| None);
        platform
    }

    /// What is right by itself and wrong together.
    fn check(&self, root: &mut Section<'_>, problems: &mut Problems) {
        if let (LaunchType::Ec2, true, Some(found)) =
            (self.launch_type, self.assign_public_ip, root.find("AssignPublicIp"))
        {
            found.refuse("is `true`: tasks on EC2 cannot have public addresses of their own", problems);
        }
        if let (Discovery::Dns, Some(found)) = (self.discovery, root.find("CloudMapAttributes")) {
            found.refuse("has no meaning with `Discovery` `DNS`: DNS records have no attributes", problems);
        }
        if let Some(environment) = &self.environment {
            for (key, setting) in [("Cluster", &self.cluster), ("Mesh", &self.mesh)] {
                let (Some(found), Setting::Text(name)) = (root.find(key), setting) else { continue };
                if !name.contains("${") && *name != environment.value {
                    let right = &environment.value;
                    found
                        .refuse(&format!("is `{name}`: the functions look for the environment's, `{right}`"), problems);
                }
            }
        }
        ports::check_sidecars(self, problems);
    }
}

fn setting(root: &mut Section<'_>, key: &'static str, default: Setting, problems: &mut Problems) -> Setting {
    root.find(key).and_then(|found| found.setting(problems)).unwrap_or(default)
}

/// A list of settings; the environment's exports if it is absent.
fn settings(root: &mut Section<'_>, key: &'static str, exports: &[&str], problems: &mut Problems) -> Vec<Setting> {
    match filled(root, key, problems) {
        Some(found) => found.distinct(problems, Found::setting, Clone::clone),
        None => exports.iter().map(|name| Setting::exported(name)).collect(),
    }
}

/// A list of sizes; none if it is absent.
fn sizes(
    root: &mut Section<'_>,
    key: &'static str,
    allowed: &str,
    parse: fn(&str) -> Option<u32>,
    problems: &mut Problems,
) -> Vec<u32> {
    let item = |item: Found<'_>, problems: &mut Problems| Some(item.parsed(allowed, problems, parse)?.value);
    filled(root, key, problems).map(|found| found.list(problems, item)).unwrap_or_default()
}

/// A list that is not empty: an empty one could be meant for none and for any.
fn filled<'a>(root: &mut Section<'a>, key: &'static str, problems: &mut Problems) -> Option<Found<'a>> {
    let found = root.find(key)?;
    if found.is_empty_list() {
        found.refuse("is an empty list: allowed is one item or more, or no such key", problems);
        return None;
    }
    Some(found)
}

fn choice<T: Default>(
    found: Option<Found<'_>>,
    allowed: &str,
    parse: fn(&str) -> Option<T>,
    problems: &mut Problems,
) -> T {
    found.and_then(|found| found.parsed(allowed, problems, parse)).map(|found| found.value).unwrap_or_default()
}

fn launch_type(text: &str) -> Option<LaunchType> {
    [LaunchType::Fargate, LaunchType::Ec2].into_iter().find(|known| known.name() == text)
}

fn discovery(text: &str) -> Option<Discovery> {
    match text {
        "CloudMap" => Some(Discovery::CloudMap),
        "DNS" => Some(Discovery::Dns),
        _ => None,
    }
}
