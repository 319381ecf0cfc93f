//! inventory: `POST /reservations`, `GET /stock`, `GET /ping`.

use std::process::ExitCode;

use sample_ordering::settings::InventorySettings;
use sample_ordering::{inventory, server};

const PROGRAM: &str = "inventory";

#[tokio::main]
async fn main() -> ExitCode {
    match InventorySettings::read(server::variable) {
        Ok(settings) => server::run(PROGRAM, &settings.listen, inventory::router(&settings)).await,
        Err(error) => server::refuse(PROGRAM, &error),
    }
}
