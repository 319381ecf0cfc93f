//! The bounds of the API model as types: a value that exists is within its bounds.
//!
//! Deserializing an out-of-range value fails with a message that names the value and what is allowed; the
//! request parser adds the member's path in front.

use std::fmt;
use std::ops::Deref;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Int<MIN, MAX> {
    /// The number, or nothing if it is out of bounds.
    pub fn new(value: i64) -> Option<Self> {
        (MIN..=MAX).contains(&value).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Display for Int<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Int<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = i64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| match MAX {
            i64::MAX => D::Error::custom(format!("`{value}` is not allowed: at least {MIN}")),
            _ => D::Error::custom(format!("`{value}` is not allowed: {MIN} to {MAX}")),
        })
    }
}

/// A text of `MIN` to `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text, or nothing if it is too short or too long.
    pub fn new(value: impl Into<String>) -> Option<Self> {
        let value = value.into();
        (MIN..=MAX).contains(&value.chars().count()).then_some(Self(value))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer)?;
        Self::new(value.as_str())
            .ok_or_else(|| D::Error::custom(format!("`{value}` is not allowed: {MIN} to {MAX} characters")))
    }
}

/// A list of `MIN` to `MAX` elements.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// The list, or nothing if it has too few or too many elements.
    pub fn new(elements: Vec<T>) -> Option<Self> {
        (MIN..=MAX).contains(&elements.len()).then_some(Self(elements))
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MIN: usize, const MAX: usize> IntoIterator for &'a List<T, MIN, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T, const MIN: usize, const MAX: usize> Deserialize<'de> for List<T, MIN, MAX>
where
    T: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let elements = Vec::deserialize(deserializer)?;
        let count = elements.len();
        Self::new(elements).ok_or_else(|| D::Error::custom(format!("{count} elements are not allowed: {MIN} to {MAX}")))
    }
}

/// Defines a union of the API model: an object of which exactly one member is given.
///
/// serde's own enums would also refuse members that are given as `null`, and say less when they refuse.
macro_rules! union {
    ($(#[$meta:meta])* $name:ident { $($(#[$member_meta:meta])* $variant:ident($member:ident: $ty:ty)),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        pub enum $name { $($(#[$member_meta])* $variant($ty)),+ }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(serde::Deserialize)]
                #[serde(rename_all = "camelCase")]
                struct Members { $($member: Option<$ty>),+ }

                let members = Members::deserialize(deserializer)?;
                let mut given = Vec::new();
                $(given.extend(members.$member.map($name::$variant));)+
                match <[$name; 1]>::try_from(given) {
                    Ok([one]) => Ok(one),
                    Err(given) => Err(serde::de::Error::custom(format!(
                        "{} members are given: exactly one of {} is allowed",
                        given.len(),
                        [$(stringify!($variant)),+].map(crate::spec::constraint::camel).join(", "),
                    ))),
                }
            }
        }
    };
}
pub(crate) use union;

/// The API's spelling of a union's variant, in backticks: `AwsCloudMap` is `awsCloudMap` on the wire.
pub(crate) fn camel(variant: &str) -> String {
    let (first, rest) = variant.split_at(1);
    format!("`{}{rest}`", first.to_lowercase())
}
