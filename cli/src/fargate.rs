//! The task sizes that Fargate has.

/// CPU units (1/1024 vCPU) with the smallest and largest memory for them and the step between, in MiB. A step of 0 means that
/// the memory doubles from one size to the next.
///
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>
const SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2_048, 0),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

/// The CPU sizes.
pub fn cpus() -> impl Iterator<Item = u32> {
    SIZES.iter().map(|(cpu, ..)| *cpu)
}

/// The memory sizes for a CPU size; none if there is no such size.
#[must_use]
pub fn memories(cpu: u32) -> Vec<u32> {
    let Some((_, low, high, step)) = SIZES.iter().find(|(known, ..)| *known == cpu) else { return Vec::new() };
    let next = |memory: &u32| Some(if *step == 0 { memory * 2 } else { memory + step });
    std::iter::successors(Some(*low), next).take_while(|memory| memory <= high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_those_of_the_documentation() {
        assert_eq!(cpus().collect::<Vec<_>>(), [256, 512, 1024, 2048, 4096, 8192, 16384]);
        assert_eq!(memories(256), [512, 1024, 2048]);
        assert_eq!(memories(512), [1024, 2048, 3072, 4096]);
        assert_eq!(memories(1024), [2048, 3072, 4096, 5120, 6144, 7168, 8192]);
        assert_eq!((memories(2048).len(), memories(4096).len()), (13, 23));
        assert_eq!((memories(8192).len(), memories(16384).len()), (12, 12));
        assert_eq!(memories(300), Vec::<u32>::new());
    }
}
