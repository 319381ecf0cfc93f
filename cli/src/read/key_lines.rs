//! The lines of a JSON text's keys, which the reader of JSON does not keep.

use std::collections::HashMap;

/// The first and the last line of each key, wherever it stands, counted from 1.
pub struct KeyLines(HashMap<String, (usize, usize)>);

impl KeyLines {
    /// The lines in a valid JSON text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut lines = HashMap::new();
        let (mut rest, mut line) = (text, 1);
        while let Some(at) = rest.find(['"', '\n']) {
            let Some((quoted, after)) = rest[at..].starts_with('"').then(|| split_string(&rest[at..])).flatten() else {
                line += usize::from(rest[at..].starts_with('\n'));
                rest = &rest[at + 1..];
                continue;
            };
            if after.trim_start().starts_with(':')
                && let Ok(key) = serde_json::from_str::<String>(quoted)
            {
                lines.entry(key).and_modify(|(_, last)| *last = line).or_insert((line, line));
            }
            rest = after;
        }
        Self(lines)
    }

    /// The first line of a key; 0 if there is none.
    #[must_use]
    pub fn first(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |(first, _)| *first)
    }

    /// The last line of a key; 0 if there is none.
    #[must_use]
    pub fn last(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, |(_, last)| *last)
    }
}

/// The string that a text begins with, in its quotes, and the rest.
fn split_string(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let closing = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    Some(text.split_at(closing + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_know_their_lines_and_values_are_no_keys() {
        let lines =
            KeyLines::of("{\"a\": \"b\",\n\"b\" :[{\"a\"\n: 1}],\n \"q\\\"\\\\\": \"a\", \"\\u0063\": \"\\\"d\\\":\"}");
        assert_eq!((lines.first("a"), lines.last("a")), (1, 2));
        assert_eq!((lines.first("b"), lines.last("b")), (2, 2));
        assert_eq!((lines.first("q\"\\"), lines.first("c")), (4, 4));
        assert_eq!((lines.first("d"), lines.last("d")), (0, 0));
    }
}
