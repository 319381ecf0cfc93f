//! The README's picture of the flow is the state machine's. `UPDATE_PICTURE=1` draws it anew.
#![allow(clippy::unwrap_used)]

use std::{env, fs};

use canary_tests::{json, path, text};
use serde_json::{Map, Value};

const BEGIN: &str = "```mermaid\n";
const END: &str = "```\n";

/// A state in mermaid's words: its shape says its type. `#amp;` is mermaid's code for `&`.
fn node(number: usize, name: &str, state: &Value) -> String {
    let (open, close) = match state["Type"].as_str().unwrap() {
        "Choice" => ("{", "}"),
        "Wait" | "Pass" => ("([", "])"),
        "Succeed" | "Fail" => ("[[", "]]"),
        _ => ("[", "]"),
    };
    format!("  s{number}{open}\"{}\"{close}\n", name.replace('&', "#amp;"))
}

/// The arrows out of a state: plain ones labelled with what a choice compares, dotted ones for a caught failure.
fn arrows(state: &Value, number: usize, place: impl Fn(&str) -> usize) -> String {
    let plain = |label: &str, next: &Value| match next.as_str() {
        Some(next) if label.is_empty() => format!("  s{number} --> s{}\n", place(next)),
        Some(next) => format!("  s{number} -- {label} --> s{}\n", place(next)),
        None => String::new(),
    };
    // A field that is not there goes where an unknown value goes.
    let choices = state["Choices"].as_array().into_iter().flatten().filter(|choice| choice["IsPresent"].is_null());
    let mut text: String = choices.map(|choice| plain(&label(choice), &choice["Next"])).collect();
    text.push_str(&plain("else", &state["Default"]));
    text.push_str(&plain("", &state["Next"]));
    for caught in state["Catch"].as_array().into_iter().flatten() {
        let label = if caught["ErrorEquals"][0] == "States.ALL" { "failure" } else { "not in time" };
        text.push_str(&format!("  s{number} -. {label} .-> s{}\n", place(caught["Next"].as_str().unwrap())));
    }
    text
}

/// What a choice compares with, all of it.
fn label(choice: &Value) -> String {
    match (choice["StringEquals"].as_str(), choice["And"].as_array()) {
        (Some(text), _) => text.to_owned(),
        (_, Some(all)) => all.iter().map(label).collect::<Vec<_>>().join(", "),
        _ => "repair".to_owned(),
    }
}

fn picture() -> String {
    let definition = json("statemachine/canary.asl.json");
    let states: &Map<String, Value> = definition["States"].as_object().unwrap();
    let names = in_order(&text("statemachine/canary.asl.json"), states);
    let place = |name: &str| names.iter().position(|known| known == name).unwrap();
    let mut picture = "flowchart TD\n".to_owned();
    for (number, name) in names.iter().enumerate() {
        picture.push_str(&node(number, name, &states[name]));
    }
    for (number, name) in names.iter().enumerate() {
        picture.push_str(&arrows(&states[name], number, place));
    }
    picture
}

/// The states in the file's order, which a parsed object does not keep.
fn in_order(source: &str, states: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<_> = states.keys().cloned().collect();
    names.sort_by_key(|name| source.find(&format!("    \"{name}\": {{")));
    names
}

#[test]
fn the_readmes_picture_is_the_state_machines() {
    let readme = text("README.md");
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (drawn, after) = rest.split_once(END).unwrap();
    if env::var_os("UPDATE_PICTURE").is_some() {
        fs::write(path("README.md"), [before, BEGIN, &picture(), END, after].concat()).unwrap();
        return;
    }
    assert_eq!(drawn, picture(), "run UPDATE_PICTURE=1 cargo test --test contract_picture");
}
