//! A mapping that is read key by key, so that what nobody asked for is known to be a mistake.

use super::{Found, Key, Kind, Located, Node, instead, shown};
use crate::problem::{Place, Problems};

/// So many unknown keys of a section are named, and the others are counted: more of them are another kind of file.
const SHOWN_KEYS: usize = 20;

/// A mapping under way.
pub struct Section<'a> {
    path: String,
    place: Place,
    entries: &'a [(Key, Node)],
    known: Vec<&'static str>,
    /// Not in the file: nothing in it is missed.
    absent: bool,
}

impl<'a> Section<'a> {
    /// The document itself.
    pub fn root(node: &'a Node, problems: &mut Problems) -> Self {
        Self::of(node, String::new(), problems)
    }

    pub(super) fn of(node: &'a Node, path: String, problems: &mut Problems) -> Self {
        let entries = match &node.kind {
            Kind::Map(entries) => entries.as_slice(),
            Kind::Empty => &[],
            _ => {
                let name = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
                problems.add(&node.place, format!("{name} is {}: allowed is a section of keys", node.described()));
                &[]
            }
        };
        Self { path, place: node.place.clone(), entries, known: Vec::new(), absent: false }
    }

    /// Where the section begins.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The keys with a value, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter(|(_, node)| node.kind != Kind::Empty).map(|(key, _)| key.name.as_str())
    }

    /// The value of a key, unless it is absent or empty.
    pub fn find(&mut self, key: &'static str) -> Option<Found<'a>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let (_, node) = self.entries.iter().find(|(known, _)| known.name == key)?;
        (node.kind != Kind::Empty).then(|| Found { path: self.path_of(key), node })
    }

    /// The value of a key that has to be there.
    pub fn require<T: Default>(
        &mut self,
        key: &'static str,
        allowed: &str,
        problems: &mut Problems,
        read: impl FnOnce(Found<'a>, &mut Problems) -> Option<Located<T>>,
    ) -> Located<T> {
        match self.find(key) {
            Some(found) => read(found, problems).unwrap_or_default(),
            None if self.absent => Located::default(),
            None => {
                problems.add(self.place_of(key), format!("`{}` is missing: allowed is {allowed}", self.path_of(key)));
                Located::default()
            }
        }
    }

    /// A section inside this one; one without keys if it is absent.
    pub fn section(&mut self, key: &'static str, problems: &mut Problems) -> Section<'a> {
        let absent = Section {
            path: self.path_of(key),
            place: self.place_of(key).clone(),
            entries: &[],
            known: Vec::new(),
            absent: true,
        };
        self.find(key).map_or(absent, |found| found.section(problems))
    }

    /// A section that has to be there.
    pub fn require_section(&mut self, key: &'static str, problems: &mut Problems) -> Section<'a> {
        let section = self.section(key, problems);
        if section.absent {
            problems.add(&section.place, format!("`{}` is missing: allowed is a section of keys", section.path));
        }
        section
    }

    /// The items of a list, each with `read`; none if it is absent.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl Fn(Found<'a>, &mut Problems) -> Option<T>,
    ) -> Vec<T> {
        self.find(key).map(|found| found.list(problems, read)).unwrap_or_default()
    }

    /// Names each key that nobody asked for. `elsewhere` says of a key that it has its place, but not here.
    pub fn finish(self, problems: &mut Problems, elsewhere: impl Fn(&str) -> Option<String>) {
        let unknown = |key: &&Key| !self.known.contains(&key.name.as_str());
        let mut unknown = self.entries.iter().map(|(key, _)| key).filter(unknown);
        for key in unknown.by_ref().take(SHOWN_KEYS) {
            let name = shown(&self.path_of(&key.name));
            let message = match elsewhere(&key.name) {
                Some(reason) => format!("{name} {reason}"),
                None => {
                    let instead = instead(&key.name, self.known.iter().copied(), |known| self.path_of(known));
                    format!("{name} is not a key: {instead}")
                }
            };
            problems.add(&key.place, message);
        }
        if let Some(key) = unknown.next() {
            let message = format!(
                "{} is not a key, and neither are {} after it",
                shown(&self.path_of(&key.name)),
                unknown.count()
            );
            problems.add(&key.place, message);
        }
    }

    /// Where a key stands, also if it is empty; the section if it is absent.
    fn place_of(&self, key: &str) -> &Place {
        self.entries.iter().find(|(known, _)| known.name == key).map_or(&self.place, |(known, _)| &known.place)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}
