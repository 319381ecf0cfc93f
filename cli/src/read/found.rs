//! A value that was found under its key, and the ways to read it.

use std::{collections::HashMap, hash::Hash, ops::RangeInclusive};

use canary_core::{request::Pattern, text::whole_number};

use super::{Kind, Node, Section, shown};
use crate::{
    problem::{Place, Problems},
    setting::Setting,
};

/// A setting that is written out.
const SETTING: Pattern = Pattern {
    allowed: "one or more visible ASCII characters, or a section with `Export`",
    accepts: is_visible,
    shown: true,
};
const EXPORT: Pattern = Pattern {
    allowed: "the name of an export, in one or more visible ASCII characters",
    accepts: is_visible,
    shown: true,
};

/// Whether a text is not empty and can be seen; a space cannot.
pub fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

/// A value with its key and place, for a message about it later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its key, with the sections it is in: `Task.Cpu`.
    pub path: String,
    /// Where it stands.
    pub place: Place,
}

/// The value of a key.
pub struct Found<'a> {
    pub(super) path: String,
    pub(super) node: &'a Node,
}

impl<'a> Found<'a> {
    /// A scalar's text, as it was written.
    pub fn text(self, problems: &mut Problems) -> Option<Located<String>> {
        self.parsed("a text", problems, |text| Some(text.to_owned()))
    }

    /// A scalar that `parse` understands.
    pub fn parsed<T>(
        self,
        allowed: &str,
        problems: &mut Problems,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Located<T>> {
        let value = match &self.node.kind {
            Kind::Scalar(text) => parse(text),
            _ => None,
        };
        if value.is_none() {
            self.wrong(allowed, problems);
        }
        value.map(|value| self.located(value))
    }

    /// A text that is what `pattern` says.
    pub fn matching(self, pattern: &Pattern, problems: &mut Problems) -> Option<Located<String>> {
        self.parsed(pattern.allowed, problems, |text| (pattern.accepts)(text).then(|| text.to_owned()))
    }

    /// A whole number within bounds.
    pub fn whole(self, allowed: RangeInclusive<u32>, problems: &mut Problems) -> Option<Located<u32>> {
        let sentence = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        let number = |text: &str| u32::try_from(whole_number(text)?).ok().filter(|number| allowed.contains(number));
        self.parsed(&sentence, problems, number)
    }

    /// `true` or `false`.
    pub fn boolean(self, problems: &mut Problems) -> Option<bool> {
        let parsed = self.parsed("`true` or `false`", problems, |text| text.parse().ok());
        parsed.map(|found: Located<bool>| found.value)
    }

    /// A text that may hold `${…}`.
    pub fn literal(self, problems: &mut Problems) -> Option<Setting> {
        self.text(problems).and_then(|text| checked(&text, false, problems))
    }

    /// A text that is what `pattern` says and may hold `${…}`.
    pub fn literal_matching(self, pattern: &Pattern, problems: &mut Problems) -> Option<Setting> {
        self.matching(pattern, problems).and_then(|text| checked(&text, false, problems))
    }

    /// A text that may hold `${…}`, or `{ Export: name }`.
    pub fn setting(self, problems: &mut Problems) -> Option<Setting> {
        if !matches!(self.node.kind, Kind::Map(_)) {
            return self.literal_matching(&SETTING, problems);
        }
        let mut section = self.section(problems);
        let name = section.require("Export", EXPORT.allowed, problems, |found, p| found.matching(&EXPORT, p));
        section.finish(problems, |_| None);
        checked(&name, true, problems)
    }

    /// The items of a list, each with `read`.
    pub fn list<T>(self, problems: &mut Problems, read: impl Fn(Found<'a>, &mut Problems) -> Option<T>) -> Vec<T> {
        let Kind::List(items) = &self.node.kind else {
            self.wrong("a list", problems);
            return Vec::new();
        };
        let item = |(index, node)| Found { path: format!("{}[{index}]", self.path), node };
        items.iter().enumerate().map(item).filter_map(|found| read(found, problems)).collect()
    }

    /// The items of a list in which none is repeated, each with `read`. Items with equal `key`s are the same.
    pub fn distinct<T: PartialEq, K: Eq + Hash>(
        self,
        problems: &mut Problems,
        read: impl Fn(Found<'a>, &mut Problems) -> Option<T>,
        key: impl Fn(&T) -> K,
    ) -> Vec<T> {
        let items = self.list(problems, |item, problems| {
            let (path, place) = (item.path.clone(), item.node.place.clone());
            Some(Located { value: read(item, problems)?, path, place })
        });
        let mut known: HashMap<K, &Located<T>> = HashMap::new();
        for item in &items {
            let first = *known.entry(key(&item.value)).or_insert(item);
            if first.path != item.path {
                let case = if first.value == item.value { "" } else { ", and case makes no difference" };
                let message = format!("`{}` is the same as `{}`: allowed is once{case}", item.path, first.path);
                problems.add(&item.place, message);
            }
        }
        items.into_iter().map(|item| item.value).collect()
    }

    /// The entries of a section whose keys are what `keys` says, each value with `read`.
    pub fn entries<T>(
        self,
        keys: &Pattern,
        problems: &mut Problems,
        read: impl Fn(Found<'a>, &mut Problems) -> Option<T>,
    ) -> Vec<(String, T)> {
        let Kind::Map(entries) = &self.node.kind else {
            self.wrong("a section of keys", problems);
            return Vec::new();
        };
        let mut read_entry = |(key, node): &'a (super::Key, Node)| {
            if !(keys.accepts)(&key.name) {
                let (path, name) = (shown(&self.path), shown(&key.name));
                problems.add(&key.place, format!("{path} has the name {name}: allowed is {}", keys.allowed));
            }
            let found = Found { path: format!("{}.{}", self.path, key.name), node };
            Some((key.name.clone(), read(found, problems)?))
        };
        entries.iter().filter_map(&mut read_entry).collect()
    }

    /// Whether it is a list with nothing in it.
    #[must_use]
    pub fn is_empty_list(&self) -> bool {
        matches!(&self.node.kind, Kind::List(items) if items.is_empty())
    }

    /// Says that it is wrong, in a sentence that begins with its key.
    pub fn refuse(&self, problem: &str, problems: &mut Problems) {
        problems.add(&self.node.place, format!("{} {problem}", shown(&self.path)));
    }

    /// A section with keys of its own.
    pub fn section(self, problems: &mut Problems) -> Section<'a> {
        Section::of(self.node, self.path, problems)
    }

    fn located<T>(self, value: T) -> Located<T> {
        Located { value, path: self.path, place: self.node.place.clone() }
    }

    fn wrong(&self, allowed: &str, problems: &mut Problems) {
        let message = format!("{} is {}: allowed is {allowed}", shown(&self.path), self.node.described());
        problems.add(&self.node.place, message);
    }
}

fn checked(text: &Located<String>, exported: bool, problems: &mut Problems) -> Option<Setting> {
    let setting = Setting::new(&text.value, exported);
    setting.map_err(|problem| problems.add(&text.place, format!("`{}` {problem}", text.path))).ok()
}
