//! What the two programs read from their command line and, where that says nothing, from their environment.

use std::net::IpAddr;
use std::process::ExitCode;

use axum::http::HeaderValue;
use clap::Parser;
use clap::error::ErrorKind;
use reqwest::Url;

use crate::server::Listen;

/// The exit status for settings that the program cannot use.
const EXIT_BAD_SETTINGS: u8 = 2;

/// The longest text that travels in a response header, in characters.
const MAX_HEADER_LENGTH: usize = 128;

/// Where Linux tells the machine's name, and in a container the container's.
const KERNEL_HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// yelb-appserver's settings.
#[derive(Debug, Clone, Parser)]
#[command(name = "yelb-appserver", about = "Votes in PostgreSQL, page views in Redis")]
pub struct AppServerSettings {
    /// Address to listen on
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes any free one
    #[arg(long, env = "PORT", default_value = "4567", value_parser = port)]
    pub port: u16,
    /// What the version calls itself
    #[arg(long, env = "VERSION", default_value = "unversioned", value_parser = header)]
    pub version: HeaderValue,
    /// What this app server calls itself; without it the machine's own name, which on ECS holds the task's address
    #[arg(long, env = "HOSTNAME", value_parser = header)]
    pub hostname: Option<HeaderValue>,
    /// How much one vote counts
    #[arg(long, env = "VOTES_PER_CLICK", default_value = "1", value_parser = votes_per_click)]
    pub votes_per_click: i64,
    /// Where PostgreSQL is
    #[arg(long, env = "DB_ADDRESS", default_value = "yelb-db.yelb.local:5432", value_parser = address)]
    pub db: Address,
    /// Where Redis is
    #[arg(long, env = "REDIS_ADDRESS", default_value = "yelb-redisserver.yelb.local:6379", value_parser = address)]
    pub redis: Address,
}

/// yelb-ui's settings.
#[derive(Debug, Clone, Parser)]
#[command(name = "yelb-ui", about = "The page, and /api/ passed on to yelb-appserver")]
pub struct UiSettings {
    /// Address to listen on
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes any free one
    #[arg(long, env = "PORT", default_value = "8080", value_parser = port)]
    pub port: u16,
    /// What the version calls itself
    #[arg(long, env = "VERSION", default_value = "unversioned", value_parser = header)]
    pub version: HeaderValue,
    /// Where yelb-appserver is
    #[arg(long, env = "APPSERVER_URL", default_value = "http://yelb-appserver.yelb.local:4567", value_parser = http_url)]
    pub appserver: Url,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The host's name or IP address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}:{}", self.host, self.port)
    }
}

impl AppServerSettings {
    /// What this app server calls itself.
    pub fn hostname(&self) -> HeaderValue {
        let own = || header(std::fs::read_to_string(KERNEL_HOSTNAME).ok()?.trim()).ok();
        self.hostname.clone().or_else(own).unwrap_or(HeaderValue::from_static("unnamed"))
    }

    /// Where and as what it listens.
    pub fn listen(&self) -> Listen<'_> {
        Listen { program: "yelb-appserver", version: text(&self.version), host: self.host, port: self.port }
    }
}

impl UiSettings {
    /// Where and as what it listens.
    pub fn listen(&self) -> Listen<'_> {
        Listen { program: "yelb-ui", version: text(&self.version), host: self.host, port: self.port }
    }
}

/// The settings of this process.
///
/// # Errors
/// The exit status to end with: what is wrong has been said on one line of standard error, or the help that was asked
/// for on standard output.
pub fn read<T: Parser>() -> Result<T, ExitCode> {
    T::try_parse().map_err(|error| {
        if error.kind() == ErrorKind::DisplayHelp {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        let told = error.to_string();
        let line = told.lines().next().unwrap_or_default();
        eprintln!("{}: {}", T::command().get_name(), line.trim_start_matches("error: "));
        ExitCode::from(EXIT_BAD_SETTINGS)
    })
}

/// What `header` let through is visible ASCII.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

fn port(value: &str) -> Result<u16, &'static str> {
    value.parse().map_err(|_| "allowed is a port number from 0 to 65535")
}

fn votes_per_click(value: &str) -> Result<i64, &'static str> {
    let votes = value.parse().ok().filter(|votes| (1..=10).contains(votes));
    votes.ok_or("allowed is a whole number from 1 to 10")
}

fn header(value: &str) -> Result<HeaderValue, &'static str> {
    let fits = (1..=MAX_HEADER_LENGTH).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    let header = fits.then(|| HeaderValue::from_str(value).ok()).flatten();
    header.ok_or("allowed are 1 to 128 visible ASCII characters")
}

fn address(value: &str) -> Result<Address, &'static str> {
    let parts = value.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let address = parts.and_then(|(host, port)| Some(Address { host: host.to_owned(), port: port.parse().ok()? }));
    address.filter(|address| address.port > 0).ok_or("allowed is a host, a colon and a port")
}

fn http_url(value: &str) -> Result<Url, &'static str> {
    let url = Url::parse(value).ok().filter(|url| url.scheme() == "http");
    url.ok_or("allowed is an http:// URL with a host")
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
