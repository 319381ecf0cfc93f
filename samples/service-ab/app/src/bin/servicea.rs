//! servicea: `GET /`, `GET /ping`.

use std::process::ExitCode;

use sample_service_ab::settings::ServiceASettings;
use sample_service_ab::{server, servicea};

const PROGRAM: &str = "servicea";

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match ServiceASettings::read(server::variable) {
        Ok(settings) => settings,
        Err(error) => return server::refuse(PROGRAM, &error),
    };
    match servicea::router(&settings) {
        Ok(routes) => server::run(PROGRAM, &settings.listen, routes).await,
        Err(error) => {
            eprintln!("{PROGRAM}: building the HTTP client failed: {error}");
            ExitCode::FAILURE
        }
    }
}
