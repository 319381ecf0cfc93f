//! What a function is asked, and what AWS answers it.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// One function's invocation. The same one every time, so the answers do not depend on what was asked before.
pub struct Case {
    /// The function's name.
    pub function: String,
    /// Its environment variables, beside those that Lambda sets.
    pub environment: HashMap<String, String>,
    /// The event, as JSON.
    pub event: String,
    /// AWS's answers by operation, or by method and path where a protocol names none: to the first request of an invocation, the
    /// second, and so on. The last one is given again.
    pub answers: HashMap<String, Vec<Answer>>,
}

/// An answer with status 200.
#[derive(Clone)]
pub struct Answer {
    /// Media type.
    pub media_type: &'static str,
    /// Body.
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    event: PathBuf,
    #[serde(default)]
    environment: HashMap<String, String>,
    answers: HashMap<String, Vec<WrittenAnswer>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenAnswer {
    Json(Value),
    Xml(String),
    Cbor(PathBuf),
}

impl Case {
    /// Reads `function`'s case from `cases`. Its files are named as seen from there.
    ///
    /// # Errors
    /// If it is not there or not a case.
    pub fn read(cases: &Path, function: &str) -> Result<Self> {
        let path = cases.join(format!("{function}.json"));
        let text = fs::read_to_string(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let written: Written =
            serde_json::from_str(&text).with_context(|| format!("`{}` is not a case", path.display()))?;
        let event = cases.join(&written.event);
        let answers = written.answers.into_iter().map(|(operation, answers)| {
            let answers: Result<Vec<_>> = answers.into_iter().map(|answer| answer.read(cases)).collect();
            Ok::<_, anyhow::Error>((operation, answers?))
        });
        Ok(Self {
            function: function.to_owned(),
            environment: written.environment,
            event: fs::read_to_string(&event).with_context(|| format!("`{}` cannot be read", event.display()))?,
            answers: answers.collect::<Result<_>>()?,
        })
    }
}

impl WrittenAnswer {
    fn read(self, cases: &Path) -> Result<Answer> {
        let (media_type, body) = match self {
            Self::Json(value) => ("application/json", value.to_string().into_bytes()),
            Self::Xml(text) => ("text/xml", text.into_bytes()),
            Self::Cbor(file) => {
                let file = cases.join(file);
                let body = fs::read(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
                ("application/cbor", body)
            }
        };
        Ok(Answer { media_type, body })
    }
}
