//! How many tasks a service has.

use std::ops::RangeInclusive;

use crate::{problem::Problems, read::Section};

/// ECS's limit for the tasks of one service.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>
const TASKS: RangeInclusive<u32> = 1..=5_000;
/// Percent.
const TARGET_CPU: u32 = 60;

/// How many tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// Tasks at least; as many are started.
    pub min: u32,
    /// Tasks at most.
    pub max: u32,
    /// Average CPU that scaling keeps to, in percent.
    pub target_cpu: u32,
}

/// The `Scaling` section.
pub(super) fn scaling(mut section: Section<'_>, problems: &mut Problems) -> Scaling {
    let min = section.find("Min").and_then(|found| found.whole(TASKS, problems)).map_or(1, |found| found.value);
    let max = section.find("Max").and_then(|found| found.whole(TASKS, problems));
    let target_cpu = section.find("TargetCpu").and_then(|found| found.whole(1..=100, problems));
    if let Some(max) = max.as_ref().filter(|max| max.value < min) {
        problems.add(&max.place, format!("`{}` is {}, less than `Scaling.Min`, which is {min}", max.path, max.value));
    }
    section.finish(problems, |_| None);
    let max = max.map_or(min, |found| found.value);
    Scaling { min, max, target_cpu: target_cpu.map_or(TARGET_CPU, |found| found.value) }
}
