//! hello-web: `GET /hello/<name>`, `GET /ping`.

use std::process::ExitCode;

use sample_hello::settings::WebSettings;
use sample_hello::{server, web};

const PROGRAM: &str = "hello-web";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let settings = match WebSettings::read(&arguments, server::variable) {
        Ok(settings) => settings,
        Err(error) => return server::refuse(PROGRAM, &error),
    };
    match web::router(&settings) {
        Ok(routes) => server::run(PROGRAM, &settings.listen, routes).await,
        Err(error) => {
            eprintln!("{PROGRAM}: building the HTTP client failed: {error}");
            ExitCode::FAILURE
        }
    }
}
