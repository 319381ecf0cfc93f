//! deploy.json, and what a build adds to it.

use base64::{Engine, engine::general_purpose::STANDARD};
use canary_core::request::DeployRequest;
use indexmap::IndexMap;
use serde_json::Value;

use crate::{
    manifest::Manifest,
    platform::Platform,
    problem::{Place, Problems},
};

/// The smallest thing that the request's validation takes for a template, for as long as there is none.
const NO_TEMPLATE: &str = "Resources: {}";

/// A request that is being completed, with its fields in their order.
pub struct Draft {
    file: Place,
    fields: IndexMap<String, Value>,
    places: IndexMap<String, Place>,
}

impl Draft {
    /// Reads a deploy.json.
    ///
    /// # Errors
    /// That it is not a JSON object.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let fields: IndexMap<String, Value> = serde_json::from_str(text).map_err(|error| {
            let place = Place::line(file, error.line());
            // Its text ends with the line, which the place has.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            Problems::one(&place, format!("not a JSON object: {reason}"))
        })?;
        let line = |field: &String| text.lines().position(|line| names(line, field)).map_or(0, |index| index + 1);
        let places = fields.keys().map(|field| (field.clone(), Place::line(file, line(field)))).collect();
        Ok(Self { file: Place::whole(file), fields, places })
    }

    /// Sets a field; `place` is where its value comes from.
    pub fn set(&mut self, field: &str, value: &str, place: Place) {
        self.fields.insert(field.to_owned(), value.into());
        self.places.insert(field.to_owned(), place);
    }

    /// The request as the state machine will read it, save for the template.
    ///
    /// # Errors
    /// Each bad field.
    pub fn request(&self) -> Result<DeployRequest, Problems> {
        let mut fields = self.fields.clone();
        fields.insert("CanaryTemplate".to_owned(), STANDARD.encode(NO_TEMPLATE).into());
        self.checked(&fields)
    }

    /// The completed file, with the template that `place` has.
    ///
    /// # Errors
    /// Each field that the state machine would refuse.
    pub fn complete(mut self, template: &str, place: Place) -> Result<String, Problems> {
        self.set("CanaryTemplate", &STANDARD.encode(template), place);
        self.checked(&self.fields)?;
        let text = serde_json::to_string_pretty(&self.fields);
        text.map(|text| text + "\n").map_err(|error| Problems::one(&self.file, error.to_string()))
    }

    /// Where a field stands.
    pub fn place(&self, field: &str) -> &Place {
        self.places.get(field).unwrap_or(&self.file)
    }

    fn checked(&self, fields: &IndexMap<String, Value>) -> Result<DeployRequest, Problems> {
        let object = Value::Object(fields.clone().into_iter().collect());
        DeployRequest::parse(&object).map_err(|error| {
            let mut problems = Problems::default();
            // One sentence about each field, which begins with its name.
            for (index, sentence) in error.to_string().split("; `").enumerate() {
                let sentence = if index == 0 { sentence.to_owned() } else { format!("`{sentence}") };
                let field = sentence.split('`').nth(1).unwrap_or_default();
                problems.add(self.place(field), &*sentence);
            }
            problems.sorted()
        })
    }
}

/// Whether a line of JSON has this key.
fn names(line: &str, field: &str) -> bool {
    let quoted = Value::from(field).to_string();
    line.match_indices(&quoted).any(|(at, _)| line[at + quoted.len()..].trim_start().starts_with(':'))
}

/// Whether the request is about what the manifest and the platform describe.
///
/// # Errors
/// Each field that says something else.
pub fn check_agreement(
    request: &DeployRequest,
    draft: &Draft,
    manifest: &Manifest,
    platform: &Platform,
) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let mut compare = |field: &str, value: &str, other: &str, place: &Place, path: &str| {
        if value != other {
            problems.add(draft.place(field), format!("`{field}` is `{value}`, and `{path}` is `{other}` at {place}"));
        }
    };
    let (family, port) = (&manifest.family, &manifest.port);
    compare("MicroserviceName", &request.microservice_name, &family.value, &family.place, &family.path);
    compare("Port", &request.port.to_string(), &port.value.to_string(), &port.place, &port.path);
    if let Some(protocol) = &platform.protocol {
        compare(
            "Protocol",
            &request.protocol.to_string(),
            &protocol.value.to_string(),
            &protocol.place,
            &protocol.path,
        );
    }
    if let Some(environment) = &platform.environment {
        compare(
            "EnvironmentName",
            &request.environment_name,
            &environment.value,
            &environment.place,
            &environment.path,
        );
    }
    if let Some(namespace) = &platform.namespace {
        compare("Namespace", &request.namespace, &namespace.value, &namespace.place, &namespace.path);
    }
    problems.unless_any(())
}
