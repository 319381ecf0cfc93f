//! yelb-ui: the page, and `/api/` passed on to yelb-appserver.

use std::process::ExitCode;

use sample_yelb::settings::{self, UiSettings};
use sample_yelb::{server, ui};

#[tokio::main]
async fn main() -> ExitCode {
    let settings: UiSettings = match settings::read() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    match ui::router(&settings) {
        Ok(routes) => server::run(&settings.listen(), routes).await,
        Err(error) => {
            eprintln!("yelb-ui: building the HTTP client failed: {error}");
            ExitCode::FAILURE
        }
    }
}
