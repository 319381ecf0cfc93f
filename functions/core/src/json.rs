//! The one reader of JSON that people write. A key that is set twice is refused: readers of JSON disagree which value counts.

use std::{cell::RefCell, collections::HashSet, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// A JSON object's members, in the order of the text.
pub type Members = Vec<(String, Value)>;

/// Why a text is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not JSON, or not an object.
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// These keys are set twice.
    SetTwice(Vec<String>),
}

/// What is right about a key that is set twice.
pub const SET_ONCE: &str = "allowed is once";

/// The text of a file without the byte order mark that some editors put at its start.
#[must_use]
pub fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads a JSON value.
///
/// # Errors
/// What is wrong with the text.
pub fn value(text: &str) -> Result<Value, Unreadable> {
    read(text, |reader, json| reader.deserialize(json))
}

/// Reads a JSON object.
///
/// # Errors
/// What is wrong with the text.
pub fn members(text: &str) -> Result<Members, Unreadable> {
    read(text, |reader, json| json.deserialize_map(Object(reader)))
}

fn read<T>(
    text: &str,
    read: impl FnOnce(Reader<'_>, &mut serde_json::Deserializer<serde_json::de::StrRead<'_>>) -> serde_json::Result<T>,
) -> Result<T, Unreadable> {
    let twice = RefCell::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let value = read(Reader { twice: &twice }, &mut json).and_then(|value| json.end().map(|()| value));
    let value = value.map_err(|error| {
        let text = error.to_string();
        // It ends with the place, which is a field of its own.
        let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
        Unreadable::Syntax { line: error.line(), why: why.to_owned() }
    })?;
    let (mut twice, mut named) = (twice.into_inner(), HashSet::new());
    twice.retain(|key: &String| named.insert(key.clone()));
    if twice.is_empty() { Ok(value) } else { Err(Unreadable::SetTwice(twice)) }
}

/// Reads any value and notes the keys that are set twice.
#[derive(Clone, Copy)]
struct Reader<'a> {
    twice: &'a RefCell<Vec<String>>,
}

impl Reader<'_> {
    fn members<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let (mut members, mut keys) = (Members::new(), HashSet::new());
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            if keys.insert(key.clone()) {
                members.push((key, value));
            } else {
                self.twice.borrow_mut().push(key);
            }
        }
        Ok(members)
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        Ok(Value::Object(self.members(map)?.into_iter().collect::<Map<_, _>>()))
    }
}

/// An object whose members keep their order.
struct Object<'a>(Reader<'a>);

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Members, A::Error> {
        self.0.members(map)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::inputs::tried;

    #[test]
    fn a_key_that_is_set_twice_is_named_wherever_it_stands() {
        let text = r#"{"A": 1, "B": [{"C": {"D": 1, "D": 2}}], "A": 2, "A": 3}"#;
        assert_eq!(value(text), Err(Unreadable::SetTwice(vec!["D".into(), "A".into()])));
        assert_eq!(members(text), Err(Unreadable::SetTwice(vec!["D".into(), "A".into()])));
        assert!(members(r#"{"A": {"B": 1}, "C": {"B": 1}}"#).is_ok());
    }

    #[test]
    fn members_keep_their_order_and_values_what_they_are() {
        let text = r#" {"z": [1, -2, 1.5, null], "a": {"t": true}, "m": "x"} "#;
        let expected = [("z", json!([1, -2, 1.5, null])), ("a", json!({"t": true})), ("m", json!("x"))];
        assert_eq!(members(text).unwrap(), expected.map(|(key, value)| (key.to_owned(), value)));
    }

    #[test]
    fn what_is_not_json_is_told_with_its_line() {
        let syntax = |text| match members(text) {
            Err(Unreadable::Syntax { line, why }) => (line, why),
            other => panic!("{other:?}"),
        };
        assert_eq!(syntax("{\n  \"Port\": 1,\n}"), (3, "trailing comma".into()));
        assert_eq!(syntax("{} {}"), (1, "trailing characters".into()));
        assert_eq!(syntax("[1]"), (1, "invalid type: sequence, expected a JSON object".into()));
    }

    #[test]
    fn what_is_set_once_is_read_as_by_any_other_reader() {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        let json = leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("\\PC{0,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        });
        tried("JSON without duplicates", &json, |json| {
            let text = json.to_string();
            prop_assert_eq!(value(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
            Ok(())
        });
    }
}
