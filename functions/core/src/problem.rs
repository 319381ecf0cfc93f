//! What is wrong with an input: each problem by itself, so that whoever read the input can say where in its source it stands.

use std::fmt;

use crate::text::shown;

/// A message names so many problems and counts the others: an error is state of the execution, and so limited in size.
const SHOWN_PROBLEMS: usize = 20;

/// One thing that is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, or `None` for the input as a whole.
    pub field: Option<String>,
    /// What was found, in words that follow the field's name: "is `0`".
    pub found: String,
    /// What is right: "allowed is a whole number from 1 to 100".
    pub right: String,
}

impl Problem {
    /// A problem of one field.
    pub fn of(field: impl Into<String>, found: impl Into<String>, right: impl Into<String>) -> Self {
        Self { field: Some(field.into()), found: found.into(), right: right.into() }
    }

    /// A problem of the input as a whole.
    pub fn whole(found: impl Into<String>, right: impl Into<String>) -> Self {
        Self { field: None, found: found.into(), right: right.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.field.as_ref().map_or_else(|| "the input".to_owned(), |field| shown(field));
        write!(f, "{subject} {}: {}", self.found, self.right)
    }
}

/// Everything that is wrong with an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Self(problems)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sentences: Vec<String> = self.0.iter().take(SHOWN_PROBLEMS).map(ToString::to_string).collect();
        let more = self.0.len() - sentences.len();
        if more > 0 {
            sentences.push(format!("and {more} more"));
        }
        f.write_str(&sentences.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_looks_like_the_end_of_a_problem_does_not_make_two() {
        let problems = Problems::from(Problem::of("Namespace", "is `a`; `Port` is `b`", "allowed is a name"));
        assert_eq!(problems.iter().count(), 1);
        assert_eq!(problems.to_string(), "`Namespace` is `a`; `Port` is `b`: allowed is a name");
    }

    #[test]
    fn problems_beyond_the_first_twenty_are_counted() {
        let problems = Problems::from(vec![Problem::whole("is `1`", "allowed is nothing"); 23]);
        assert_eq!(problems.iter().count(), 23);
        assert!(problems.to_string().ends_with("; the input is `1`: allowed is nothing; and 3 more"), "{problems}");
    }
}
