//! What the three services read from their environment.

use std::collections::BTreeMap;
use std::net::IpAddr;

use reqwest::Url;

/// Where ui finds order when `ORDER_URL` does not say otherwise: the virtual service's name, with its router's port.
pub const DEFAULT_ORDER_URL: &str = "http://order.ordering.local:8080";

/// Where order finds inventory when `INVENTORY_URL` does not say otherwise.
pub const DEFAULT_INVENTORY_URL: &str = "http://inventory.ordering.local:8080";

/// What inventory begins with when `STOCK` does not say otherwise.
pub const DEFAULT_STOCK: &str = "cup=500,kettle=3,tea=1000000";

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

/// Where a service listens, and what it calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `HOST`: the address to listen on; all addresses by default.
    pub host: IpAddr,
    /// `PORT` (default 8080); 0 takes any free one.
    pub port: u16,
    /// `VERSION`: the deployed version, usually the commit; `unversioned` by default.
    pub version: String,
}

/// ui's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UiSettings {
    /// Where to listen.
    pub listen: Listen,
    /// `ORDER_URL`: the `http://` address of order.
    pub order_url: Url,
}

/// order's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSettings {
    /// Where to listen.
    pub listen: Listen,
    /// `INVENTORY_URL`: the `http://` address of inventory.
    pub inventory_url: Url,
}

/// inventory's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventorySettings {
    /// Where to listen.
    pub listen: Listen,
    /// `STOCK`: what is there at the start, `item=amount` with commas between.
    pub stock: BTreeMap<String, u32>,
}

impl UiSettings {
    /// Reads the settings through `lookup`, which returns a variable's value if it is set.
    ///
    /// # Errors
    /// The first variable that holds something unusable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        Ok(Self { listen: Listen::read(&lookup)?, order_url: url(&lookup, "ORDER_URL", DEFAULT_ORDER_URL)? })
    }
}

impl OrderSettings {
    /// Reads the settings through `lookup`, which returns a variable's value if it is set.
    ///
    /// # Errors
    /// The first variable that holds something unusable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let inventory_url = url(&lookup, "INVENTORY_URL", DEFAULT_INVENTORY_URL)?;
        Ok(Self { listen: Listen::read(&lookup)?, inventory_url })
    }
}

impl InventorySettings {
    /// Reads the settings through `lookup`, which returns a variable's value if it is set.
    ///
    /// # Errors
    /// The first variable that holds something unusable.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let allowed = "item=amount with commas between, each item once, for example cup=500,tea=1000";
        let stock = parsed(&lookup, "STOCK", DEFAULT_STOCK, allowed, amounts)?;
        Ok(Self { listen: Listen::read(&lookup)?, stock })
    }
}

impl Listen {
    fn read(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        Ok(Self {
            host: parsed(lookup, "HOST", "0.0.0.0", "an IP address", |value| value.parse().ok())?,
            port: parsed(lookup, "PORT", "8080", "a port number from 0 to 65535", |value| value.parse().ok())?,
            version: parsed(lookup, "VERSION", "unversioned", "1 to 128 visible ASCII characters", |value| {
                let fits = (1..=MAX_VERSION_LENGTH).contains(&value.len());
                (fits && value.bytes().all(|byte| byte.is_ascii_graphic())).then(|| value.to_owned())
            })?,
        })
    }
}

/// `cup=500,tea=1000` as a map.
fn amounts(text: &str) -> Option<BTreeMap<String, u32>> {
    let mut amounts = BTreeMap::new();
    for pair in text.split(',') {
        let (item, amount) = pair.split_once('=').filter(|(item, _)| !item.is_empty())?;
        if amounts.insert(item.to_owned(), amount.parse().ok()?).is_some() {
            return None;
        }
    }
    Some(amounts)
}

fn url(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    default: &'static str,
) -> Result<Url, InvalidSetting> {
    parsed(lookup, name, default, "an http:// URL with a host", |value| {
        Url::parse(value).ok().filter(|url| url.scheme() == "http")
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
