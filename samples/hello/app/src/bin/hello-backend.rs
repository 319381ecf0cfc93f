//! hello-backend: `GET /data`, `GET /ping`.

use std::process::ExitCode;

use sample_hello::settings::BackendSettings;
use sample_hello::{backend, server};

const PROGRAM: &str = "hello-backend";

#[tokio::main]
async fn main() -> ExitCode {
    match BackendSettings::read(server::variable) {
        Ok(settings) => server::run(PROGRAM, &settings.listen, backend::router(&settings)).await,
        Err(error) => server::refuse(PROGRAM, &error),
    }
}
