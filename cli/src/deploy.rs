//! deploy.json, and what a build adds to it.

use base64::{Engine, engine::general_purpose::STANDARD};
use canary_core::{
    Error,
    json::{self, Unreadable},
    request::{DeployRequest, Template, canonical},
};
use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    manifest::Manifest,
    platform::Platform,
    problem::{Place, Problems},
    read::{KeyLines, shown},
};

/// What a commit may be. With the shortest name of a microservice and a hyphen, 61 characters make a DNS label.
const SHA: &str = "1 to 61 letters and digits";
const SHA_CHARS: usize = 61;
/// Right values for as long as there is none, so that the other fields can be checked.
const STAND_INS: [(&str, &str); 3] =
    [("Sha", "0"), ("ContainerImage", "image"), ("CanaryTemplate", "UmVzb3VyY2VzOiB7fQ==")];

/// A request that is being completed, with its fields in their order.
#[derive(Clone, Debug)]
pub struct Draft {
    file: Place,
    fields: IndexMap<String, Value>,
    places: IndexMap<String, Place>,
}

impl Draft {
    /// Reads a deploy.json.
    ///
    /// # Errors
    /// That it is not a JSON object, or sets fields twice.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let fields: IndexMap<String, Value> =
            json::members(text).map_err(|unreadable| problems(file, text, unreadable))?.into_iter().collect();
        let lines = KeyLines::of(text);
        let places = fields.keys().map(|field| (field.clone(), Place::line(file, lines.first(field)))).collect();
        Ok(Self { file: Place::whole(file), fields, places })
    }

    /// Whether a commit that the file has is text: a number may not be the one that somebody wrote.
    ///
    /// # Errors
    /// That it is a number.
    pub fn check_sha(&self) -> Result<(), Problems> {
        let Some(Value::Number(number)) = self.fields.get("Sha") else { return Ok(()) };
        let message = format!("`Sha` is `{number}`, a number: allowed is {SHA}, as text in quotes");
        Err(Problems::one(self.place("Sha"), message))
    }

    /// Sets a field, in the spelling that the file has; `place` is where its value comes from.
    pub fn set(&mut self, field: &str, value: &str, place: Place) {
        let known = self.fields.keys().find(|known| canonical(known) == canonical(field)).cloned();
        let field = known.unwrap_or_else(|| field.to_owned());
        self.fields.insert(field.clone(), value.into());
        self.places.insert(field, place);
    }

    /// Sets a field to what is known, or to a right value, so that the other fields can be checked.
    pub fn set_or_stand_in(&mut self, field: &str, known: Option<(String, Place)>) {
        match (known, STAND_INS.iter().find(|(name, _)| *name == field)) {
            (Some((value, place)), _) => self.set(field, &value, place),
            (None, Some((_, value))) => self.set(field, value, self.place(field).clone()),
            (None, None) => {}
        }
    }

    /// The request as the state machine will read it, save for the template.
    ///
    /// # Errors
    /// Each bad field.
    pub fn request(&self) -> Result<DeployRequest, Problems> {
        let mut draft = self.clone();
        draft.fields.shift_remove("CanaryTemplateUrl");
        draft.set_or_stand_in("CanaryTemplate", None);
        draft.checked()
    }

    /// The completed file.
    ///
    /// # Errors
    /// Each field that the state machine would refuse.
    pub fn complete(mut self, template: &Template, place: Place) -> Result<String, Problems> {
        // A request that was completed before may have its template in the other way.
        let (field, value, other) = match template {
            Template::Body(text) => ("CanaryTemplate", STANDARD.encode(text), "CanaryTemplateUrl"),
            Template::Url(url) => ("CanaryTemplateUrl", url.clone(), "CanaryTemplate"),
        };
        self.fields.shift_remove(other);
        self.set(field, &value, place);
        self.checked()?;
        let text = serde_json::to_string_pretty(&self.fields);
        text.map(|text| text + "\n").map_err(|error| Problems::one(&self.file, error.to_string()))
    }

    /// Where a field stands, in either of its spellings; the file if it is absent.
    fn place(&self, field: &str) -> &Place {
        let other_spelling = || self.places.iter().find(|(name, _)| canonical(name) == field).map(|(_, place)| place);
        self.places.get(field).or_else(other_spelling).unwrap_or(&self.file)
    }

    fn checked(&self) -> Result<DeployRequest, Problems> {
        let object = Value::Object(self.fields.clone().into_iter().collect());
        DeployRequest::parse(&object).map_err(|error| {
            let Error::InvalidInput(invalid) = &error else { return Problems::one(&self.file, error.to_string()) };
            let mut problems = Problems::default();
            for problem in invalid.iter() {
                let place = problem.field.as_deref().map_or(&self.file, |field| self.place(field));
                problems.add(place, problem.to_string());
            }
            problems.sorted()
        })
    }
}

/// A commit.
///
/// # Errors
/// That it is none.
pub fn sha(text: &str) -> Result<String, Problems> {
    if (1..=SHA_CHARS).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    let message = format!("`Sha` is {}: allowed is {SHA}, such as a commit's hash", shown(text));
    Err(Problems::one(&Place::whole("--sha"), message))
}

/// Why a file is no draft, with the lines.
fn problems(file: &str, text: &str, unreadable: Unreadable) -> Problems {
    match unreadable {
        Unreadable::Syntax { line, why } => {
            Problems::one(&Place::line(file, line), format!("not a JSON object: {why}"))
        }
        Unreadable::SetTwice(keys) => {
            let (mut problems, lines) = (Problems::default(), KeyLines::of(text));
            for key in keys {
                problems.add(
                    &Place::line(file, lines.last(&key)),
                    format!("{} is set twice: {}", shown(&key), json::SET_ONCE),
                );
            }
            problems.sorted()
        }
    }
}

/// Whether the request is about what the manifest and the platform describe, as far as they could be read.
///
/// # Errors
/// Each field that says something else.
pub fn check_agreement(
    request: &DeployRequest,
    draft: &Draft,
    manifest: Option<&Manifest>,
    platform: Option<&Platform>,
) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let mut compare = |field: &str, value: &str, other: &str, place: &Place, path: &str| {
        if value != other {
            problems.add(draft.place(field), format!("`{field}` is `{value}`, and `{path}` is `{other}` at {place}"));
        }
    };
    if let Some(Manifest { family, port, .. }) = manifest {
        compare("MicroserviceName", &request.microservice_name, &family.value, &family.place, &family.path);
        compare("Port", &request.port.to_string(), &port.value.to_string(), &port.place, &port.path);
    }
    if let Some(protocol) = platform.and_then(|platform| platform.protocol.as_ref()) {
        let (ours, theirs) = (request.protocol.to_string(), protocol.value.to_string());
        compare("Protocol", &ours, &theirs, &protocol.place, &protocol.path);
    }
    if let Some(environment) = platform.and_then(|platform| platform.environment.as_ref()) {
        let ours = &request.environment_name;
        compare("EnvironmentName", ours, &environment.value, &environment.place, &environment.path);
    }
    if let Some(namespace) = platform.and_then(|platform| platform.namespace.as_ref()) {
        compare("Namespace", &request.namespace, &namespace.value, &namespace.place, &namespace.path);
    }
    problems.unless_any(())
}
