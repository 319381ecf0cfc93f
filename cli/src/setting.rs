//! A setting that is written out, or that another stack exports.

use crate::{
    read::{instead, shown},
    value::{Value, call},
};

/// What `${…}` may name: the parameters that the state machine passes, and what CloudFormation knows by itself.
const NAMES: [&str; 11] = [
    "EnvironmentName",
    "MicroserviceName",
    "Namespace",
    "Sha",
    "ContainerImage",
    "Port",
    "Protocol",
    "AWS::AccountId",
    "AWS::Partition",
    "AWS::Region",
    "AWS::URLSuffix",
];

/// A setting. Both forms may hold `${…}`, so that one file serves every service and environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    /// The value itself.
    Text(String),
    /// The name of the export that has it.
    Export(String),
}

impl Setting {
    /// A setting whose `${…}` are all known.
    ///
    /// # Errors
    /// A sentence without the setting's name.
    pub fn new(text: &str, exported: bool) -> Result<Self, String> {
        check_names(text)?;
        Ok(if exported { Self::Export(text.to_owned()) } else { Self::Text(text.to_owned()) })
    }

    /// One of the environment's own exports.
    #[must_use]
    pub fn exported(name: &str) -> Self {
        Self::Export(format!("${{EnvironmentName}}:{name}"))
    }

    /// This setting as a host name, in which case makes no difference.
    #[must_use]
    pub fn as_host(&self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.to_ascii_lowercase()),
            Self::Export(name) => Self::Export(name.clone()),
        }
    }

    /// How a template says it.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Text(text) => substituted(text),
            Self::Export(name) => call("Fn::ImportValue", substituted(name)),
        }
    }

    /// This setting with text before and after it.
    #[must_use]
    pub fn within(&self, before: &str, after: &str) -> Value {
        match self {
            Self::Text(text) => substituted(&format!("{before}{text}{after}")),
            Self::Export(_) => {
                let parts = vec![substituted(before), self.value(), substituted(after)];
                call("Fn::Join", Value::List(vec![Value::from(""), Value::List(parts)]))
            }
        }
    }
}

/// A text with `${…}` in it as the function that fills them, and any other text as itself.
#[must_use]
pub fn substituted(text: &str) -> Value {
    match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        Some(name) if !name.contains('}') => call("Ref", Value::from(name)),
        _ if text.contains("${") => call("Fn::Sub", Value::from(text)),
        _ => Value::from(text),
    }
}

fn check_names(text: &str) -> Result<(), String> {
    for rest in text.split("${").skip(1) {
        let Some((name, _)) = rest.split_once('}') else {
            return Err(format!("is {}: a `${{` has no `}}`", shown(text)));
        };
        if !NAMES.contains(&name) {
            let instead = instead(name, NAMES.into_iter(), |known| format!("${{{known}}}"));
            return Err(format!("has {}, which nothing sets: {instead}", shown(&format!("${{{name}}}"))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_the_shortest_form_that_says_it() {
        assert_eq!(substituted("demo"), Value::from("demo"));
        assert_eq!(substituted("${Sha}"), call("Ref", Value::from("Sha")));
        assert_eq!(substituted("${Sha}-${Sha}"), call("Fn::Sub", Value::from("${Sha}-${Sha}")));
        assert_eq!(substituted("a-${Sha}"), call("Fn::Sub", Value::from("a-${Sha}")));
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        let unknown = "has `${EnviromentName}`, which nothing sets: the nearest is `${EnvironmentName}`";
        assert_eq!(Setting::new("a-${EnviromentName}", false), Err(unknown.into()));
        assert_eq!(Setting::new("${Sha", true), Err("is `${Sha`: a `${` has no `}`".into()));
        assert_eq!(Setting::new("${Sha}$x", true), Ok(Setting::Export("${Sha}$x".into())));
    }

    #[test]
    fn text_around_an_export_is_joined_to_it() {
        let joined = Setting::exported("Mesh").within("mesh/", "/virtualNode/${Sha}");
        let parts = [Value::from("mesh/"), Setting::exported("Mesh").value(), substituted("/virtualNode/${Sha}")];
        assert_eq!(joined, call("Fn::Join", Value::List(vec![Value::from(""), Value::List(parts.into())])));
        assert_eq!(Setting::Text("apps".into()).within("mesh/", "/x"), Value::from("mesh/apps/x"));
    }
}
