//! The state machine and the functions agree: on error names, on what is retried, and on who is called.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use canary_core::error::{INTERRUPTED, Kind, NAMES, UNHEALTHY};
use canary_tests::{json, text};
use serde_json::{Map, Value};

const DEFINITION: &str = "statemachine/canary.asl.json";

fn states() -> Map<String, Value> {
    json(DEFINITION)["States"].as_object().unwrap().clone()
}

fn tasks() -> Vec<(String, Value)> {
    states().into_iter().filter(|(_, state)| state["Type"] == "Task").collect()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Every string anywhere in a value.
fn every_string(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(every_string).collect(),
        Value::Object(fields) => fields.values().flat_map(every_string).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_error_name_in_the_state_machine_exists() {
    let known: BTreeSet<_> = NAMES.iter().map(|(name, _)| *name).collect();
    let definition = json(DEFINITION);
    let named: BTreeSet<_> = every_string(&definition).into_iter().filter(|text| text.starts_with("Canary.")).collect();
    assert!(!named.is_empty());
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// The tasks that give up after a while; Roll Back and Repair, which are the same function, do not.
fn tasks_but_roll_back() -> Vec<(String, Value)> {
    tasks().into_iter().filter(|(name, _)| name != "Roll Back" && name != "Repair").collect()
}

/// Promise 3: a shift that the router does not report yet is among it.
#[test]
fn what_is_worth_another_try_is_retried_by_every_task_and_nothing_else_of_ours_is() {
    let worth_it: BTreeSet<_> = NAMES.iter().filter(|(_, kind)| *kind == Kind::Retry).map(|(name, _)| *name).collect();
    for (name, task) in tasks_but_roll_back() {
        let retried = task["Retry"].clone();
        let ours: BTreeSet<_> = every_string(&retried).into_iter().filter(|text| text.starts_with("Canary.")).collect();
        assert_eq!(ours, worth_it, "`{name}`");
    }
}

#[test]
fn the_first_state_is_told_since_when_its_execution_waits() {
    assert_eq!(states()["Check Deployment Version"]["Parameters"]["started.$"], "$$.Execution.StartTime");
}

#[test]
fn a_throttled_invocation_which_did_nothing_is_tried_again_for_much_longer() {
    let throttled = Value::from("Lambda.TooManyRequestsException");
    for (name, task) in tasks_but_roll_back() {
        let retriers = task["Retry"].as_array().unwrap();
        let of_it: Vec<_> =
            retriers.iter().filter(|one| every_string(one).contains(&throttled.as_str().unwrap())).collect();
        assert_eq!(of_it.len(), 1, "`{name}`");
        assert_eq!((&of_it[0]["MaxAttempts"], &of_it[0]["MaxDelaySeconds"]), (&30.into(), &60.into()), "`{name}`");
    }
}

#[test]
fn the_retry_policy_is_the_same_everywhere_but_in_roll_back() {
    let policies: Vec<_> = tasks_but_roll_back().into_iter().map(|(_, task)| task["Retry"].clone()).collect();
    assert!(policies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn roll_back_tries_again_whatever_fails_but_what_it_says_is_final() {
    let retry = states()["Roll Back"]["Retry"].clone();
    assert_eq!(states()["Repair"]["Retry"], retry, "a repair is a rollback");
    for name in strings(&retry[0]["ErrorEquals"]) {
        assert!(NAMES.contains(&(name.as_str(), Kind::GiveUp)), "`{name}` is worth another try");
    }
    assert_eq!(retry[0]["MaxAttempts"], 0);
    assert_eq!(strings(&retry[1]["ErrorEquals"]), ["States.ALL"]);
    let (attempts, seconds) = (&retry[1]["MaxAttempts"], &retry[1]["MaxDelaySeconds"]);
    assert!(attempts.as_u64().unwrap() * seconds.as_u64().unwrap() / 2 >= 1800, "half an hour, with full jitter");
}

/// The first name of every path that a state reads: `plan` of `$.plan.waitTime`.
fn read(state: &Value) -> BTreeSet<String> {
    let paths = every_string(state)
        .into_iter()
        // The context object is always there, by itself or inside a function's arguments.
        .map(|text| text.replace("$$.", ""))
        .flat_map(|text| text.split("$.").skip(1).map(str::to_owned).collect::<Vec<_>>());
    paths.map(|path| path.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()).collect()
}

#[test]
fn what_a_state_reads_was_written_on_every_way_to_it() {
    let states = states();
    let start = json(DEFINITION)["StartAt"].as_str().unwrap().to_owned();
    // What is known to be there when a state is entered: the intersection over all ways to it.
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut open = vec![(start, BTreeSet::new())];
    while let Some((name, there)) = open.pop() {
        let before = known.get(&name);
        let now: BTreeSet<_> =
            before.map_or_else(|| there.clone(), |before| before.intersection(&there).cloned().collect());
        if before == Some(&now) {
            continue;
        }
        known.insert(name.clone(), now.clone());
        let state = &states[&name];
        let after = |path: &Value, all: &[&str]| match path.as_str() {
            Some("$") => all.iter().map(|field| (*field).to_owned()).collect(),
            Some(path) => now.iter().cloned().chain([path.trim_start_matches("$.").to_owned()]).collect(),
            None => now.clone(),
        };
        let caught = &state["Catch"][0];
        for next in successors(state) {
            let there = match caught["Next"] == next.as_str() {
                true => after(&caught["ResultPath"], &["Error", "Cause"]),
                // Check Deployment Version answers with all that the later states go by.
                false => after(
                    &state["ResultPath"],
                    &["status", "plan", "traffic", "stack", "rollback", "removal", "waitSeconds"],
                ),
            };
            open.push((next, there));
        }
    }
    for (name, state) in &states {
        let mut needed = state.clone();
        for written in ["ResultPath", "Catch", "Comment"] {
            needed.as_object_mut().unwrap().remove(written);
        }
        let missing: Vec<_> = read(&needed).difference(&known[name]).cloned().collect();
        assert!(missing.is_empty() || name == "Check Deployment Version", "`{name}` reads {missing:?}");
    }
}

#[test]
fn every_task_has_a_timeout_and_a_catch_for_everything() {
    for (name, task) in tasks() {
        assert!(task["TimeoutSeconds"].as_u64().unwrap() <= 60, "`{name}`");
        let catch = &task["Catch"][0];
        assert_eq!(strings(&catch["ErrorEquals"]), ["States.ALL"], "`{name}`");
        let expected = match name.as_str() {
            "Check Deployment Version" => "Deployment Refused",
            "Roll Back" => "Rollback Incomplete",
            "Repair" | "Finish Removal" => "Repair Incomplete",
            _ => "Roll Back",
        };
        assert_eq!(catch["Next"], expected, "`{name}`");
    }
}

#[test]
fn an_unhealthy_verdict_becomes_the_failure_that_roll_back_knows() {
    assert_eq!(states()["Unhealthy"]["Parameters"]["Error"], UNHEALTHY);
    assert_eq!(states()["Repair"]["Parameters"]["failure"]["Error"], INTERRUPTED);
}

/// The states that follow a state, whatever its type.
fn successors(state: &Value) -> Vec<String> {
    let mut next: Vec<_> = ["Next", "Default"].iter().filter_map(|key| state[*key].as_str()).collect();
    for list in ["Choices", "Catch"] {
        next.extend(state[list].as_array().into_iter().flatten().filter_map(|rule| rule["Next"].as_str()));
    }
    next.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_state_exists_and_is_reached_and_every_path_can_end() {
    let (definition, states) = (json(DEFINITION), states());
    let mut reached = BTreeSet::new();
    let mut open = vec![definition["StartAt"].as_str().unwrap().to_owned()];
    while let Some(name) = open.pop() {
        let state = states.get(&name).unwrap_or_else(|| panic!("`{name}` is named and does not exist"));
        let next = successors(state);
        let ends = matches!(state["Type"].as_str(), Some("Succeed" | "Fail"));
        assert_eq!(next.is_empty(), ends, "`{name}`");
        if reached.insert(name) {
            open.extend(next);
        }
    }
    assert_eq!(reached, states.keys().cloned().collect());
}

/// Promise 5.
#[test]
fn nothing_removes_a_version_but_behind_a_watched_100_percent_or_a_rollback() {
    let leads_to = |target: &str| -> BTreeSet<String> {
        states()
            .iter()
            .filter(|(_, state)| successors(state).contains(&target.to_owned()))
            .map(|(name, _)| name.clone())
            .collect()
    };
    // A repair removes a version too: the one before a version that was recorded, which is after such a look.
    assert_eq!(leads_to("Finish Removal"), ["Wait to Finish Removal".to_owned(), "Is Repaired?".to_owned()].into());
    assert_eq!(leads_to("Was First Deployment?"), ["Is All Traffic Watched?".to_owned()].into());
    assert_eq!(leads_to("Is All Traffic Watched?"), ["Is Healthy?".to_owned()].into());
    assert_eq!(
        leads_to("Remove Old Version"),
        ["Wait for Removal".to_owned(), "Was First Deployment?".to_owned()].into()
    );
}

#[test]
fn every_placeholder_is_supplied_by_the_shared_stack_and_none_besides() {
    let definition = json(DEFINITION);
    let used: BTreeSet<_> = every_string(&definition)
        .into_iter()
        .filter_map(|text| text.strip_prefix("${")?.strip_suffix('}'))
        .map(str::to_owned)
        .collect();
    let template = text("infra/shared.yaml");
    let block = template.split("DefinitionSubstitutions:").nth(1).unwrap();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = block.lines().filter(|line| !line.trim().is_empty()).peekable();
    let depth = indent(lines.peek().unwrap());
    let supplied: BTreeSet<_> = lines
        .take_while(|line| indent(line) >= depth)
        .filter(|line| indent(line) == depth)
        .map(|line| line.trim().split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(used, supplied);
}
