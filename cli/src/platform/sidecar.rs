//! The containers that the platform puts beside the application: Envoy, the X-Ray daemon, and any that it wants in every task.

use std::{collections::HashSet, ops::RangeInclusive};

use canary_core::{request::Pattern, text::whole_number};

use super::ports::Port;
use crate::{
    problem::Problems,
    read::{Found, Located, Section},
    setting::Setting,
};

/// The user that Envoy runs as; what this user sends is not sent through Envoy again.
pub const ENVOY_USER: &str = "1337";
/// The names of the containers that are always ours.
pub const ENVOY: &str = "envoy";
/// The one that asks the application whether it answers.
pub const APP_HEALTH: &str = "app-health";
/// The X-Ray daemon's.
pub const XRAY: &str = "xray-daemon";

/// App Mesh's last image, in the registry of each Region.
const ENVOY_DEFAULTS: Defaults = Defaults {
    image: "840364872350.dkr.ecr.${AWS::Region}.amazonaws.com/aws-appmesh-envoy:v1.29.12.2-prod",
    ..NO_DEFAULTS
};
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-daemon-ecs.html>, where the daemon's size and port are too.
const XRAY_DEFAULTS: Defaults =
    Defaults { image: "public.ecr.aws/xray/aws-xray-daemon:3.x", cpu: Some(32), memory_reservation: Some(256) };
pub(super) const XRAY_PORT: u16 = 2000;
/// Where Envoy's metrics are. The CloudWatch agent scrapes a container at a port that it declares.
const ENVOY_ADMIN_PORT: u16 = 9901;

/// CPU units and MiB of one container; ECS takes no container below 6 MiB.
const CPU: RangeInclusive<u32> = 1..=196_608;
const MEMORY: RangeInclusive<u32> = 6..=u32::MAX;

const VARIABLE: Pattern = Pattern {
    allowed: "letters, digits, underscores, hyphens and dots, not beginning with a digit",
    accepts: |text| {
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    },
    shown: true,
};

/// What a container has unless the settings say otherwise.
struct Defaults {
    image: &'static str,
    cpu: Option<u32>,
    memory_reservation: Option<u32>,
}

const NO_DEFAULTS: Defaults = Defaults { image: "", cpu: None, memory_reservation: None };

/// A container beside the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// The container's name.
    pub name: String,
    /// What it runs.
    pub image: Setting,
    /// CPU units of the task's that are its own.
    pub cpu: Option<u32>,
    /// MiB that it cannot go over.
    pub memory: Option<u32>,
    /// MiB that are kept for it.
    pub memory_reservation: Option<u32>,
    /// Whether the task ends with it.
    pub essential: bool,
    /// The user that it runs as, the image's own if absent.
    pub user: Option<String>,
    /// The command, the image's own if empty.
    pub command: Vec<String>,
    /// Environment variables.
    pub environment: Vec<(String, Setting)>,
    /// Ports with their protocol.
    pub ports: Vec<Located<Port>>,
}

/// The `Envoy` section.
pub(super) fn envoy(mut section: Section<'_>, problems: &mut Problems) -> Sidecar {
    let sidecar = Sidecar {
        user: Some(ENVOY_USER.into()),
        ports: vec![ours(ENVOY_ADMIN_PORT, "tcp")],
        ..container(&mut section, ENVOY, &ENVOY_DEFAULTS, problems)
    };
    section.finish(problems, |_| None);
    sidecar
}

/// The `XRay` section.
pub(super) fn xray(mut section: Section<'_>, problems: &mut Problems) -> Option<Sidecar> {
    let enabled = section.find("Enabled").and_then(|found| found.boolean(problems)).unwrap_or(false);
    let container = container(&mut section, XRAY, &XRAY_DEFAULTS, problems);
    section.finish(problems, |_| None);
    enabled.then(|| Sidecar {
        // Envoy's user, so that traces do not go through Envoy themselves.
        user: Some(ENVOY_USER.into()),
        ports: vec![ours(XRAY_PORT, "udp")],
        ..container
    })
}

fn ours(port: u16, protocol: &'static str) -> Located<Port> {
    Located { value: (port, protocol), ..Located::default() }
}

/// The `Sidecars` list.
pub(super) fn all(root: &mut Section<'_>, problems: &mut Problems) -> Vec<Sidecar> {
    let located = root.list("Sidecars", problems, |found, problems| Some(sidecar(found.section(problems), problems)));
    let mut taken = HashSet::from([ENVOY, APP_HEALTH, XRAY]);
    // A name that is missing or wrong is a problem already.
    for (name, _) in located.iter().filter(|(name, _)| !name.value.is_empty()) {
        if !taken.insert(&name.value) {
            problems.add(&name.place, format!("`{}` is `{}`: another container has that name", name.path, name.value));
        }
    }
    located.into_iter().map(|(_, sidecar)| sidecar).collect()
}

fn sidecar(mut section: Section<'_>, problems: &mut Problems) -> (Located<String>, Sidecar) {
    const NAME: &str = "1 to 255 letters, digits, hyphens and underscores";
    let name = section.require("Name", NAME, problems, |found, problems| found.parsed(NAME, problems, container_name));
    section.require("Image", "an image URI", problems, Found::text);
    let sidecar = Sidecar {
        essential: section.find("Essential").and_then(|found| found.boolean(problems)).unwrap_or(true),
        user: section.find("User").and_then(|found| found.matching(&super::WORD, problems)).map(|found| found.value),
        command: section.list("Command", problems, |item, problems| Some(item.text(problems)?.value)),
        environment: section
            .find("Environment")
            .map(|found| found.entries(&VARIABLE, problems, Found::literal))
            .unwrap_or_default(),
        ports: section.list("Ports", problems, |item, problems| {
            item.parsed("a port with its protocol, `8125/udp` or `9090`", problems, port)
        }),
        ..container(&mut section, &name.value, &NO_DEFAULTS, problems)
    };
    section.finish(problems, |_| None);
    (name, sidecar)
}

/// What every container has.
fn container(section: &mut Section<'_>, name: &str, defaults: &Defaults, problems: &mut Problems) -> Sidecar {
    let mut whole = |key, allowed| section.find(key).and_then(|found| found.whole(allowed, problems));
    let (cpu, memory, reservation) = (whole("Cpu", CPU), whole("Memory", MEMORY), whole("MemoryReservation", MEMORY));
    let memory_reservation = reservation.map(|found| found.value).or(defaults.memory_reservation);
    check_limits(memory.as_ref(), memory_reservation, problems);
    Sidecar {
        name: name.to_owned(),
        image: section
            .find("Image")
            .and_then(|found| found.setting(problems))
            .unwrap_or_else(|| Setting::Text(defaults.image.to_owned())),
        cpu: cpu.map(|found| found.value).or(defaults.cpu),
        memory: memory.map(|found| found.value),
        memory_reservation,
        essential: true,
        user: None,
        command: Vec::new(),
        environment: Vec::new(),
        ports: Vec::new(),
    }
}

/// ECS takes no container that cannot have the memory that is kept for it.
fn check_limits(memory: Option<&Located<u32>>, reservation: Option<u32>, problems: &mut Problems) {
    let (Some(memory), Some(kept)) = (memory, reservation) else { return };
    if memory.value < kept {
        let message = format!(
            "`{path}` is {} MiB, less than `{path}Reservation`, which is {kept} MiB: allowed is {kept} MiB or more",
            memory.value,
            path = memory.path
        );
        problems.add(&memory.place, message);
    }
}

fn container_name(text: &str) -> Option<String> {
    let good =
        (1..=255).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    good.then(|| text.to_owned())
}

fn port(text: &str) -> Option<Port> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = ["tcp", "udp"].into_iter().find(|known| *known == protocol)?;
    let number = u16::try_from(whole_number(number)?).ok().filter(|number| *number > 0)?;
    Some((number, protocol))
}
