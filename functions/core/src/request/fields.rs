//! Reads fields of a JSON object one by one and collects what is wrong with all of them.

use serde_json::{Map, Value};

use crate::{Error, Result, split::Weight};

/// Names that published examples use for the same field (seed "Create a pipeline with canary deployments", §5.3).
const ALIASES: [(&str, &str); 2] = [("percentage_step", "PercentageStep"), ("wait_time", "WaitTime")];
/// A value longer than this is cut in a message.
const SHOWN_CHARS: usize = 80;
/// More problems than these are only counted: an error is state of the execution, and so limited in size.
const SHOWN_PROBLEMS: usize = 20;

/// What a text field may hold.
pub(super) struct Pattern {
    pub allowed: &'static str,
    pub accepts: fn(&str) -> bool,
    /// Whether a message may show a value that is not accepted. A template or an address can hold a secret.
    pub shown: bool,
}

impl Pattern {
    fn problem(&self, field: &str, value: &Value) -> String {
        match self.shown {
            true => problem(field, value, self.allowed),
            false => format!("`{field}` has a value that is not shown: allowed is {}", self.allowed),
        }
    }
}

pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl<'a> Fields<'a> {
    pub fn of(input: &'a Value) -> Result<Self> {
        let object = input
            .as_object()
            .ok_or_else(|| Error::InvalidInput(format!("the input is {}: allowed is a JSON object", shown(input))))?;
        Ok(Self { object, known: Vec::new(), problems: Vec::new() })
    }

    pub fn text(&mut self, field: &'static str, pattern: &Pattern) -> String {
        match self.required(field, pattern.allowed) {
            Some(Value::String(text)) if (pattern.accepts)(text) => text.clone(),
            Some(other) => self.add(pattern.problem(field, other)),
            None => String::new(),
        }
    }

    pub fn optional_text(&mut self, field: &'static str, pattern: &Pattern) -> Option<String> {
        let value = self.find(field)?;
        match value {
            Value::String(text) if (pattern.accepts)(text) => Some(text.clone()),
            other => Some(self.add(pattern.problem(field, other))),
        }
    }

    /// Whether the request says anything about a field.
    pub fn has(&mut self, field: &'static str) -> bool {
        self.find(field).is_some()
    }

    pub fn choice<T: Default>(&mut self, field: &'static str, allowed: &str, parse: fn(&str) -> Option<T>) -> T {
        match self.required(field, allowed) {
            Some(value) => self.parsed(field, value, allowed, parse).unwrap_or_default(),
            None => T::default(),
        }
    }

    pub fn optional_choice<T>(
        &mut self,
        field: &'static str,
        allowed: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.find(field)?;
        self.parsed(field, value, allowed, parse)
    }

    fn parsed<T>(
        &mut self,
        field: &'static str,
        value: &Value,
        allowed: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = value.as_str().and_then(parse);
        if parsed.is_none() {
            self.wrong::<String>(field, value, allowed);
        }
        parsed
    }

    /// A whole number from `low` to `high`; `T` has to hold them both.
    pub fn whole<T: TryFrom<u64> + Default>(&mut self, field: &'static str, low: u64, high: u64) -> T {
        let allowed = format!("a whole number from {low} to {high}");
        match self.required(field, &allowed) {
            Some(value) => self.number(field, value, low, high, &allowed),
            None => T::default(),
        }
    }

    pub fn whole_or<T: TryFrom<u64> + Default>(&mut self, field: &'static str, low: u64, high: u64, default: T) -> T {
        match self.find(field) {
            Some(value) => self.number(field, value, low, high, &format!("a whole number from {low} to {high}")),
            None => default,
        }
    }

    pub fn percent(&mut self, field: &'static str) -> Weight {
        Weight::new(self.whole(field, 1, 100)).unwrap_or(Weight::ALL)
    }

    fn number<T: TryFrom<u64> + Default>(
        &mut self,
        field: &'static str,
        value: &Value,
        low: u64,
        high: u64,
        allowed: &str,
    ) -> T {
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number.filter(|number| (low..=high).contains(number)).map(T::try_from) {
            Some(Ok(number)) => number,
            _ => self.wrong(field, value, allowed),
        }
    }

    /// An optional field that existing files carry and that may only repeat another one.
    pub fn same_as(&mut self, field: &'static str, other: &str, expected: &str) {
        if let Some(value) = self.find(field)
            && value.as_str() != Some(expected)
        {
            self.wrong::<String>(field, value, &format!("the same as `{other}`"));
        }
    }

    pub fn refuse(&mut self, field: &str, problem: String) {
        let named = format!("`{field}`");
        if !self.problems.iter().any(|known| known.starts_with(&named)) {
            self.problems.push(format!("{named} {problem}"));
        }
    }

    /// Refuses what nobody read, and reports everything that is wrong.
    pub fn finish(mut self) -> Result<()> {
        for name in self.object.keys() {
            if !self.known.contains(&canonical(name)) {
                let hint = self.hint(name);
                self.problems.push(format!("{} is not a field: {hint}", shown_text(name)));
            } else if canonical(name) != name && self.object.contains_key(canonical(name)) {
                self.problems
                    .push(format!("`{name}` and `{}` are one field: allowed is one of the two", canonical(name)));
            }
        }
        let more = self.problems.len().saturating_sub(SHOWN_PROBLEMS);
        self.problems.truncate(SHOWN_PROBLEMS);
        if more > 0 {
            self.problems.push(format!("and {more} more"));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(Error::InvalidInput(self.problems.join("; "))) }
    }

    fn required(&mut self, field: &'static str, allowed: &str) -> Option<&'a Value> {
        let value = self.find(field);
        if value.is_none() {
            let said = if self.object.contains_key(field) { "`null`" } else { "missing" };
            self.problems.push(format!("`{field}` is {said}: allowed is {allowed}"));
        }
        value
    }

    fn find(&mut self, field: &'static str) -> Option<&'a Value> {
        self.known.push(field);
        let alias = ALIASES.iter().find(|(_, name)| *name == field).map(|(alias, _)| *alias);
        self.object.get(field).or_else(|| self.object.get(alias?)).filter(|value| !value.is_null())
    }

    fn wrong<T: Default>(&mut self, field: &'static str, value: &Value, allowed: &str) -> T {
        self.add(problem(field, value, allowed))
    }

    fn add<T: Default>(&mut self, problem: String) -> T {
        self.problems.push(problem);
        T::default()
    }

    /// The field that a misspelt name means, or all that there are if it is like none of them.
    fn hint(&self, name: &str) -> String {
        let letters =
            |name: &str| name.chars().take(SHOWN_CHARS).collect::<String>().replace(['_', '-'], "").to_lowercase();
        let distances =
            self.known.iter().map(|field| (strsim::damerau_levenshtein(&letters(field), &letters(name)), *field));
        match distances.min() {
            Some((distance, field)) if distance <= (field.len() / 3).max(1) => format!("the nearest is `{field}`"),
            _ => format!("allowed are {}", self.known.iter().map(|f| format!("`{f}`")).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// The field that a name of a published example means.
#[must_use]
pub fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, field)| field)
}

fn problem(field: &str, value: &Value, allowed: &str) -> String {
    format!("`{field}` is {}: allowed is {allowed}", shown(value))
}

/// A value as a message shows it: cut, and with control characters escaped, so that an input cannot forge a log line.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => shown_text(text),
        other => shown_text(&other.to_string()),
    }
}

fn shown_text(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", cut.escape_debug())
}
