//! ui: the page, `POST /orders`, `GET /orders/<id>`, `GET /stock`, `GET /ping`.

use std::process::ExitCode;

use sample_ordering::settings::UiSettings;
use sample_ordering::{server, ui};

const PROGRAM: &str = "ui";

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match UiSettings::read(server::variable) {
        Ok(settings) => settings,
        Err(error) => return server::refuse(PROGRAM, &error),
    };
    match ui::router(&settings) {
        Ok(routes) => server::run(PROGRAM, &settings.listen, routes).await,
        Err(error) => server::no_client(PROGRAM, &error),
    }
}
