//! The image map: what a container image runs on this machine.
//!
//! ```json
//! {"images": [{"image": "*/aws-appmesh-envoy:*", "builtin": "envoy"},
//!             {"image": "shop:*", "run": ["/opt/shop", "{command}"], "env": {"HOST": "{host}", "PORT": "{port}"}}]}
//! ```
//!
//! Files are given in order and later files win; within one file the first matching entry wins.
//! `image` is a glob in which `*` stands for any text. `run` and `env` may hold placeholders:
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{host}` | the task's address |
//! | `{port}` | the container's first `containerPort` |
//! | `{checkout}` | the directory given with `--checkout` |
//! | `{egress:NAME}` | `address:port` at which this task reaches the virtual service `NAME` through its own Envoy |
//! | `{command}` | as a whole element of `run`: the container's own entry point and command |
//!
//! Any other text in braces is left as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

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
    pub env: BTreeMap<String, String>,
}

/// What a container is, locally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// A program and its arguments, with placeholders.
    Program(Vec<String>),
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
    /// The file is not JSON of the right shape.
    #[error("image map `{}` is not valid", .0.display())]
    Malformed(PathBuf, #[source] serde_json::Error),
    /// An entry says too little or too much.
    #[error("image map `{}`: `images[{index}]` ({image}): {why}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry's position.
        index: usize,
        /// The entry's image.
        image: String,
        /// What is wrong.
        why: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileShape {
    images: Vec<EntryShape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryShape {
    image: String,
    builtin: Option<BuiltinShape>,
    run: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
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
    /// The first file that cannot be read or understood, with the entry where that is known.
    pub fn read(paths: &[PathBuf]) -> Result<Self, ImageMapError> {
        let mut files = Vec::new();
        for path in paths.iter().rev() {
            let text = std::fs::read_to_string(path).map_err(|error| ImageMapError::Unreadable(path.clone(), error))?;
            files.push(parse(path, &text)?);
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
    let shape: FileShape =
        serde_json::from_str(text).map_err(|error| ImageMapError::Malformed(path.to_owned(), error))?;
    let entries = shape.images.into_iter().enumerate();
    entries
        .map(|(index, entry)| {
            let image = entry.image;
            let refuse = |why| Err(ImageMapError::Entry { path: path.to_owned(), index, image: image.clone(), why });
            let runs = match (entry.builtin, entry.run) {
                (Some(BuiltinShape::Envoy), None) => Runs::Envoy,
                (Some(BuiltinShape::Sleep), None) => Runs::Sleep,
                (None, Some(run)) if !run.is_empty() => Runs::Program(run),
                (None, Some(_)) => return refuse("`run` is empty: give the program"),
                (None, None) => return refuse("one of `run` and `builtin` is needed"),
                (Some(_), Some(_)) => return refuse("`run` and `builtin` exclude each other"),
            };
            Ok(Entry { image, runs, env: entry.env })
        })
        .collect()
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

/// What placeholders stand for in one container.
#[derive(Debug, Clone)]
pub struct Placeholders<'a> {
    /// `{host}`.
    pub host: String,
    /// `{port}`; absent if the container maps no port.
    pub port: Option<u16>,
    /// `{checkout}`.
    pub checkout: &'a Path,
    /// `{command}`.
    pub command: &'a [String],
    /// `{egress:NAME}` by virtual service.
    pub egress: BTreeMap<String, String>,
}

/// A placeholder that has no value in this container.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlaceholderError {
    /// `{port}` without a port mapping.
    #[error("`{{port}}` is used but the container maps no port")]
    NoPort,
    /// `{egress:NAME}` of a service that the task does not know.
    #[error("`{{egress:{0}}}` is used but `{0}` is not a backend of this task's virtual node")]
    NoEgress(String),
    /// Nothing is left to run.
    #[error("nothing to run: `run` is `{{command}}` and the container has no command")]
    NoProgram,
}

impl Placeholders<'_> {
    /// The program and arguments of `run`.
    ///
    /// # Errors
    /// A placeholder without a value, or nothing left to run.
    pub fn program(&self, run: &[String]) -> Result<Vec<String>, PlaceholderError> {
        let mut program = Vec::new();
        for element in run {
            match element.as_str() {
                "{command}" => program.extend_from_slice(self.command),
                _ => program.push(self.text(element)?),
            }
        }
        match program.is_empty() {
            true => Err(PlaceholderError::NoProgram),
            false => Ok(program),
        }
    }

    /// `text` with its placeholders replaced.
    ///
    /// # Errors
    /// A placeholder without a value.
    pub fn text(&self, text: &str) -> Result<String, PlaceholderError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            out.push_str(before);
            let end = from.find('}').map_or(from.len(), |close| close + 1);
            let (token, after) = from.split_at(end);
            match self.value(token)? {
                Some(value) => out.push_str(&value),
                None => {
                    // Not one of ours, JSON perhaps: keep the brace and look again behind it.
                    out.push('{');
                    rest = &from[1..];
                    continue;
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, token: &str) -> Result<Option<String>, PlaceholderError> {
        let name = token.trim_start_matches('{').trim_end_matches('}');
        if let Some(service) = name.strip_prefix("egress:") {
            let address = self.egress.get(service).cloned();
            return address.map(Some).ok_or_else(|| PlaceholderError::NoEgress(service.to_owned()));
        }
        Ok(match token {
            "{host}" => Some(self.host.clone()),
            "{port}" => Some(self.port.ok_or(PlaceholderError::NoPort)?.to_string()),
            "{checkout}" => Some(self.checkout.display().to_string()),
            _ => None,
        })
    }
}

#[cfg(test)]
#[path = "images_tests.rs"]
mod tests;
