//! What a template of the team's own must have, so that the build says what the first state of the deployment would refuse.
//!
//! Only the shape is read, with CloudFormation's short forms such as `!Ref`; everything else is CloudFormation's to judge.

use indexmap::IndexMap;
use saphyr_parser::{Event, Parser, StrInput};

use crate::problem::{Place, Problems};

/// The parameters that the state machine passes.
const PASSED: [&str; 7] =
    ["EnvironmentName", "MicroserviceName", "Namespace", "Sha", "ContainerImage", "Port", "Protocol"];
/// Keys from the top to a parameter's `Default`.
const DEPTH: usize = 3;
const MAPPING: &str = "a mapping";
const TEMPLATE: &str = "allowed is a CloudFormation template, a mapping with `Parameters` and `Resources`";

/// Checks the shape of a template, YAML or JSON.
///
/// # Errors
/// Everything that is missing.
pub fn check(place: &Place, text: &str) -> Result<(), Problems> {
    let outline = Outline::read(text).map_err(|message| Problems::one(place, message))?;
    match outline.kind(&[]) {
        Some(MAPPING) => {}
        found => return Err(Problems::one(place, format!("is {}: {TEMPLATE}", found.unwrap_or("empty")))),
    }
    let mut problems = Problems::default();
    for message in resources(&outline).into_iter().chain(parameters(&outline)) {
        problems.add(place, message);
    }
    problems.unless_any(())
}

fn resources(outline: &Outline) -> Option<String> {
    let allowed = "allowed is a mapping of one resource or more";
    match outline.kind(&["Resources"]) {
        None => Some(format!("has no `Resources` section: {allowed}")),
        Some(MAPPING) if outline.keys("Resources").next().is_some() => None,
        Some(MAPPING) => Some(format!("`Resources` is empty: {allowed}")),
        Some(found) => Some(format!("`Resources` is {found}: {allowed}")),
    }
}

fn parameters(outline: &Outline) -> Vec<String> {
    let passed = PASSED.join(", ");
    let missing = PASSED.iter().filter(|name| outline.kind(&["Parameters", name]).is_none());
    let missing: Vec<String> = missing.map(|name| format!("`{name}`")).collect();
    let unknown = outline
        .keys("Parameters")
        .filter(|name| !PASSED.contains(name) && outline.kind(&["Parameters", name, "Default"]).is_none());
    let mut messages: Vec<String> = unknown
        .map(|name| format!("`Parameters.{name}` has no `Default`: the state machine passes {passed} and no others"))
        .collect();
    if !missing.is_empty() {
        messages.push(format!("`Parameters` does not declare {}: required are {passed}", missing.join(", ")));
    }
    messages
}

/// What stands at each path of mappings' keys, as far as [`DEPTH`].
struct Outline(IndexMap<Vec<String>, &'static str>);

/// An open list or mapping, the latter with the key whose value is being read.
enum Frame {
    List,
    Map(Option<String>),
}

impl Outline {
    fn read(text: &str) -> Result<Self, String> {
        let mut found = IndexMap::new();
        let mut open: Vec<Frame> = Vec::new();
        let events: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
        for event in events {
            let (event, _) = event.map_err(|error| {
                format!("line {}: is neither YAML nor JSON: {}", error.marker().line(), error.info())
            })?;
            if let (Event::Scalar(name, ..), Some(Frame::Map(key @ None))) = (&event, open.last_mut()) {
                *key = Some(name.to_string());
                continue;
            }
            let (kind, frame) = match event {
                Event::MappingStart(..) => (MAPPING, Some(Frame::Map(None))),
                Event::SequenceStart(..) => ("a list", Some(Frame::List)),
                Event::Scalar(..) | Event::Alias(_) => ("a single value", None),
                Event::MappingEnd | Event::SequenceEnd => {
                    open.pop();
                    close(&mut open);
                    continue;
                }
                _ => continue,
            };
            found.extend(path(&open).map(|path| (path, kind)));
            match frame {
                Some(frame) => open.push(frame),
                None => close(&mut open),
            }
        }
        Ok(Self(found))
    }

    fn kind(&self, path: &[&str]) -> Option<&'static str> {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        self.0.get(&path).copied()
    }

    /// The keys of a mapping at the top.
    fn keys<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().filter_map(move |path| match path.as_slice() {
            [top, key] if top == section => Some(key.as_str()),
            _ => None,
        })
    }
}

/// The keys that lead to the value that comes next; none if a list or another key is on the way, or it is too deep.
fn path(open: &[Frame]) -> Option<Vec<String>> {
    if open.len() > DEPTH {
        return None;
    }
    let key = |frame: &Frame| if let Frame::Map(key) = frame { key.clone() } else { None };
    open.iter().map(key).collect()
}

/// The value of the innermost mapping's key has ended; what comes next is a key.
fn close(open: &mut [Frame]) {
    if let Some(Frame::Map(key)) = open.last_mut() {
        *key = None;
    }
}
