//! A request taken apart.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Store;
use crate::fault::{Code, Fault};
use crate::kind::parse;
use crate::spec::Text;
use crate::state::{Caller, Page, Timestamp};

/// A request to any operation.
pub(super) struct Call {
    /// The names in the path, in its order.
    pub names: Vec<String>,
    pub caller: Caller,
    pub now: Timestamp,
    query: HashMap<String, String>,
    body: Bytes,
}

impl FromRequest<Store> for Call {
    type Rejection = Fault;

    async fn from_request(request: Request, store: &Store) -> Result<Self, Fault> {
        let (mut parts, body) = request.into_parts();
        let names = <Option<Path<Vec<String>>>>::from_request_parts(&mut parts, store).await;
        let names = names.map_err(|error| bad(&error))?;
        let query = Query::from_request_parts(&mut parts, store).await;
        let Query(query) = query.map_err(|error| bad(&error))?;
        let caller = Caller {
            account: header(&parts.headers, "x-canary-account", "000000000000"),
            region: header(&parts.headers, "x-canary-region", "us-west-2"),
        };
        let request = Request::from_parts(parts, body);
        let body = Bytes::from_request(request, store).await;
        Ok(Self {
            names: names.map(|Path(names)| names).unwrap_or_default(),
            caller,
            now: now(),
            query,
            body: body.map_err(|error| bad(&error))?,
        })
    }
}

impl Call {
    pub fn body(&self) -> Result<Body, Fault> {
        let malformed = |problem: &str| Fault::new(Code::BadRequest, format!("the body {problem}"));
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(members)) => Ok(Body(members)),
            Ok(_) => Err(malformed("is not a JSON object")),
            Err(error) => Err(malformed(&format!("is not JSON: {error}"))),
        }
    }

    /// The part of a list that is asked for; without a `limit`, as much as one page can hold.
    pub fn page(&self, most: usize) -> Result<Page, Fault> {
        let limit = match self.query.get("limit") {
            None => most,
            Some(limit) => {
                let number = limit.parse().ok().filter(|limit| (1..=most).contains(limit));
                let problem = format!("`{limit}` is not allowed: 1 to {most}");
                number.ok_or_else(|| Fault::invalid("limit", problem))?
            }
        };
        let token = self.query.get("nextToken").cloned();
        Ok(Page { limit, token })
    }

    pub fn mesh_owner(&self) -> Result<Option<&str>, Fault> {
        match self.query.get("meshOwner") {
            Some(owner) if owner.len() != 12 => {
                let problem = format!("`{owner}` is not allowed: 12 characters");
                Err(Fault::invalid("meshOwner", problem))
            }
            owner => Ok(owner.map(String::as_str)),
        }
    }

    pub fn resource_arn(&self) -> Result<&str, Fault> {
        let arn = self.query.get("resourceArn");
        arn.map(String::as_str).ok_or_else(|| Fault::invalid("resourceArn", "is missing"))
    }
}

/// The members of a request's body. Members that no operation has are ignored, as the service does.
pub(super) struct Body(Map<String, Value>);

impl Body {
    /// Takes a member out of the body; `null` is as good as absent.
    pub fn take<T: DeserializeOwned>(&mut self, member: &str) -> Result<Option<T>, Fault> {
        match self.0.remove(member) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => parse(member, value).map(Some),
        }
    }

    pub fn require<T: DeserializeOwned>(&mut self, member: &str) -> Result<T, Fault> {
        self.take(member)?.ok_or_else(|| Fault::invalid(member, "is missing"))
    }

    /// Up to 36 letters, digits, hyphens and underscores.
    pub fn take_token(&mut self) -> Result<Option<String>, Fault> {
        let Some(token) = self.take::<Text<1, 36>>("clientToken")? else {
            return Ok(None);
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !token.chars().all(allowed) {
            let problem = format!("`{token}` is not allowed: letters, digits, `-` and `_`");
            return Err(Fault::invalid("clientToken", problem));
        }
        Ok(Some(token.to_string()))
    }

    /// What is left of the body.
    pub fn rest(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

fn bad(error: &impl ToString) -> Fault {
    Fault::new(Code::BadRequest, error.to_string())
}

fn header(headers: &HeaderMap, name: &str, default: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or(default).to_owned()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| since.as_millis() as u64))
}
