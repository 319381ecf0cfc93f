//! Reads fields of a JSON object one by one and collects what is wrong with all of them.

use serde_json::{Map, Value};

use crate::{
    Error, Result, names,
    problem::Problem,
    split::Weight,
    text::{shown, whole_number},
};

/// Names that published examples use for the same field (seed "Create a pipeline with canary deployments", §5.3).
const ALIASES: [(&str, &str); 2] = [("percentage_step", "PercentageStep"), ("wait_time", "WaitTime")];

/// What a text field may hold.
#[derive(Debug)]
pub struct Pattern {
    /// In words.
    pub allowed: &'static str,
    /// Whether a text is that.
    pub accepts: fn(&str) -> bool,
    /// Whether a message may show a value that is not accepted. A template or an address can hold a secret.
    pub shown: bool,
}

impl Pattern {
    fn problem(&self, field: &str, value: &Value) -> Problem {
        match self.shown {
            true => wrong(field, value, self.allowed),
            false => Problem::of(field, "has a value that is not shown", format!("allowed is {}", self.allowed)),
        }
    }
}

pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    pub fn of(input: &'a Value) -> Result<Self> {
        let object = input.as_object().ok_or_else(|| {
            Error::InvalidInput(Problem::whole(format!("is {}", written(input)), "allowed is a JSON object").into())
        })?;
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
            self.problems.push(wrong(field, value, allowed));
        }
        parsed
    }

    /// A whole number that `accepts` takes: a JSON integer, or digits in a string.
    pub fn number<T: Default>(
        &mut self,
        field: &'static str,
        allowed: &str,
        accepts: impl FnOnce(u64) -> Option<T>,
    ) -> T {
        let Some(value) = self.required(field, allowed) else { return T::default() };
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => whole_number(text),
            _ => None,
        };
        number.and_then(accepts).unwrap_or_else(|| self.add(wrong(field, value, allowed)))
    }

    /// A whole number from `low` to `high`; `T` has to hold them both.
    pub fn whole<T: TryFrom<u64> + Default>(&mut self, field: &'static str, low: u64, high: u64) -> T {
        let accepts = |number| (low..=high).contains(&number).then(|| T::try_from(number).ok()).flatten();
        self.number(field, &format!("a whole number from {low} to {high}"), accepts)
    }

    pub fn whole_or<T: TryFrom<u64> + Default>(&mut self, field: &'static str, low: u64, high: u64, default: T) -> T {
        match self.find(field) {
            Some(_) => self.whole(field, low, high),
            None => default,
        }
    }

    pub fn percent(&mut self, field: &'static str) -> Weight {
        Weight::new(self.whole(field, 1, 100)).unwrap_or(Weight::ALL)
    }

    /// An optional field that existing files carry and that may only repeat another one.
    pub fn same_as(&mut self, field: &'static str, other: &str, expected: &str) {
        if let Some(value) = self.find(field)
            && value.as_str() != Some(expected)
        {
            self.problems.push(wrong(field, value, &format!("the same as `{other}`")));
        }
    }

    /// Adds a problem of a field that has no other one.
    pub fn refuse(&mut self, field: &str, found: impl Into<String>, right: impl Into<String>) {
        if !self.problems.iter().any(|known| known.field.as_deref() == Some(field)) {
            self.problems.push(Problem::of(field, found, right));
        }
    }

    /// Refuses what nobody read, and reports everything that is wrong.
    pub fn finish(mut self) -> Result<()> {
        for name in self.object.keys() {
            if !self.known.contains(&canonical(name)) {
                let instead = names::instead(name, self.known.iter().copied(), str::to_owned);
                self.problems.push(Problem::of(name, "is not a field", instead));
            } else if canonical(name) != name && self.object.contains_key(canonical(name)) {
                let found = format!("and `{}` are one field", canonical(name));
                self.problems.push(Problem::of(name, found, "allowed is one of the two"));
            }
        }
        if self.problems.is_empty() { Ok(()) } else { Err(Error::InvalidInput(self.problems.into())) }
    }

    fn required(&mut self, field: &'static str, allowed: &str) -> Option<&'a Value> {
        let value = self.find(field);
        if value.is_none() {
            let said = if self.object.contains_key(field) { "`null`" } else { "missing" };
            self.problems.push(Problem::of(field, format!("is {said}"), format!("allowed is {allowed}")));
        }
        value
    }

    fn find(&mut self, field: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&field) {
            self.known.push(field);
        }
        let alias = ALIASES.iter().find(|(_, name)| *name == field).map(|(alias, _)| *alias);
        self.object.get(field).or_else(|| self.object.get(alias?)).filter(|value| !value.is_null())
    }

    fn add<T: Default>(&mut self, problem: Problem) -> T {
        self.problems.push(problem);
        T::default()
    }
}

/// The field that a name of a published example means.
#[must_use]
pub fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, field)| field)
}

fn wrong(field: &str, value: &Value, allowed: &str) -> Problem {
    Problem::of(field, format!("is {}", written(value)), format!("allowed is {allowed}"))
}

/// A value as a message shows it.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    }
}
