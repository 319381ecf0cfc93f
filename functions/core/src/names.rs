//! What to say about a name that does not exist: the nearest one that does, or all of them.

/// So many characters of a name are compared: nobody meant a longer one.
const COMPARED_CHARS: usize = 80;

/// What to write instead of a name that does not exist: the nearest of `known` if one is near, else any of them. `full` gives
/// the name as it is to be shown.
#[must_use]
pub fn instead<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone, full: impl Fn(&str) -> String) -> String {
    match nearest(name, known.clone()) {
        Some(nearest) => format!("the nearest is `{}`", full(nearest)),
        None => format!("allowed is {}", any_of(known.map(|known| format!("`{}`", full(known))))),
    }
}

/// `256, 512 or 1024`
#[must_use]
pub fn any_of(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => items.concat(),
    }
}

/// The name in `known` that `name` was most likely meant to be. Case, `_` and `-` make no difference, and of its letters a third
/// may differ, one at least: a name further off was meant to be something else.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = letters(name);
    let distances = known.filter_map(|known| {
        let meant = letters(known);
        let distance = strsim::damerau_levenshtein(&meant, &name);
        (distance <= 1.max(meant.len() / 3)).then_some((distance, known))
    });
    distances.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

fn letters(name: &str) -> String {
    name.chars().take(COMPARED_CHARS).collect::<String>().to_lowercase().replace(['_', '-'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_near_if_a_third_of_its_letters_differ_at_most() {
        let known = ["Cpu", "Memory", "LaunchType", "PercentageStep"];
        for (name, near) in [
            ("c-p_u", Some("Cpu")),
            ("Cup", Some("Cpu")),
            ("Gpus", None),
            ("Memoy", Some("Memory")),
            ("launch_type", Some("LaunchType")),
            ("Launch-Typ", Some("LaunchType")),
            ("LaunchMode", Some("LaunchType")),
            ("Launcher", None),
            ("percentagestp", Some("PercentageStep")),
            ("Timeout", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), near, "{name}");
        }
    }

    #[test]
    fn where_no_name_is_near_all_are_listed() {
        let full = |name: &str| format!("Task.{name}");
        let known = ["Family", "Cpu", "Memory"];
        assert_eq!(instead("Memry", known.into_iter(), full), "the nearest is `Task.Memory`");
        assert_eq!(
            instead("Timeout", known.into_iter(), full),
            "allowed is `Task.Family`, `Task.Cpu` or `Task.Memory`"
        );
        assert_eq!(instead("Timeout", ["Cpu"].into_iter(), full), "allowed is `Task.Cpu`");
    }
}
