//! order: `POST /orders`, `GET /orders/<id>`, `GET /stock`, `GET /ping`.

use std::process::ExitCode;

use sample_ordering::settings::OrderSettings;
use sample_ordering::{order, server};

const PROGRAM: &str = "order";

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match OrderSettings::read(server::variable) {
        Ok(settings) => settings,
        Err(error) => return server::refuse(PROGRAM, &error),
    };
    match order::router(&settings) {
        Ok(routes) => server::run(PROGRAM, &settings.listen, routes).await,
        Err(error) => server::no_client(PROGRAM, &error),
    }
}
