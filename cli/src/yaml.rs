//! Writes a template as YAML, in the short forms (`!Ref`, `!Sub`) that people read.
//!
//! CloudFormation reads YAML 1.1, in which `yes`, `012`, `1_000` and `2026-01-31` are no texts, so every text that is not
//! plainly one is quoted; the writers of YAML 1.2 libraries leave them bare.

use std::fmt::Write;

use crate::value::Value;

/// What YAML 1.1 takes for a truth value or for nothing, in any case.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
/// Characters beside letters and digits that mean nothing inside an unquoted text; a space and a colon are looked at closer.
const PLAIN: &str = "-_./$@=+(){},: ";

/// The YAML of a template, with a line end.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    write_block(&mut text, value, 0);
    text
}

/// A map or list from the current position on; its further lines are indented by `indent`.
fn write_block(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Map(entries) => {
            for (index, (key, value)) in entries.iter().enumerate() {
                pad(out, if index == 0 { 0 } else { indent });
                out.push_str(&scalar(key));
                out.push(':');
                write_value(out, value, indent);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                pad(out, if index == 0 { 0 } else { indent });
                out.push('-');
                write_item(out, item, indent);
            }
        }
        other => write_value(out, other, indent),
    }
}

/// What follows `key:`.
fn write_value(out: &mut String, value: &Value, indent: usize) {
    if let Some(inline) = inline(value) {
        let _ = writeln!(out, " {inline}");
        return;
    }
    let nested = indent + 2;
    match value {
        Value::Call(function, argument) => match short(function, argument) {
            Some(tag) => {
                let _ = writeln!(out, " {tag}");
                pad(out, nested);
                write_block(out, argument, nested);
            }
            None => {
                out.push('\n');
                pad(out, nested);
                write_long(out, function, argument, nested);
            }
        },
        block => {
            out.push('\n');
            pad(out, nested);
            write_block(out, block, nested);
        }
    }
}

/// What follows the `-` of a list's item.
fn write_item(out: &mut String, item: &Value, indent: usize) {
    match item {
        Value::Call(function, argument) if inline(item).is_none() => match short(function, argument) {
            Some(_) => write_value(out, item, indent),
            None => {
                out.push(' ');
                write_long(out, function, argument, indent + 2);
            }
        },
        _ if inline(item).is_some() => write_value(out, item, indent),
        block => {
            out.push(' ');
            write_block(out, block, indent + 2);
        }
    }
}

/// `Fn::X: …`, which is needed where a short form would hold another one.
fn write_long(out: &mut String, function: &str, argument: &Value, indent: usize) {
    out.push_str(function);
    out.push(':');
    write_value(out, argument, indent);
}

/// A value that fits behind its key.
fn inline(value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Text(text) => Some(scalar(text)),
        Value::List(items) if items.is_empty() => Some("[]".to_owned()),
        Value::Map(entries) if entries.is_empty() => Some("{}".to_owned()),
        Value::Call("Fn::GetAtt", argument) => match argument.as_ref() {
            Value::List(parts) => match parts.as_slice() {
                [Value::Text(resource), Value::Text(attribute)] => Some(format!("!GetAtt {resource}.{attribute}")),
                _ => None,
            },
            _ => None,
        },
        Value::Call(function, argument) => match argument.as_ref() {
            Value::Text(text) => Some(format!("{} {}", short(function, argument)?, scalar(text))),
            _ => None,
        },
        _ => None,
    }
}

/// The tag of a function whose argument does not begin with another one: YAML allows a value one tag.
fn short(function: &str, argument: &Value) -> Option<String> {
    match argument {
        Value::Call(..) | Value::Map(_) => None,
        _ => Some(format!("!{}", function.trim_start_matches("Fn::"))),
    }
}

fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        // JSON's escapes are YAML's.
        serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
    }
}

fn is_plain(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || PLAIN.contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '$')
        && text.chars().all(known)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !WORDS.contains(&text.to_lowercase().as_str())
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        read::{Kind, Node},
        value::{call, map, reference, some},
    };

    #[test]
    fn texts_that_yaml_1_1_would_take_for_something_else_are_quoted() {
        for text in [
            "yes",
            "NO",
            "on",
            "~",
            "",
            "012",
            "1_000",
            "1e5",
            "1:30",
            "2026-01-31",
            "null",
            ".5",
            "a: b",
            "a #b",
            "-b",
            "a:",
            "*x",
            " a",
        ] {
            assert_eq!(scalar(text), format!("'{text}'"));
        }
        for text in ["demo", "a-b_c.d/e", "${Sha}-${Port}", "${EnvironmentName}:Mesh", "CMD-SHELL", "two words"] {
            assert_eq!(scalar(text), text);
        }
        assert_eq!(scalar("it's"), "'it''s'");
        assert_eq!(scalar("a\nb\u{7f}é"), "\"a\\nb\\u007fé\"");
    }

    #[test]
    fn functions_are_short_where_yaml_allows_it() {
        let name = call("Fn::Sub", Value::from("${EnvironmentName}:Mesh"));
        let template = map([
            ("Ref", Some(reference("Port"))),
            ("Import", Some(call("Fn::ImportValue", name.clone()))),
            ("Att", Some(crate::value::attribute("Service", "Name"))),
            ("Join", Some(call("Fn::Join", Value::from(vec![Value::from("/"), Value::from(vec!["a", "b"])])))),
            (
                "List",
                Some(Value::from(vec![
                    name.clone(),
                    call("Fn::ImportValue", name),
                    map([("A", some(1)), ("B", some(true))]),
                ])),
            ),
        ]);
        let expected = "\
Ref: !Ref Port
Import:
  Fn::ImportValue: !Sub ${EnvironmentName}:Mesh
Att: !GetAtt Service.Name
Join: !Join
  - /
  - - a
    - b
List:
  - !Sub ${EnvironmentName}:Mesh
  - Fn::ImportValue: !Sub ${EnvironmentName}:Mesh
  - A: 1
    B: true
";
        assert_eq!(to_yaml(&template), expected);
    }

    fn values() -> impl Strategy<Value = Value> {
        let texts = prop_oneof!["\\PC{0,12}", "[ -~]{0,12}", "[yYnNoOfFeEsS~'\": #\t\n-]{0,5}"];
        let leaves = texts.clone().prop_map(Value::Text);
        leaves.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(Value::List),
                prop::collection::btree_map("[a-zA-Z~:# '-]{1,6}", inner, 1..4)
                    .prop_map(|entries| Value::Map(entries.into_iter().collect())),
            ]
        })
    }

    /// What a reader makes of it, with quoted and plain texts alike.
    fn read_back(node: &Node) -> Value {
        match &node.kind {
            Kind::Empty => Value::from("(nothing)"),
            Kind::Scalar(text) => Value::from(text.as_str()),
            Kind::List(items) => Value::List(items.iter().map(read_back).collect()),
            Kind::Map(entries) => {
                Value::Map(entries.iter().map(|(key, value)| (key.name.clone(), read_back(value))).collect())
            }
        }
    }

    proptest! {
        #[test]
        fn a_reader_gets_back_what_was_written(value in values()) {
            let text = to_yaml(&map([("Root", Some(value.clone()))]));
            let node = Node::parse("t.yaml", &text).expect("valid YAML");
            prop_assert_eq!(read_back(&node), map([("Root", Some(value))]), "{}", text);
        }
    }
}
