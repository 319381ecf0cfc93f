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
    /// The calls of one invocation in their order, each with AWS's answer.
    pub calls: Vec<Call>,
}

/// A call and its answer.
#[derive(Clone)]
pub struct Call {
    /// The operation, or method and path where a protocol names none.
    pub operation: String,
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub media_type: &'static str,
    /// The answer's body.
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    event: PathBuf,
    #[serde(default)]
    environment: HashMap<String, String>,
    #[serde(default)]
    calls: Vec<WrittenCall>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCall {
    operation: String,
    #[serde(default = "ok")]
    status: u16,
    answer: Answer,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Json(Value),
    Xml(String),
    /// A file, as seen from the case's.
    Cbor(PathBuf),
}

fn ok() -> u16 {
    200
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
        Ok(Self {
            function: function.to_owned(),
            environment: written.environment,
            event: fs::read_to_string(&event).with_context(|| format!("`{}` cannot be read", event.display()))?,
            calls: written.calls.into_iter().map(|call| call.read(cases)).collect::<Result<_>>()?,
        })
    }
}

impl WrittenCall {
    fn read(self, cases: &Path) -> Result<Call> {
        let (media_type, body) = match self.answer {
            Answer::Json(value) => ("application/json", value.to_string().into_bytes()),
            Answer::Xml(text) => ("text/xml", text.into_bytes()),
            Answer::Cbor(file) => {
                let file = cases.join(file);
                let body = fs::read(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
                ("application/cbor", body)
            }
        };
        Ok(Call { operation: self.operation, status: self.status, media_type, body })
    }
}
