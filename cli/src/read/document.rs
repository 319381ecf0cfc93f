//! A YAML document as a tree that knows the line of each key and value.
//!
//! Scalars stay as they were written, because what they mean depends on the key: `Family: 123` is a name, and a commit such as
//! `1e5` is not a number.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::problem::{Place, Problems};

/// Deeper nesting is no settings file.
const MAX_DEPTH: usize = 32;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: `Key:` with no value, `~` or `null`.
    Empty,
    /// A scalar's text.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
}

impl Node {
    /// Reads a document; an empty one is [`Kind::Empty`].
    ///
    /// # Errors
    /// The first thing in it that cannot be read.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let mut reader = Reader { file, events: Parser::new_from_str(text), depth: 0 };
        reader.document()
    }

    /// What to call this kind of value in a message.
    #[must_use]
    pub fn described(&self) -> String {
        match &self.kind {
            Kind::Empty => "empty".to_owned(),
            Kind::Scalar(text) => super::shown(text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a section".to_owned(),
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Problems> {
        let mut root = Node { place: Place::line(self.file, 1), kind: Kind::Empty };
        let mut documents = 0;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(root),
                (Event::DocumentStart(_), span) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(self.problem(span, "a second document begins here: one is allowed"));
                    }
                    let (event, span) = self.next()?;
                    root = self.node(event, span)?;
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Problems> {
        let place = self.place(span.start);
        let kind = match event {
            Event::Alias(_) => return Err(self.problem(span, "aliases (`*name`) are not supported: repeat the value")),
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(self.problem(span, "tags (`!name`) are not supported: write the value alone"));
            }
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => self.nested(span, Self::list)?,
            Event::MappingStart(..) => self.nested(span, Self::map)?,
            _ => Kind::Empty,
        };
        Ok(Node { place, kind })
    }

    fn nested(&mut self, span: Span, read: fn(&mut Self) -> Result<Kind, Problems>) -> Result<Kind, Problems> {
        if self.depth == MAX_DEPTH {
            return Err(self.problem(span, format!("nested too deep: allowed are {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let kind = read(self);
        self.depth -= 1;
        kind
    }

    fn list(&mut self) -> Result<Kind, Problems> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Kind, Problems> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut places: HashMap<String, Place> = HashMap::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Kind::Map(entries)),
                (Event::Scalar(text, ..), span) => Key { name: text.into_owned(), place: self.place(span.start) },
                (_, span) => return Err(self.problem(span, "a key has to be a plain name")),
            };
            if let Some(first) = places.insert(key.name.clone(), key.place.clone()) {
                let message = format!("{} is set twice: it is already at {first}", super::shown(&key.name));
                return Err(Problems::one(&key.place, message));
            }
            let (event, span) = self.next()?;
            entries.push((key, self.node(event, span)?));
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Problems> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let message = format!("not valid YAML: {}", error.info());
                Err(Problems::one(&self.place(*error.marker()), message))
            }
            None => Err(Problems::one(&Place::whole(self.file), "not valid YAML: it ends too early")),
        }
    }

    fn place(&self, marker: Marker) -> Place {
        Place::line(self.file, marker.line())
    }

    fn problem(&self, span: Span, message: impl Into<String>) -> Problems {
        Problems::one(&self.place(span.start), message)
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Kind {
    if style == ScalarStyle::Plain && matches!(text, "" | "~" | "null") {
        return Kind::Empty;
    }
    Kind::Scalar(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refusal(text: &str) -> String {
        Node::parse("m.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn keys_and_values_know_their_lines_and_scalars_stay_as_written() {
        let node = Node::parse("m.yaml", "# comment\nTask:\n  Family: 1e5\n  Cpu: '0256'\n  Empty:\n").unwrap();
        let Kind::Map(top) = node.kind else { panic!("a section") };
        assert_eq!((top[0].0.name.as_str(), top[0].0.place.to_string().as_str()), ("Task", "m.yaml:2"));
        let Kind::Map(task) = &top[0].1.kind else { panic!("a section") };
        assert_eq!(task[0].1, Node { place: Place::line("m.yaml", 3), kind: Kind::Scalar("1e5".into()) });
        assert_eq!(task[1].1.kind, Kind::Scalar("0256".into()));
        assert_eq!(task[2].1.kind, Kind::Empty);
    }

    #[test]
    fn an_empty_document_is_empty() {
        for text in ["", "# only a comment\n", "---\n"] {
            assert_eq!(Node::parse("m.yaml", text).unwrap().kind, Kind::Empty, "{text:?}");
        }
    }

    #[test]
    fn what_settings_do_not_need_is_refused_with_its_line() {
        assert_eq!(refusal("A: 1\nB: 2\nA: 3\n"), "m.yaml:3: `A` is set twice: it is already at m.yaml:1");
        assert_eq!(refusal("A: &x 1\nB: *x\n"), "m.yaml:2: aliases (`*name`) are not supported: repeat the value");
        assert_eq!(refusal("A: !Ref Port\n"), "m.yaml:1: tags (`!name`) are not supported: write the value alone");
        assert_eq!(refusal("A: 1\n---\nB: 2\n"), "m.yaml:2: a second document begins here: one is allowed");
        assert_eq!(refusal("[a]: 1\n"), "m.yaml:1: a key has to be a plain name");
        assert!(refusal("A: 1\nB: [1, 2\nC: 3\n").starts_with("m.yaml:3: not valid YAML: "));
        assert_eq!(refusal(&"[".repeat(40)), "m.yaml:1: nested too deep: allowed are 32 levels");
    }
}
