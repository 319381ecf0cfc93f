//! The parameters that the state machine passes. What the inputs fix has one allowed value, so that a deploy.json that says
//! otherwise fails its stack at once instead of running something that the manifest does not describe.

use super::Inputs;
use crate::value::{Value, map, some};

const NAME: &str = "^[A-Za-z][A-Za-z0-9-]*$";
const NAME_MEANS: &str = "must be letters, digits and hyphens, beginning with a letter";

pub(super) fn parameters(inputs: &Inputs<'_>) -> Value {
    let (manifest, platform) = (inputs.manifest, inputs.platform);
    let environment = "The environment: prefix of its exports.";
    let service = "The microservice, which is the task definition's family: its metrics are looked up by that.";
    let namespace = "Name of the environment's Cloud Map namespace, for example demo.local.";
    let fixed = |found: &Option<crate::read::Located<String>>| found.as_ref().map(|found| found.value.clone().into());
    map([
        ("EnvironmentName", Some(text(environment, (100, NAME, NAME_MEANS), fixed(&platform.environment)))),
        ("MicroserviceName", Some(text(service, (61, NAME, NAME_MEANS), some(manifest.family.value.clone())))),
        ("Namespace", Some(text(namespace, (253, NAMESPACE, NAMESPACE_MEANS), fixed(&platform.namespace)))),
        ("Sha", Some(text("The version, usually the commit.", (61, SHA, "must be letters and digits"), None))),
        ("ContainerImage", Some(image(manifest.image.as_ref().map(|image| image.value.clone())))),
        ("Port", Some(only("Number", "Port that the application listens on.", u32::from(manifest.port.value).into()))),
        ("Protocol", Some(only("String", "What the application speaks.", inputs.protocol.to_string().into()))),
    ])
}

const NAMESPACE: &str = "^[A-Za-z0-9_.-]+$";
const NAMESPACE_MEANS: &str = "must be letters, digits, hyphens, underscores and dots";
const SHA: &str = "^[A-Za-z0-9]+$";

fn text(description: &str, (longest, pattern, means): (u32, &str, &str), fixed: Option<Value>) -> Value {
    if let Some(value) = fixed {
        return only("String", description, value);
    }
    map([
        ("Type", some("String")),
        ("Description", some(description)),
        ("MinLength", some(1)),
        ("MaxLength", some(longest)),
        ("AllowedPattern", some(pattern)),
        ("ConstraintDescription", some(means)),
    ])
}

fn image(default: Option<String>) -> Value {
    map([
        ("Type", some("String")),
        ("Description", some("Image of the application. It gets PORT and VERSION in its environment.")),
        ("Default", default.map(Value::Text)),
        ("MinLength", some(1)),
        ("MaxLength", some(1024)),
    ])
}

fn only(kind: &str, description: &str, value: Value) -> Value {
    map([
        ("Type", some(kind)),
        ("Description", some(description)),
        ("Default", Some(value.clone())),
        ("AllowedValues", Some(Value::List(vec![value]))),
    ])
}
