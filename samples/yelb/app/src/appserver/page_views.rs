//! The page views, in Redis.

use std::future::Future;
use std::time::Duration;

use deadpool_redis::redis::{self, AsyncConnectionConfig, RedisError};
use deadpool_redis::{Manager, Pool, PoolError, Runtime, Timeouts};

use crate::settings::Address;

/// The key under which Redis has the count.
const KEY: &str = "pageviews";

/// Connections that are open at most.
const CONNECTIONS: usize = 8;

/// Getting a connection, and then the command. Below the caller's time limit, so that the cause is told here.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where page views are counted.
pub trait PageViews: Send + Sync + 'static {
    /// Counts one more; how many there are then.
    fn add(&self) -> impl Future<Output = Result<u64, PageViewsError>> + Send;
}

/// Why a page view could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum PageViewsError {
    /// There is no connection.
    #[error("no connection to Redis at `{0}`")]
    Connection(Address, #[source] PoolError),
    /// Redis refused or did not answer.
    #[error("Redis at `{0}` did not do it")]
    Command(Address, #[source] RedisError),
}

/// A pool of connections to Redis. One that broke is replaced when it is needed.
pub struct Redis {
    address: Address,
    pool: Pool,
}

impl Redis {
    /// The page views at `address`. Nothing is connected before the first use.
    pub fn at(address: &Address) -> Self {
        let limits =
            AsyncConnectionConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT));
        let manager = Manager::new_with_config((address.host.clone(), address.port), limits);
        let manager = manager.expect("a host and a port are enough to connect to");
        let timeouts = Timeouts { wait: Some(TIMEOUT), create: Some(TIMEOUT), recycle: Some(TIMEOUT) };
        let pool = Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1).timeouts(timeouts).build();
        Self { address: address.clone(), pool: pool.expect("a pool with time limits has a runtime") }
    }
}

impl PageViews for Redis {
    async fn add(&self) -> Result<u64, PageViewsError> {
        let connection = self.pool.get().await;
        let mut connection = connection.map_err(|error| PageViewsError::Connection(self.address.clone(), error))?;
        let counted = redis::cmd("INCR").arg(KEY).query_async(&mut connection).await;
        counted.map_err(|error| PageViewsError::Command(self.address.clone(), error))
    }
}
