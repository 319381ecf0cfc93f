//! What the two services read from their environment and their command line.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;

/// Where hello-web finds hello-backend when `BACKEND_URL` does not say otherwise: the virtual service's name.
pub const DEFAULT_BACKEND_URL: &str = "http://hello-backend.demo.local/data";

/// The longest `DELAY_MS`: ten minutes. A longer one is a typing error.
const MAX_DELAY_MS: u64 = 600_000;

/// The longest `VERSION`, in characters. It travels in a response header.
const MAX_VERSION_LENGTH: usize = 128;

/// An environment variable or the command line holds something that the service cannot use.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{name}` is `{value}`: allowed is {allowed}")]
pub struct InvalidSetting {
    /// The variable's name, or `arguments`.
    pub name: &'static str,
    /// What is there.
    pub value: String,
    /// What may be there.
    pub allowed: &'static str,
}

/// Where a service listens, and what it calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `HOST`: the address to listen on; all addresses by default.
    pub host: IpAddr,
    /// `PORT` (default 8080) plus `PORT_OFFSET` (default 0). An offset makes a version that runs and cannot be reached.
    /// `PORT` 0 takes any free port.
    pub port: u16,
    /// `VERSION`: the deployed version, usually the commit; `unversioned` by default.
    pub version: String,
}

/// hello-backend's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendSettings {
    /// Where to listen.
    pub listen: Listen,
    /// `ERROR_PERCENT` (0–100, default 0): how many of each hundred `/data` answers are a 500.
    pub error_percent: u8,
    /// `DELAY_MS` (0–600,000 milliseconds, default 0): how long `/data` waits before it answers.
    pub delay: Duration,
}

/// hello-web's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// Where to listen.
    pub listen: Listen,
    /// `BACKEND_URL`, or the argument `-b URL`, which goes before it: the `http://` address of hello-backend's data.
    pub backend_url: Url,
    /// `ERROR_PERCENT` (0–100, default 0): how many of each hundred `/hello/<name>` answers are a 500.
    pub error_percent: u8,
    /// `DELAY_MS` (0–600,000 milliseconds, default 0): how long `/hello/<name>` waits before it answers.
    pub delay: Duration,
}

impl BackendSettings {
    /// Reads the settings through `lookup`, which returns a variable's value if it is set.
    ///
    /// # Errors
    /// The first variable that holds something unusable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        Ok(Self { listen: Listen::read(&lookup)?, error_percent: error_percent(&lookup)?, delay: delay(&lookup)? })
    }
}

impl WebSettings {
    /// Reads the settings from the command line and through `lookup`, which returns a variable's value if it is set.
    ///
    /// # Errors
    /// The first that is unusable.
    pub fn read(arguments: &[String], lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let backend = match arguments {
            [] => None,
            [flag, url] if flag == "-b" => Some(url.clone()),
            _ => {
                let allowed = "nothing, or `-b` and an http:// URL";
                return Err(InvalidSetting { name: "arguments", value: arguments.join(" "), allowed });
            }
        };
        let lookup = |name: &str| backend.clone().filter(|_| name == "BACKEND_URL").or_else(|| lookup(name));
        Ok(Self {
            listen: Listen::read(&lookup)?,
            backend_url: parsed(&lookup, "BACKEND_URL", DEFAULT_BACKEND_URL, "an http:// URL with a host", |value| {
                Url::parse(value).ok().filter(|url| url.scheme() == "http")
            })?,
            error_percent: error_percent(&lookup)?,
            delay: delay(&lookup)?,
        })
    }
}

impl Listen {
    fn read(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let port: u16 = parsed(lookup, "PORT", "8080", "a port number from 0 to 65535", |value| value.parse().ok())?;
        Ok(Self {
            host: parsed(lookup, "HOST", "0.0.0.0", "an IP address", |value| value.parse().ok())?,
            port: parsed(
                lookup,
                "PORT_OFFSET",
                "0",
                "a whole number that leaves PORT + PORT_OFFSET between 0 and 65535",
                |value| offset_port(port, value.parse().ok()?),
            )?,
            version: parsed(lookup, "VERSION", "unversioned", "1 to 128 visible ASCII characters", |value| {
                let fits = (1..=MAX_VERSION_LENGTH).contains(&value.len());
                (fits && value.bytes().all(|byte| byte.is_ascii_graphic())).then(|| value.to_owned())
            })?,
        })
    }
}

/// `port + offset`, where that is a port.
fn offset_port(port: u16, offset: i32) -> Option<u16> {
    i32::from(port).checked_add(offset)?.try_into().ok()
}

fn error_percent(lookup: &impl Fn(&str) -> Option<String>) -> Result<u8, InvalidSetting> {
    let allowed = "a whole number of percent from 0 to 100";
    parsed(lookup, "ERROR_PERCENT", "0", allowed, |value| value.parse().ok().filter(|percent| *percent <= 100))
}

fn delay(lookup: &impl Fn(&str) -> Option<String>) -> Result<Duration, InvalidSetting> {
    let allowed = "a whole number of milliseconds from 0 to 600000";
    parsed(lookup, "DELAY_MS", "0", allowed, |value| {
        let milliseconds = value.parse().ok().filter(|ms| *ms <= MAX_DELAY_MS)?;
        Some(Duration::from_millis(milliseconds))
    })
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
