//! What routes and gateway routes have in common.

use super::{exactly_one, require};
use crate::fault::Fault;
use crate::spec::{HeaderMatch, HeaderMatchMethod, HttpPathMatch};

/// A prefix starts with `/`. Prefix and path are two ways to match the same thing: the user guide offers
/// one or the other.
pub(super) fn check_path(member: &str, prefix: Option<&str>, path: Option<&HttpPathMatch>) -> Result<(), Fault> {
    require(prefix.is_none() || path.is_none(), member, "only one of `prefix`, `path` is allowed")?;
    require(prefix.is_none_or(|prefix| prefix.starts_with('/')), &format!("{member}.prefix"), "must start with `/`")?;
    let Some(path) = path else {
        return Ok(());
    };
    let member = format!("{member}.path");
    let ways = [("exact", path.exact.is_some()), ("regex", path.regex.is_some())];
    exactly_one(&member, &ways)?;
    check_regex(&format!("{member}.regex"), path.regex.as_deref())
}

/// Regular expressions of headers, or of gRPC metadata.
pub(super) fn check_headers(member: &str, headers: Option<&[HeaderMatch]>) -> Result<(), Fault> {
    for (index, header) in headers.unwrap_or_default().iter().enumerate() {
        if let Some(HeaderMatchMethod::Regex(regex)) = &header.method {
            check_regex(&format!("{member}[{index}].match.regex"), Some(regex))?;
        }
    }
    Ok(())
}

/// Envoy has RE2's syntax, which has neither look-around nor back-references. The parser here is of the same family: what
/// it refuses RE2 refuses, but for `\\C` and `\\Q…\\E`; what RE2 refuses beyond that, `make status` tells.
fn check_regex(member: &str, regex: Option<&str>) -> Result<(), Fault> {
    let Some(regex) = regex else {
        return Ok(());
    };
    let parsed = regex_syntax::ast::parse::Parser::new().parse(regex);
    parsed.map(drop).map_err(|error| Fault::invalid(member, format!("`{regex}` is not allowed: {}", error.kind())))
}
