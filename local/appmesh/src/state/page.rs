//! Lists in pages.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::fault::Fault;

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) struct Page {
    /// At most this many entries.
    pub limit: usize,
    /// Where the page before ended, as its answer said.
    pub token: Option<String>,
}

impl Page {
    /// The page of `entries`, which come in order of their keys. `member` and `scope` say which list it is,
    /// so that the token of another list is refused.
    pub fn answer<'a>(
        &self,
        member: &str,
        scope: &[String],
        entries: impl Iterator<Item = (&'a str, Value)>,
    ) -> Result<Value, Fault> {
        let after = self.token.as_ref();
        let after = after.map(|token| decode(token, member, scope)).transpose()?;
        let mut rest =
            entries.skip_while(|(key, _)| after.as_ref().is_some_and(|after| *key <= after.as_str())).peekable();
        let mut listed = Vec::new();
        let mut last = "";
        while let Some((key, entry)) = rest.next_if(|_| listed.len() < self.limit) {
            last = key;
            listed.push(entry);
        }
        let mut answer = Map::from_iter([(member.to_owned(), json!(listed))]);
        if rest.peek().is_some() {
            answer.insert("nextToken".into(), json!(encode(member, scope, last)));
        }
        Ok(Value::Object(answer))
    }
}

fn encode(member: &str, scope: &[String], last: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json!([member, scope, last]).to_string())
}

fn decode(token: &str, member: &str, scope: &[String]) -> Result<String, Fault> {
    let read = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let content: (String, Vec<String>, String) = serde_json::from_slice(&bytes).ok()?;
        (content.0 == member && content.1 == scope).then_some(content.2)
    };
    read().ok_or_else(|| Fault::invalid("nextToken", "is not a token of this list"))
}
