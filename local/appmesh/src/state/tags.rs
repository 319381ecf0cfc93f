//! Tags of resources, addressed by ARN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Page, Record, State};
use crate::fault::{Code, Fault};
use crate::spec::{List, Text};

/// The most tags that a resource can have.
const MOST: usize = 50;

pub(crate) type TagList = List<Tag, 0, MOST>;
pub(crate) type TagKeys = List<Text<1, 128>, 0, MOST>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub key: Text<1, 128>,
    pub value: Text<0, 256>,
}

impl Tag {
    /// The tags by key. Keys that start with `aws:` belong to AWS.
    pub fn by_key(tags: &TagList) -> Result<BTreeMap<String, String>, Fault> {
        let reserved = tags.iter().find(|tag| tag.key.starts_with("aws:"));
        if let Some(Tag { key, .. }) = reserved {
            let problem = format!("key `{key}` is not allowed: `aws:` is reserved");
            return Err(Fault::invalid("tags", problem));
        }
        let tags = tags.iter();
        let pairs = tags.map(|tag| (tag.key.to_string(), tag.value.to_string()));
        Ok(pairs.collect())
    }
}

impl State {
    pub fn tag(&mut self, arn: &str, tags: BTreeMap<String, String>) -> Result<(), Fault> {
        let record = self.by_arn_mut(arn)?;
        let mut tagged = record.tags.clone();
        tagged.extend(tags);
        if tagged.len() > MOST {
            let count = tagged.len();
            let message = format!("`{arn}` would have {count} tags: at most {MOST} are allowed");
            return Err(Fault::new(Code::TooManyTags, message));
        }
        record.tags = tagged;
        Ok(())
    }

    pub fn untag(&mut self, arn: &str, keys: &TagKeys) -> Result<(), Fault> {
        let record = self.by_arn_mut(arn)?;
        for key in keys {
            record.tags.remove(key.as_str());
        }
        Ok(())
    }

    pub fn list_tags(&self, arn: &str, page: &Page) -> Result<Value, Fault> {
        let mut records = self.resources.values();
        let record = records.find(|record| record.metadata.arn == arn).ok_or_else(|| unknown(arn))?;
        let tags = record.tags.iter();
        let tags = tags.map(|(key, value)| (key.as_str(), json!({ "key": key, "value": value })));
        page.answer("tags", &[arn.to_owned()], tags)
    }

    fn by_arn_mut(&mut self, arn: &str) -> Result<&mut Record, Fault> {
        self.resources.values_mut().find(|record| record.metadata.arn == arn).ok_or_else(|| unknown(arn))
    }
}

fn unknown(arn: &str) -> Fault {
    Fault::new(Code::NotFound, format!("resource `{arn}` does not exist"))
}
