//! What routes and gateway routes have in common.

use super::{exactly_one, require};
use crate::fault::Fault;
use crate::spec::HttpPathMatch;

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
    exactly_one(&member, &ways).map(drop)
}
