//! What a request must look like to take a route: members that routes and gateway routes share.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::constraint::union;
use super::{Text, Text255};

/// A header that must match, or must not if `invert` is true.
///
/// Also the shape of gRPC metadata. Without `match` the header only has to be there.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeaderMatch {
    pub invert: Option<bool>,
    #[serde(rename = "match")]
    pub method: Option<HeaderMatchMethod>,
    pub name: Text<1, 50>,
}

union! {
    HeaderMatchMethod {
        Exact(exact: Text255),
        Prefix(prefix: Text255),
        Range(range: MatchRange),
        Regex(regex: Text255),
        Suffix(suffix: Text255),
    }
}

/// Whole numbers from `start` up to but without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchRange {
    pub end: i64,
    pub start: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpScheme {
    Http,
    Https,
}

/// The whole path, without the query: one of the two members is given.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpPathMatch {
    pub exact: Option<Text255>,
    pub regex: Option<Text255>,
}

/// Without `match` the parameter only has to be there.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpQueryParameter {
    #[serde(rename = "match")]
    pub method: Option<QueryParameterMatch>,
    pub name: String,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryParameterMatch {
    pub exact: Option<String>,
}
