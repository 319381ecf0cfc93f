//! The placeholders of image maps: understood when a map is read, filled in for each container.
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{host}` | the task's address |
//! | `{port}` | the container's first `containerPort`, or where [`crate::ports`] moves it |
//! | `{checkout}` | the directory given with `--checkout` |
//! | `{egress:NAME}` | `address:port` at which this task reaches the virtual service `NAME` through its own Envoy |
//! | `{command}` | as a whole element of `run`: the container's own entry point and command |
//!
//! Another name in braces is a mistake, unless a `$` stands before it, as in a shell's `${NAME}`; `{{name}}` stands for
//! the text `{name}`. Braces around anything else, JSON for example, are kept.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use thiserror::Error;

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Host,
    Port,
    Checkout,
    Egress(String),
}

/// One element of `run`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Word {
    /// `{command}`.
    Command,
    /// Any other.
    Text(Text),
}

/// A name in braces that stands for nothing.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{{{0}}}` is no placeholder: allowed are `{{host}}`, `{{port}}`, `{{checkout}}`, `{{egress:NAME}}` and, as a whole \
     element of `run`, `{{command}}`; `{{{{{0}}}}}` stands for the text `{{{0}}}`"
)]
pub struct UnknownPlaceholder(String);

impl TryFrom<String> for Word {
    type Error = UnknownPlaceholder;

    fn try_from(text: String) -> Result<Self, UnknownPlaceholder> {
        match text.as_str() {
            "{command}" => Ok(Self::Command),
            _ => text.try_into().map(Self::Text),
        }
    }
}

impl TryFrom<String> for Text {
    type Error = UnknownPlaceholder;

    fn try_from(text: String) -> Result<Self, UnknownPlaceholder> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text.as_str();
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            literal.push_str(before);
            rest = &from[1..];
            if let Some(name) = name_in_braces(rest).filter(|_| !literal.ends_with('$')) {
                parts.extend([Part::Literal(std::mem::take(&mut literal)), Part::named(name)?]);
                rest = &rest[name.len() + 1..];
            } else if let Some(name) = rest.strip_prefix('{').and_then(doubled) {
                literal.extend(["{", name, "}"]);
                rest = &rest[name.len() + 3..];
            } else {
                literal.push('{');
            }
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        Ok(Self(parts))
    }
}

impl Part {
    fn named(name: &str) -> Result<Self, UnknownPlaceholder> {
        match name.split_once(':') {
            None if name == "host" => Ok(Self::Host),
            None if name == "port" => Ok(Self::Port),
            None if name == "checkout" => Ok(Self::Checkout),
            Some(("egress", service)) if !service.is_empty() => Ok(Self::Egress(service.to_owned())),
            _ => Err(UnknownPlaceholder(name.to_owned())),
        }
    }
}

/// The name at the beginning of `text`, which follows an opening brace, if a closing one follows the name.
fn name_in_braces(text: &str) -> Option<&str> {
    let name = &text[..text.find('}')?];
    let (word, argument) = name.split_once(':').unwrap_or((name, ""));
    let is_name = word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.chars().all(|other| other.is_ascii_alphanumeric() || "_-".contains(other))
        && !argument.contains(|other: char| other.is_whitespace() || "{\"'".contains(other));
    is_name.then_some(name)
}

/// The name at the beginning of `text`, which follows two opening braces, if two closing ones follow the name.
fn doubled(text: &str) -> Option<&str> {
    name_in_braces(text).filter(|name| text[name.len()..].starts_with("}}"))
}

/// What placeholders stand for in one container.
#[derive(Debug, Clone)]
pub struct Placeholders<'a> {
    /// `{host}`.
    pub host: String,
    /// `{port}`; absent if the container maps no port.
    pub port: Option<u16>,
    /// `{checkout}`.
    pub checkout: &'a Path,
    /// `{command}`.
    pub command: &'a [String],
    /// `{egress:NAME}` by virtual service.
    pub egress: BTreeMap<String, String>,
}

/// A placeholder that has no value in this container.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlaceholderError {
    /// `{port}` without a port mapping.
    #[error("`{{port}}` is used but the container maps no port")]
    NoPort,
    /// `{egress:NAME}` of a service that the task does not know.
    #[error("`{{egress:{0}}}` is used but `{0}` is not a backend of this task's virtual node")]
    NoEgress(String),
    /// Nothing is left to run.
    #[error("nothing to run: `run` is `{{command}}` and the container has no command")]
    NoProgram,
}

impl Placeholders<'_> {
    /// The program and arguments of `run`.
    ///
    /// # Errors
    /// A placeholder without a value, or nothing left to run.
    pub fn program(&self, run: &[Word]) -> Result<Vec<String>, PlaceholderError> {
        let mut program = Vec::new();
        for word in run {
            match word {
                Word::Command => program.extend_from_slice(self.command),
                Word::Text(text) => program.push(self.text(text)?),
            }
        }
        match program.is_empty() {
            true => Err(PlaceholderError::NoProgram),
            false => Ok(program),
        }
    }

    /// `text` with its placeholders replaced.
    ///
    /// # Errors
    /// A placeholder without a value.
    pub fn text(&self, text: &Text) -> Result<String, PlaceholderError> {
        text.0.iter().map(|part| self.value(part)).collect()
    }

    fn value(&self, part: &Part) -> Result<String, PlaceholderError> {
        Ok(match part {
            Part::Literal(text) => text.clone(),
            Part::Host => self.host.clone(),
            Part::Port => self.port.ok_or(PlaceholderError::NoPort)?.to_string(),
            Part::Checkout => self.checkout.display().to_string(),
            Part::Egress(service) => {
                let address = self.egress.get(service).cloned();
                address.ok_or_else(|| PlaceholderError::NoEgress(service.clone()))?
            }
        })
    }
}

#[cfg(test)]
#[path = "placeholders_tests.rs"]
mod tests;
