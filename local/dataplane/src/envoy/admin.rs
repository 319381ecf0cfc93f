//! Envoy's admin interface, as far as it is needed here.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::model::ADMIN_PORT;

/// Longer than any answer takes on this machine; an Envoy that hangs must not hang its observers.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One Envoy's admin interface.
#[derive(Debug, Clone)]
pub struct Admin {
    client: reqwest::Client,
    base: String,
}

/// Values of statistics by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics(BTreeMap<String, Value>);

impl Statistics {
    /// A counter or gauge; nothing if Envoy does not have it.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// All numbers.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, u64)> {
        let values = self.0.iter();
        values.filter_map(|(name, value)| Some((name.as_str(), value.as_u64()?)))
    }
}

impl FromIterator<(String, Value)> for Statistics {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Admin {
    /// The admin interface at `address`.
    pub fn new(client: reqwest::Client, address: Ipv4Addr) -> Self {
        let base = format!("http://{address}:{ADMIN_PORT}");
        Self { client, base }
    }

    /// Whether this Envoy has all its configuration and serves.
    pub async fn is_live(&self) -> bool {
        #[derive(Deserialize)]
        struct ServerInfo {
            state: String,
        }
        let info = self.get::<ServerInfo>("/server_info").await;
        info.is_ok_and(|info| info.state == "LIVE")
    }

    /// The statistics whose names match the regular expression `filter`, in which `|`, `^` and `$` may be used freely.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub async fn statistics(&self, filter: &str) -> reqwest::Result<Statistics> {
        #[derive(Deserialize)]
        struct Stats {
            stats: Vec<Stat>,
        }
        #[derive(Deserialize)]
        struct Stat {
            name: Option<String>,
            value: Option<Value>,
        }
        let filter = filter.replace('^', "%5E").replace('|', "%7C");
        let stats: Stats = self.get(&format!("/stats?format=json&filter={filter}")).await?;
        // Histograms come in the same list, without a name.
        let named = stats.stats.into_iter().filter_map(|stat| Some((stat.name?, stat.value?)));
        Ok(named.collect())
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> reqwest::Result<T> {
        let request = self.client.get(format!("{}{path}", self.base));
        let response = request.timeout(TIMEOUT).send().await?;
        response.error_for_status()?.json().await
    }
}
