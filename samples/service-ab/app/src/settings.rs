//! What the two services read from their environment.

use std::net::IpAddr;

use reqwest::Url;

/// Where servicea finds serviceb when `BACKEND_URL` does not say otherwise: the virtual service's name.
pub const DEFAULT_BACKEND_URL: &str = "http://serviceb.apps.local/";

/// The longest `VERSION`, in characters. It travels in a response header.
const MAX_VERSION_LENGTH: usize = 128;

/// An environment variable holds a value that the service cannot use.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("environment variable `{name}` is `{value}`: allowed is {allowed}")]
pub struct InvalidSetting {
    /// The variable's name.
    pub name: &'static str,
    /// What it holds.
    pub value: String,
    /// What it may hold.
    pub allowed: &'static str,
}

/// Where a service listens, and what it calls itself. All that serviceb reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `HOST`: the address to listen on; all addresses by default.
    pub host: IpAddr,
    /// `PORT` (default 80); 0 takes any free port.
    pub port: u16,
    /// `VERSION`: the deployed version, usually the commit; `unversioned` by default.
    pub version: String,
}

/// servicea's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceASettings {
    /// Where to listen.
    pub listen: Listen,
    /// `BACKEND_URL`: the `http://` address of serviceb.
    pub backend_url: Url,
}

impl Listen {
    /// Reads the settings through `lookup`, which returns a variable's value if it is set.
    ///
    /// # Errors
    /// The first variable that holds something unusable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        Ok(Self {
            host: parsed(&lookup, "HOST", "0.0.0.0", "an IP address", |value| value.parse().ok())?,
            port: parsed(&lookup, "PORT", "80", "a port number from 0 to 65535", |value| value.parse().ok())?,
            version: parsed(&lookup, "VERSION", "unversioned", "1 to 128 visible ASCII characters", |value| {
                let fits = (1..=MAX_VERSION_LENGTH).contains(&value.len());
                (fits && value.bytes().all(|byte| byte.is_ascii_graphic())).then(|| value.to_owned())
            })?,
        })
    }
}

impl ServiceASettings {
    /// Reads the settings through `lookup`, which returns a variable's value if it is set.
    ///
    /// # Errors
    /// The first variable that holds something unusable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        Ok(Self {
            listen: Listen::read(&lookup)?,
            backend_url: parsed(&lookup, "BACKEND_URL", DEFAULT_BACKEND_URL, "an http:// URL with a host", |value| {
                Url::parse(value).ok().filter(|url| url.scheme() == "http")
            })?,
        })
    }
}

/// The variable `name`, or `default` where it is not set, as `parse` understands it.
fn parsed<T>(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    default: &str,
    allowed: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, InvalidSetting> {
    let value = lookup(name).unwrap_or_else(|| default.to_owned());
    parse(&value).ok_or(InvalidSetting { name, value, allowed })
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
