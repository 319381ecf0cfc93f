//! CPU and memory as ECS takes them, and the check that they fit the launch type and the platform.

use std::ops::RangeInclusive;

use canary_core::text::whole_number;

use crate::{
    fargate,
    manifest::Manifest,
    platform::{LaunchType, Platform, Sidecar},
    problem::Problems,
    read::{Located, any_of},
};

/// What a task's CPU may be.
pub const CPU: &str = "CPU units (`256`) or vCPU (`0.25 vCPU`)";
/// What a task's memory may be.
pub const MEMORY: &str = "MiB (`512`) or GB (`1 GB`)";
/// CPU units of a task on EC2.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html>
const EC2_CPU: RangeInclusive<u32> = 128..=196_608;
/// Memory of a task on EC2 in MiB; ECS gives a container 6 MiB at least.
const EC2_MEMORY: RangeInclusive<u32> = 6..=u32::MAX;

/// CPU units, from either of ECS's notations.
#[must_use]
pub fn cpu(text: &str) -> Option<u32> {
    units(text, "vcpu")
}

/// MiB, from either of ECS's notations.
#[must_use]
pub fn memory(text: &str) -> Option<u32> {
    units(text, "gb")
}

/// 1024 of the small unit make one of the large one, for CPU and memory alike.
fn units(text: &str, large: &str) -> Option<u32> {
    let text = text.to_lowercase();
    let Some(number) = text.strip_suffix(large) else { return u32::try_from(whole_number(&text)?).ok() };
    let decimal = Some(number.trim()).filter(|number| number.chars().all(|c| c.is_ascii_digit() || c == '.'));
    let units = decimal?.parse::<f64>().ok()? * 1024.0;
    let whole = units.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&units);
    // Whole and within u32, as just checked.
    whole.then_some(units as u32)
}

/// Whether the manifest's size is one that the launch type has and the platform allows, with room for the application.
pub fn check(manifest: &Manifest, platform: &Platform, problems: &mut Problems) {
    match platform.launch_type {
        LaunchType::Fargate => check_fargate(manifest, problems),
        LaunchType::Ec2 => check_ec2(manifest, problems),
    }
    if let Some(cpu) = &manifest.cpu {
        check_allowed(cpu, &platform.allowed_cpu, "", problems);
    }
    check_allowed(&manifest.memory, &platform.allowed_memory, " MiB", problems);
    check_room(manifest, platform, problems);
}

/// Whether the task has what its containers ask for: ECS refuses a task whose containers reserve more than it has, and one with
/// a container that may use more.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>
fn check_room(manifest: &Manifest, platform: &Platform, problems: &mut Problems) {
    let mut check_sum = |size: &Located<u32>, reserved: fn(&Sidecar) -> Option<u32>, unit: &str| {
        let sum: u64 = platform.containers().filter_map(reserved).map(u64::from).sum();
        if sum > u64::from(size.value) {
            let message = format!(
                "`{}` is {}{unit}, and the platform's sidecars alone reserve {sum}{unit}: more is needed",
                size.path, size.value
            );
            problems.add(&size.place, message);
        }
    };
    if let Some(cpu) = &manifest.cpu {
        check_sum(cpu, |sidecar| sidecar.cpu, "");
    }
    let memory = &manifest.memory;
    // What is kept for a container counts, and what it may use at most only where nothing is kept for it.
    check_sum(memory, |sidecar| sidecar.memory_reservation.or(sidecar.memory), " MiB");
    let larger = |sidecar: &&Sidecar| sidecar.memory_reservation.is_some() && sidecar.memory > Some(memory.value);
    for sidecar in platform.containers().filter(larger) {
        let message = format!(
            "`{}` is {} MiB, and the platform lets container `{}` use {} MiB: as much or more is needed",
            memory.path,
            memory.value,
            sidecar.name,
            sidecar.memory.unwrap_or_default()
        );
        problems.add(&memory.place, message);
    }
}

fn check_fargate(manifest: &Manifest, problems: &mut Problems) {
    let Some(cpu) = &manifest.cpu else {
        let message = format!("`Task.Cpu` is missing: allowed on Fargate is {}", listed(fargate::cpus(), ""));
        problems.add(&manifest.task, message);
        return;
    };
    let memories = fargate::memories(cpu.value);
    if memories.is_empty() {
        let message = format!("`{}` is {}: allowed on Fargate is {}", cpu.path, cpu.value, listed(fargate::cpus(), ""));
        problems.add(&cpu.place, message);
    } else if !memories.contains(&manifest.memory.value) {
        let message = format!(
            "`{}` is {} MiB: allowed on Fargate with `{}` {} is {}",
            manifest.memory.path,
            manifest.memory.value,
            cpu.path,
            cpu.value,
            listed(memories.into_iter(), " MiB")
        );
        problems.add(&manifest.memory.place, message);
    }
}

fn check_ec2(manifest: &Manifest, problems: &mut Problems) {
    for (size, allowed, unit) in
        manifest.cpu.iter().map(|cpu| (cpu, EC2_CPU, "")).chain([(&manifest.memory, EC2_MEMORY, " MiB")])
    {
        if !allowed.contains(&size.value) {
            let (low, high) = (allowed.start(), allowed.end());
            let message = format!("`{}` is {}{unit}: allowed on EC2 is {low} to {high}{unit}", size.path, size.value);
            problems.add(&size.place, message);
        }
    }
}

fn check_allowed(size: &Located<u32>, allowed: &[u32], unit: &str, problems: &mut Problems) {
    if !allowed.is_empty() && !allowed.contains(&size.value) {
        let allowed = listed(allowed.iter().copied(), unit);
        let message = format!("`{}` is {}{unit}: the platform allows {allowed}", size.path, size.value);
        problems.add(&size.place, message);
    }
}

/// `256, 512 or 1024 MiB`
fn listed(numbers: impl Iterator<Item = u32>, unit: &str) -> String {
    any_of(numbers.map(|number| number.to_string())) + unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_of_ecs_notations() {
        for (text, units) in [("256", 256), ("0.25 vCPU", 256), (".5vcpu", 512), ("1 vCPU", 1024), ("2048", 2048)] {
            assert_eq!(cpu(text), Some(units), "{text}");
        }
        for (text, mib) in [("512", 512), ("0.5GB", 512), ("1 GB", 1024), ("30 gb", 30_720)] {
            assert_eq!(memory(text), Some(mib), "{text}");
        }
        for text in [
            "",
            "x",
            " 256",
            "0.3 vCPU",
            "-1 vCPU",
            "1.5",
            "1 GB",
            "inf vCPU",
            "NaN vCPU",
            "1e9 vCPU",
            "1e0 vCPU",
            "+1 vCPU",
            "+256",
            "256.0",
            "99999999999",
        ] {
            assert_eq!(cpu(text), None, "{text}");
        }
    }
}
