//! What is wrong with an input, and where.

use std::{fmt, sync::Arc};

/// Where something was read: a file and its line, or an environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    source: Arc<str>,
    /// Counted from 1; 0 where lines mean nothing.
    line: usize,
}

impl Place {
    /// A line of a file.
    #[must_use]
    pub fn line(file: &str, line: usize) -> Self {
        Self { source: file.into(), line }
    }

    /// A file as a whole, an environment variable or an option.
    #[must_use]
    pub fn whole(source: &str) -> Self {
        Self { source: source.into(), line: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source),
            line => write!(f, "{}:{line}", self.source),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    place: Place,
    message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Everything that is wrong: all of it is reported at once, in the order of the lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn add(&mut self, place: &Place, message: impl Into<String>) {
        self.0.push(Problem { place: place.clone(), message: message.into() });
    }

    /// A single one.
    #[must_use]
    pub fn one(place: &Place, message: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.add(place, message);
        problems
    }

    /// The value, or what is wrong with it added to these.
    pub fn take<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        result.map_err(|Self(more)| self.0.extend(more)).ok()
    }

    /// `value`, if nothing is wrong.
    ///
    /// # Errors
    /// What is wrong, sorted by place.
    pub fn unless_any<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        Err(self.sorted())
    }

    /// In the order of the places.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.0.sort();
        self
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}
