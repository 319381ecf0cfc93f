//! The attributes by which callers' Envoys find a version's tasks in Cloud Map.

use crate::{
    problem::Problems,
    read::{Found, Section},
    setting::Setting,
};

/// What ECS registers a task of a service with, and can be told beforehand. A task gets no others, so whatever else a virtual
/// node asked for would never be found.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html>
const OF_A_TASK: [&str; 5] =
    ["AVAILABILITY_ZONE", "ECS_CLUSTER_NAME", "ECS_SERVICE_NAME", "ECS_TASK_DEFINITION_FAMILY", "REGION"];

/// The `CloudMapAttributes` section.
pub(super) fn attributes(mut section: Section<'_>, problems: &mut Problems) -> Vec<(String, Setting)> {
    let mut wanted = Vec::new();
    for name in OF_A_TASK {
        let value = section.find(name).and_then(|found: Found<'_>| found.literal_matching(&super::WORD, problems));
        wanted.extend(value.map(|value| (name.to_owned(), value)));
    }
    let names = OF_A_TASK.map(|name| format!("`{name}`"));
    let allowed = format!("is no attribute that ECS gives a task: allowed are {}", names.join(", "));
    section.finish(problems, |_| Some(allowed.clone()));
    wanted
}
