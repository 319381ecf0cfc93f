//! serviceb: `GET /`, `GET /ping`.

use std::process::ExitCode;

use sample_service_ab::settings::Listen;
use sample_service_ab::{server, serviceb};

const PROGRAM: &str = "serviceb";

#[tokio::main]
async fn main() -> ExitCode {
    match Listen::read(server::variable) {
        Ok(settings) => server::run(PROGRAM, &settings, serviceb::router(&settings)).await,
        Err(error) => server::refuse(PROGRAM, &error),
    }
}
