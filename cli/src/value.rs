//! A piece of a CloudFormation template: a value whose keys keep their order, so that equal inputs give equal bytes.

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

/// A value of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(u32),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Value>),
    /// Keys and values in their order.
    Map(Vec<(String, Value)>),
    /// One of CloudFormation's functions, by its full name (`Ref`, `Fn::Sub`), and what it is called with.
    Call(&'static str, Box<Value>),
}

/// A call of one of CloudFormation's functions.
#[must_use]
pub fn call(function: &'static str, argument: Value) -> Value {
    Value::Call(function, Box::new(argument))
}

/// `Ref` to a parameter or resource.
#[must_use]
pub fn reference(name: &str) -> Value {
    call("Ref", Value::from(name))
}

/// `Fn::GetAtt` of a resource.
#[must_use]
pub fn attribute(resource: &str, attribute: &str) -> Value {
    call("Fn::GetAtt", Value::List(vec![Value::from(resource), Value::from(attribute)]))
}

/// A map of what there is: entries without a value are left out.
#[must_use]
pub fn map<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let entries = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Map(entries.collect())
}

/// A value that is there.
#[must_use]
pub fn some(value: impl Into<Value>) -> Option<Value> {
    Some(value.into())
}

/// Pairs in the shape that AWS uses for tags, environment variables and proxy properties: `Name` or `Key`, and `Value`.
#[must_use]
pub fn named(name: &'static str, pairs: Vec<(&str, Value)>) -> Value {
    let pair = |(key, value): (&str, Value)| map([(name, some(key)), ("Value", Some(value))]);
    Value::List(pairs.into_iter().map(pair).collect())
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

/// As JSON; `{:#}` indents it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() { serde_json::to_string_pretty(self) } else { serde_json::to_string(self) };
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_u32(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut object = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| object.serialize_entry(key, value))?;
                object.end()
            }
            Self::Call(function, argument) => {
                let mut object = serializer.serialize_map(Some(1))?;
                object.serialize_entry(function, argument)?;
                object.end()
            }
        }
    }
}
