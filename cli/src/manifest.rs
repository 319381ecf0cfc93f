//! What a service team says about its service, and all that it can say.

use crate::{
    platform,
    problem::{Place, Problems},
    read::{Found, Located, Node, Section},
    setting::Setting,
    size,
};

const FAMILY: &str = "1 to 61 letters, digits and hyphens, beginning with a letter";
const IMAGE: &str = "an image URI of 1 to 512 visible ASCII characters";
const PATH: &str = "a path that begins with `/`";

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
    pub port: Located<u32>,
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
            image: app.find("Image").and_then(|found| found.parsed(IMAGE, problems, image)),
            port: app.require("Port", "a whole number from 1 to 65535", problems, |f, p| f.whole(1..=65_535, p)),
            health_check_path: app.find("HealthCheckPath").and_then(|found| found.parsed(PATH, problems, path)),
            command: app.list("Command", problems, |item, problems| Some(item.text(problems)?.value)),
            backends: mesh.list("Backends", problems, Found::literal),
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

fn image(text: &str) -> Option<String> {
    let good = (1..=512).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    good.then(|| text.to_owned())
}

fn path(text: &str) -> Option<String> {
    let good = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic());
    good.then(|| text.to_owned())
}
