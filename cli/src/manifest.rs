//! What a service team says about its service, and all that it can say.

use std::ops::RangeInclusive;

use canary_core::{
    request::{IMAGE, PORT, Pattern, app_port},
    text::whole_number,
};

use crate::{
    platform,
    problem::{Place, Problems},
    read::{Located, Node, Section},
    setting::Setting,
    size,
};

const FAMILY: &str = "1 to 61 letters, digits and hyphens, beginning with a letter";
const PATH: &str = "a path that begins with `/`";
/// Virtual services' names are host names: callers name them in their requests, and Cloud Map's DNS makes no difference of case.
const BACKEND: Pattern = Pattern {
    allowed: "the name of a virtual service: 1 to 255 letters, digits, hyphens, underscores and dots, and `${…}`",
    accepts: is_service_name,
    shown: true,
};
/// Seconds in which ECS does not count failed health checks, and how many there are unless the manifest says otherwise.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html>
const START_PERIOD: RangeInclusive<u32> = 0..=300;
const DEFAULT_START_PERIOD: u32 = 60;

/// A service's manifest.
#[derive(Debug)]
pub struct Manifest {
    /// `Task.Family`: the family of the task definition, which is the microservice's name.
    pub family: Located<String>,
    /// `Task.Cpu` in units of 1/1024 vCPU.
    pub cpu: Option<Located<u32>>,
    /// `Task.Memory` in MiB.
    pub memory: Located<u32>,
    /// `AppContainer.Image`, which a build may know better.
    pub image: Option<Located<String>>,
    /// `AppContainer.Port`.
    pub port: Located<u16>,
    /// `AppContainer.StartPeriod`: seconds that the application may take until it answers.
    pub start_period: u32,
    /// `AppContainer.HealthCheckPath`.
    pub health_check_path: Option<Located<String>>,
    /// `AppContainer.Command`; the image's own if empty.
    pub command: Vec<String>,
    /// `VirtualNode.Backends`: the virtual services that it calls.
    pub backends: Vec<Setting>,
    /// Where `Task` begins.
    pub task: Place,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let node = Node::parse(file, text)?;
        let mut problems = Problems::default();
        let manifest = Self::read(&node, &mut problems);
        problems.unless_any(manifest)
    }

    fn read(node: &Node, problems: &mut Problems) -> Self {
        let mut root = Section::root(node, problems);
        let mut task = root.require_section("Task", problems);
        let mut app = root.require_section("AppContainer", problems);
        let mut mesh = root.section("VirtualNode", problems);
        let manifest = Self {
            task: task.place().clone(),
            family: task.require("Family", FAMILY, problems, |found, problems| found.parsed(FAMILY, problems, family)),
            cpu: task.find("Cpu").and_then(|found| found.parsed(size::CPU, problems, size::cpu)),
            memory: task
                .require("Memory", size::MEMORY, problems, |found, p| found.parsed(size::MEMORY, p, size::memory)),
            image: app.find("Image").and_then(|found| found.matching(&IMAGE, problems)),
            port: app.require("Port", PORT, problems, |found, problems| found.parsed(PORT, problems, port)),
            start_period: app
                .find("StartPeriod")
                .and_then(|found| found.whole(START_PERIOD, problems))
                .map_or(DEFAULT_START_PERIOD, |found| found.value),
            health_check_path: app.find("HealthCheckPath").and_then(|found| found.parsed(PATH, problems, path)),
            command: app.list("Command", problems, |item, problems| Some(item.text(problems)?.value)),
            backends: mesh
                .find("Backends")
                .map(|found| found.distinct(problems, |item, p| item.literal_matching(&BACKEND, p), Setting::as_host))
                .unwrap_or_default(),
        };
        for section in [task, app, mesh, root] {
            section.finish(problems, |key| {
                platform::is_setting(key).then(|| "is set by the platform: a manifest cannot set it".to_owned())
            });
        }
        manifest
    }
}

/// The version's name, the family with a hyphen and the commit, has to be a DNS label; the commit has one character at least.
fn family(text: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let good = text.len() <= 61 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(known);
    good.then(|| text.to_owned())
}

fn port(text: &str) -> Option<u16> {
    whole_number(text).and_then(app_port)
}

/// A name in which each `${…}` stands for something that is one.
fn is_service_name(text: &str) -> bool {
    let mut parts = text.split("${");
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    (1..=255).contains(&text.len())
        && parts.next().is_some_and(plain)
        && parts.all(|part| part.split_once('}').is_none_or(|(_, rest)| plain(rest)))
}

fn path(text: &str) -> Option<String> {
    let good = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic());
    good.then(|| text.to_owned())
}
