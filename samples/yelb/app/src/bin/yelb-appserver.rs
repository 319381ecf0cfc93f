//! yelb-appserver: votes in PostgreSQL, page views in Redis.

use std::process::ExitCode;

use sample_yelb::appserver::{self, page_views::Redis, votes::Postgres};
use sample_yelb::server;
use sample_yelb::settings::{self, AppServerSettings};

#[tokio::main]
async fn main() -> ExitCode {
    let settings: AppServerSettings = match settings::read() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let routes = appserver::router(&settings, Postgres::at(&settings.db), Redis::at(&settings.redis));
    server::run(&settings.listen(), routes).await
}
