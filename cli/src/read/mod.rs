//! Reading settings files: a tree with lines, sections that know which keys they have, and values with their bounds.

mod document;
mod found;
mod key_lines;
mod section;

pub use self::{
    document::{Key, Kind, Node},
    found::{Found, Located, is_visible},
    key_lines::KeyLines,
    section::Section,
};
pub use canary_core::{
    names::{any_of, instead},
    text::shown,
};
