//! The state machine and the functions agree: on error names, on what is retried, and on who is called.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use canary_core::error::{Kind, NAMES, NOT_UNDERSTOOD, UNHEALTHY};
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

/// The tasks that give up after a while; Roll Back does not.
fn tasks_but_roll_back() -> Vec<(String, Value)> {
    tasks().into_iter().filter(|(name, _)| name != "Roll Back").collect()
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

/// Promise 5.
#[test]
fn a_shift_is_told_when_its_state_was_entered() {
    assert_eq!(states()["Canary & Switch Traffic"]["Parameters"]["entered.$"], "$$.State.EnteredTime");
}

#[test]
fn the_first_state_is_told_since_when_its_execution_waits() {
    assert_eq!(states()["Check Deployment Version"]["Parameters"]["started.$"], "$$.Execution.StartTime");
}

/// Seconds that a task waits on average before it gives up on an error, with full jitter.
fn patience(task: &Value, error: &str) -> u64 {
    let retrier = task["Retry"].as_array().unwrap().iter().find(|one| every_string(one).contains(&error)).unwrap();
    let number = |field: &str| retrier[field].as_u64().unwrap();
    let delay = |nth: u32| (number("IntervalSeconds") * number("BackoffRate").pow(nth)).min(number("MaxDelaySeconds"));
    (0..u32::try_from(number("MaxAttempts")).unwrap()).map(|nth| delay(nth.min(20))).sum::<u64>() / 2
}

/// Promise 21.
#[test]
fn a_service_that_is_unavailable_for_ten_minutes_fails_no_task() {
    for (name, task) in tasks_but_roll_back() {
        for error in ["Canary.Unavailable", "Lambda.TooManyRequestsException", "Lambda.ServiceException"] {
            let seconds = patience(&task, error);
            // The sum of 60 uniformly distributed delays hardly leaves its mean: 10 minutes are five deviations away.
            assert!((900..1200).contains(&seconds), "`{name}` is patient with {error} for {seconds} s");
        }
        // A try that is ended after its time-out has taken 30 s already.
        let slow = patience(&task, "Sandbox.Timedout") + 20 * 30;
        assert!(slow >= 600, "`{name}` gives up on time-outs after {slow} s");
        assert!(patience(&task, "Canary.Conflict") < 60, "another writer is not waited for");
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
        for next in successors(state) {
            let catches = state["Catch"].as_array().into_iter().flatten();
            let caught = catches.into_iter().find(|caught| caught["Next"] == next.as_str());
            let there = match caught {
                Some(caught) => after(&caught["ResultPath"], &["Error", "Cause"]),
                // Check Deployment Version answers with all that the later states go by.
                None => after(
                    &state["ResultPath"],
                    &["status", "plan", "progress", "repair", "stack", "rollback", "removal"],
                ),
            };
            // And with what comes with one status only.
            let more = match (name.as_str(), next.as_str()) {
                ("What Comes First?", "Roll Back") => Some("failure".to_owned()),
                ("What Comes First?", "Wait for Turn") => Some("waitSeconds".to_owned()),
                _ => None,
            };
            open.push((next, there.into_iter().chain(more).collect()));
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
        let catch = task["Catch"].as_array().unwrap().last().unwrap();
        assert_eq!(strings(&catch["ErrorEquals"]), ["States.ALL"], "`{name}`");
        let expected = match name.as_str() {
            "Check Deployment Version" => "Deployment Refused",
            "Roll Back" => "Was It a Repair?",
            _ => "Roll Back",
        };
        assert_eq!(catch["Next"], expected, "`{name}`");
    }
}

#[test]
fn what_no_function_raises_becomes_a_failure_that_roll_back_knows() {
    assert_eq!(states()["Unhealthy"]["Parameters"]["Error"], UNHEALTHY);
    assert_eq!(states()["Answer Not Understood"]["Parameters"]["Error"], NOT_UNDERSTOOD);
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

/// Promises 6 and 8.
#[test]
fn nothing_removes_a_version_but_behind_the_record_or_a_rollback() {
    let leads_to = |target: &str| -> BTreeSet<String> {
        let before = |(_, state): &(&String, &Value)| successors(state).contains(&target.to_owned());
        states().iter().filter(before).map(|(name, _)| name.clone()).collect()
    };
    // Roll Back leads there in a repair: it found the candidate recorded.
    let removers = ["Is Rolled Back?", "Record New Version", "Wait for Removal"];
    assert_eq!(leads_to("Remove Old Version"), removers.map(str::to_owned).into());
    assert_eq!(leads_to("Record New Version"), ["Is Healthy?".to_owned()].into());
    let choices = states()["Is Healthy?"]["Choices"].clone();
    let recording: Vec<_> =
        choices.as_array().unwrap().iter().filter(|one| one["Next"] == "Record New Version").collect();
    assert_eq!(recording.len(), 1);
    assert_eq!(recording[0]["StringEquals"], "Promoting");
}

#[test]
fn no_choice_takes_an_answer_that_it_does_not_know_for_one_that_it_knows() {
    for (name, state) in states().iter().filter(|(_, state)| state["Type"] == "Choice") {
        let expected = match name.as_str() {
            // Nothing is left to roll back, or the rollback itself is what is not understood.
            "What Comes First?" | "Is Rolled Back?" => "Unknown Answer",
            "Was It a Repair?" => "Rollback Incomplete",
            _ => "Answer Not Understood",
        };
        assert_eq!(state["Default"], expected, "`{name}`");
        // A path to nothing would be a `States.Runtime`, which neither Default nor Catch takes.
        let first = &state["Choices"][0];
        let absent = first["IsPresent"] == false && first["Next"] == expected;
        assert!(absent || name == "Was It a Repair?", "`{name}`");
    }
}

/// AWS keeps names that begin with `States.` for itself.
#[test]
fn no_execution_ends_with_a_name_of_step_functions() {
    for (name, state) in states().iter().filter(|(_, state)| state["Type"] == "Fail") {
        match state["ErrorPath"].as_str() {
            // Roll Back gives its own name to such an error.
            Some(path) => assert!(["$.Error", "$.rollback.error"].contains(&path), "`{name}`"),
            None => assert!(state["Error"].as_str().unwrap().starts_with("Canary."), "`{name}`"),
        }
    }
    let catches = states()["Check Deployment Version"]["Catch"].clone();
    assert_eq!(strings(&catches[0]["ErrorEquals"]), ["States.Timeout", "States.Permissions"]);
    assert_eq!(catches[0]["Next"], "Deployment Not Checked");
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
