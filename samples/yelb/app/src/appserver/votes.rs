//! The votes, in PostgreSQL.

use std::future::Future;
use std::time::Duration;

use deadpool_postgres::tokio_postgres::{self, NoTls};
use deadpool_postgres::{ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, Timeouts};
use serde::Serialize;

use crate::settings::Address;

/// What can be voted for. `yelb-db/schema.sql` has a row for each.
pub const RESTAURANTS: [&str; 4] = ["ihop", "chipotle", "outback", "bucadibeppo"];

/// The database and its owner, as yelb-db makes them.
const DATABASE: &str = "yelb";

/// Connections that are open at most.
const CONNECTIONS: usize = 8;

/// Getting a connection, and then each statement. Below the caller's time limit, so that the cause is told here.
const TIMEOUT: Duration = Duration::from_secs(3);

const ALL: &str = "SELECT name, votes FROM restaurants ORDER BY name";
const ADD: &str = "UPDATE restaurants SET votes = votes + $2 WHERE name = $1 RETURNING votes";

/// A restaurant with its votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restaurant {
    /// Its name.
    pub name: String,
    /// Its votes.
    pub value: i64,
}

/// Where votes are kept.
pub trait Votes: Send + Sync + 'static {
    /// The votes of all restaurants, by name.
    fn all(&self) -> impl Future<Output = Result<Vec<Restaurant>, VotesError>> + Send;

    /// Adds `votes` to those of `restaurant`; how many it has then.
    fn add(&self, restaurant: &str, votes: i64) -> impl Future<Output = Result<i64, VotesError>> + Send;
}

/// Why the votes could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum VotesError {
    /// There is no connection.
    #[error("no connection to PostgreSQL at `{0}`")]
    Connection(Address, #[source] PoolError),
    /// PostgreSQL refused.
    #[error("PostgreSQL at `{0}` did not do it")]
    Statement(Address, #[source] tokio_postgres::Error),
    /// PostgreSQL did not answer; whether it did it is not known.
    #[error("PostgreSQL at `{0}` did not answer within {limit} s", limit = TIMEOUT.as_secs())]
    NoAnswer(Address),
}

/// A pool of connections to PostgreSQL. One that broke is replaced when it is needed.
pub struct Postgres {
    address: Address,
    pool: Pool,
}

impl Postgres {
    /// The votes at `address`. Nothing is connected before the first use.
    pub fn at(address: &Address) -> Self {
        let mut database = tokio_postgres::Config::new();
        database.host(&address.host).port(address.port).dbname(DATABASE).user(DATABASE).connect_timeout(TIMEOUT);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Verified };
        let manager = deadpool_postgres::Manager::from_config(database, NoTls, recycling);
        let timeouts = Timeouts { wait: Some(TIMEOUT), create: Some(TIMEOUT), recycle: Some(TIMEOUT) };
        let pool = Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1).timeouts(timeouts).build();
        Self { address: address.clone(), pool: pool.expect("a pool with time limits has a runtime") }
    }

    async fn connection(&self) -> Result<deadpool_postgres::Object, VotesError> {
        self.pool.get().await.map_err(|error| VotesError::Connection(self.address.clone(), error))
    }

    async fn within_limit<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>> + Send,
    ) -> Result<T, VotesError> {
        match tokio::time::timeout(TIMEOUT, statement).await {
            Ok(done) => done.map_err(|error| VotesError::Statement(self.address.clone(), error)),
            Err(_) => Err(VotesError::NoAnswer(self.address.clone())),
        }
    }
}

impl Votes for Postgres {
    async fn all(&self) -> Result<Vec<Restaurant>, VotesError> {
        let connection = self.connection().await?;
        let rows = self.within_limit(connection.query(ALL, &[])).await?;
        Ok(rows.iter().map(|row| Restaurant { name: row.get(0), value: row.get(1) }).collect())
    }

    async fn add(&self, restaurant: &str, votes: i64) -> Result<i64, VotesError> {
        let connection = self.connection().await?;
        let row = self.within_limit(connection.query_one(ADD, &[&restaurant, &votes])).await?;
        Ok(row.get(0))
    }
}
