//! Settings that come from environment variables, as a CodeBuild project sets them.
//!
//! They fill in what the platform's file leaves open and cannot change what it says: a build's commands can set variables too.

use crate::{
    problem::{Place, Problems},
    read::{Key, Kind, Node, instead, shown},
};

/// How the variables' names begin.
pub const PREFIX: &str = "CANARY_PLATFORM_";

/// A variable's name after the prefix, and the key that it sets.
type Variable = (&'static str, &'static [&'static str]);

/// The variables with one value.
const SCALARS: [Variable; 25] = [
    ("ENVIRONMENT", &["Environment"]),
    ("NAMESPACE", &["Namespace"]),
    ("NAMESPACE_ID", &["NamespaceId"]),
    ("CLUSTER", &["Cluster"]),
    ("MESH", &["Mesh"]),
    ("VPC", &["Vpc"]),
    ("ASSIGN_PUBLIC_IP", &["AssignPublicIp"]),
    ("EXECUTION_ROLE", &["ExecutionRole"]),
    ("TASK_ROLE", &["TaskRole"]),
    ("LOG_GROUP", &["LogGroup"]),
    ("LOG_STREAM_PREFIX", &["LogStreamPrefix"]),
    ("LAUNCH_TYPE", &["LaunchType"]),
    ("PROTOCOL", &["Protocol"]),
    ("DISCOVERY", &["Discovery"]),
    ("ENVOY_IMAGE", &["Envoy", "Image"]),
    ("ENVOY_CPU", &["Envoy", "Cpu"]),
    ("ENVOY_MEMORY", &["Envoy", "Memory"]),
    ("ENVOY_MEMORY_RESERVATION", &["Envoy", "MemoryReservation"]),
    ("XRAY_ENABLED", &["XRay", "Enabled"]),
    ("XRAY_IMAGE", &["XRay", "Image"]),
    ("XRAY_CPU", &["XRay", "Cpu"]),
    ("XRAY_MEMORY_RESERVATION", &["XRay", "MemoryReservation"]),
    ("SCALING_MIN", &["Scaling", "Min"]),
    ("SCALING_MAX", &["Scaling", "Max"]),
    ("SCALING_TARGET_CPU", &["Scaling", "TargetCpu"]),
];
/// The variables that hold a list, with commas.
const LISTS: [Variable; 4] = [
    ("SUBNETS", &["Subnets"]),
    ("SECURITY_GROUPS", &["SecurityGroups"]),
    ("ALLOWED_CPU", &["AllowedCpu"]),
    ("ALLOWED_MEMORY", &["AllowedMemory"]),
];

/// The names of all variables, without the prefix.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    SCALARS.iter().chain(&LISTS).map(|(name, _)| *name)
}

/// Puts the variables among `variables` that are ours into `root`.
pub(super) fn merge(root: &mut Node, variables: &[(String, String)], problems: &mut Problems) {
    if !matches!(root.kind, Kind::Map(_) | Kind::Empty) {
        return;
    }
    for (variable, text) in variables {
        let Some(name) = variable.strip_prefix(PREFIX).filter(|_| !text.is_empty()) else { continue };
        let place = Place::whole(variable);
        let known = |(known, _): &&Variable| *known == name;
        if let Some((_, path)) = SCALARS.iter().find(known) {
            let value = Node { place, kind: Kind::Scalar(text.clone()) };
            set(root, path, value, path, problems);
        } else if let Some((_, path)) = LISTS.iter().find(known) {
            let item = |part: &str| Node { place: place.clone(), kind: Kind::Scalar(part.trim().to_owned()) };
            let value = Node { kind: Kind::List(text.split(',').map(item).collect()), place };
            set(root, path, value, path, problems);
        } else {
            let instead = instead(name, names(), |known| format!("{PREFIX}{known}"));
            problems.add(&place, format!("no setting has this variable: {instead}"));
        }
    }
}

/// Sets `path` below `node`. What is there already stays and, if it is another value, is a problem.
fn set(node: &mut Node, path: &[&str], value: Node, whole: &[&str], problems: &mut Problems) {
    if node.kind == Kind::Empty {
        node.kind = Kind::Map(Vec::new());
    }
    // Anything else than a section is reported when it is read.
    let (Kind::Map(entries), [first, rest @ ..]) = (&mut node.kind, path) else { return };
    let index = entries.iter().position(|(key, _)| key.name == *first).unwrap_or_else(|| {
        let key = Key { name: (*first).to_owned(), place: value.place.clone() };
        entries.push((key, Node { place: value.place.clone(), kind: Kind::Empty }));
        entries.len() - 1
    });
    let entry = &mut entries[index].1;
    if !rest.is_empty() {
        set(entry, rest, value, whole, problems);
    } else if entry.kind == Kind::Empty {
        *entry = value;
    } else if entry.kind != value.kind {
        let message = format!("{} is set at {}, which a variable cannot change", shown(&whole.join(".")), entry.place);
        problems.add(&value.place, message);
    }
}
