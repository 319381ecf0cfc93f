//! Reading settings files: a tree with lines, sections that know which keys they have, and values with their bounds.

mod document;
mod found;
mod section;

pub use self::{
    document::{Key, Kind, Node},
    found::{Found, Located},
    section::Section,
};

/// A value longer than this is cut in a message.
const SHOWN_CHARS: usize = 80;

/// A value as a message shows it: cut, and with control characters escaped, so that an input cannot forge a line.
#[must_use]
pub fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", cut.escape_debug())
}

/// The name in `known` that `name` was most likely meant to be.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known.into_iter().min_by_key(|candidate| strsim::damerau_levenshtein(&candidate.to_lowercase(), &name))
}
