//! The image map: what a container image runs on this machine.
//!
//! ```json
//! {"images": [{"image": "*/aws-appmesh-envoy:*", "builtin": "envoy"},
//!             {"image": "shop:*", "run": ["/opt/shop", "{command}"], "env": {"HOST": "{host}", "PORT": "{port}"}}]}
//! ```
//!
//! Files are given in order and later files win; within one file the first matching entry wins.
//! `image` is a glob in which `*` stands for any text. `run` and `env` may hold [`super::placeholders`].
//!
//! Whatever is wrong with a map is found here, when it is read; the command `check-images` does nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use serde_path_to_error::Segment;
use thiserror::Error;

use super::placeholders::{Text, Word};

/// All image maps that were given, the winning file first.
#[derive(Debug, Clone, Default)]
pub struct ImageMap {
    files: Vec<Vec<Entry>>,
}

/// What one image runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The glob.
    pub image: String,
    /// What runs.
    pub runs: Runs,
    /// Environment on top of the container's own.
    pub env: BTreeMap<String, Text>,
}

impl Entry {
    /// What the image runs in a container that has this entry point: with one of its own, a container of Envoy's image is a
    /// program like any other.
    #[must_use]
    pub fn with_entry_point(self, entry_point: &[String]) -> Self {
        match self.runs {
            Runs::Envoy if !entry_point.is_empty() => Self { runs: Runs::Program(vec![Word::Command]), ..self },
            _ => self,
        }
    }
}

/// What a container is, locally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// A program and its arguments, with placeholders.
    Program(Vec<Word>),
    /// The task's Envoy, configured by this data plane.
    Envoy,
    /// Nothing: the container counts as running until it is stopped.
    Sleep,
}

/// Why an image map cannot be used.
#[derive(Debug, Error)]
pub enum ImageMapError {
    /// The file cannot be read.
    #[error("cannot read image map `{}`", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file is not JSON.
    #[error("image map `{}` is not JSON", .0.display())]
    NotJson(PathBuf, #[source] serde_json::Error),
    /// Something in it is wrong.
    #[error("image map `{}`: {mistake}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where it is and what is allowed.
        mistake: Mistake,
    },
}

/// Something wrong in an image map.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{place}: {why}")]
pub struct Mistake {
    place: String,
    why: String,
}

const FILE_KEYS: [&str; 1] = ["images"];
const ENTRY_KEYS: [&str; 4] = ["image", "run", "env", "builtin"];

#[derive(Deserialize)]
struct FileShape {
    images: Vec<EntryShape>,
}

#[derive(Deserialize)]
struct EntryShape {
    image: String,
    builtin: Option<BuiltinShape>,
    run: Option<Vec<Word>>,
    #[serde(default)]
    env: BTreeMap<String, Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum BuiltinShape {
    Envoy,
    Sleep,
}

impl ImageMap {
    /// Reads the files, of which later ones win.
    ///
    /// # Errors
    /// The first file that cannot be read or has a mistake in it.
    pub fn read(paths: &[PathBuf]) -> Result<Self, ImageMapError> {
        let mut files = Vec::new();
        for path in paths.iter().rev() {
            let text = std::fs::read_to_string(path).map_err(|error| ImageMapError::Unreadable(path.clone(), error))?;
            // Some editors begin a file with a byte order mark.
            files.push(parse(path, text.strip_prefix('\u{feff}').unwrap_or(&text))?);
        }
        Ok(Self { files })
    }

    /// The entry for `image`.
    pub fn find(&self, image: &str) -> Option<&Entry> {
        let mut entries = self.files.iter().flatten();
        entries.find(|entry| glob_matches(&entry.image, image))
    }
}

fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, ImageMapError> {
    let document = serde_json::from_str(text).map_err(|error| ImageMapError::NotJson(path.to_owned(), error))?;
    entries(&document).map_err(|mistake| ImageMapError::Invalid { path: path.to_owned(), mistake })
}

fn entries(document: &Value) -> Result<Vec<Entry>, Mistake> {
    known_keys(document, "the file", &FILE_KEYS)?;
    for (index, entry) in document["images"].as_array().into_iter().flatten().enumerate() {
        known_keys(entry, &entry_place(document, index, ""), &ENTRY_KEYS)?;
    }
    let shape: FileShape = serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        let place = match error.path().iter().nth(1) {
            Some(Segment::Seq { index }) => {
                let within = path.split_once("].").map_or("", |(_, within)| within);
                entry_place(document, *index, within)
            }
            _ if path == "." => "the file".to_owned(),
            _ => format!("`{path}`"),
        };
        Mistake { place, why: error.into_inner().to_string() }
    })?;
    let entries = shape.images.into_iter().enumerate();
    entries
        .map(|(index, shape)| entry(shape).map_err(|why| Mistake { place: entry_place(document, index, ""), why }))
        .collect()
}

fn entry(shape: EntryShape) -> Result<Entry, String> {
    if shape.image.is_empty() {
        return Err("`image` is empty: give a name or a pattern such as `my-app:*`".to_owned());
    }
    let runs = match (shape.builtin, shape.run) {
        (Some(BuiltinShape::Envoy), None) => Runs::Envoy,
        (Some(BuiltinShape::Sleep), None) => Runs::Sleep,
        (None, Some(run)) if !run.is_empty() => Runs::Program(run),
        (None, Some(_)) => return Err("`run` is empty: give the program".to_owned()),
        (None, None) => return Err("one of `run` and `builtin` is needed".to_owned()),
        (Some(_), Some(_)) => return Err("`run` and `builtin` exclude each other".to_owned()),
    };
    Ok(Entry { image: shape.image, runs, env: shape.env })
}

/// How an entry, or what is `within` it, is called: by its number from 0 and its image.
fn entry_place(document: &Value, index: usize, within: &str) -> String {
    let dot = if within.is_empty() { "" } else { "." };
    let image = document["images"][index]["image"].as_str().map(|image| format!(" ({image})"));
    format!("`images[{index}]{dot}{within}`{}", image.unwrap_or_default())
}

/// Refuses what is not an object, and a key that is not `known`.
fn known_keys(value: &Value, place: &str, known: &[&str]) -> Result<(), Mistake> {
    let allowed = known.join("`, `");
    let mistake = |why| Err(Mistake { place: place.to_owned(), why });
    let Some(object) = value.as_object() else {
        return mistake(format!("must be an object; its keys are `{allowed}`"));
    };
    let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    let distance = |key: &&&str| strsim::damerau_levenshtein(key, &unknown.to_lowercase());
    let nearest = known.iter().min_by_key(distance).copied().unwrap_or_default();
    mistake(format!("`{unknown}` is not a key: the nearest is `{nearest}`, allowed are `{allowed}`"))
}

/// Whether `text` is matched by `glob`, in which `*` is any text.
fn glob_matches(glob: &str, text: &str) -> bool {
    let Some((head, rest)) = glob.split_once('*') else {
        return glob == text;
    };
    let Some(tail) = text.strip_prefix(head) else {
        return false;
    };
    (0..=tail.len()).filter(|&at| tail.is_char_boundary(at)).any(|at| glob_matches(rest, &tail[at..]))
}

#[cfg(test)]
#[path = "images_tests.rs"]
mod tests;
