//! The ordering sample: three small HTTP services, each of which calls the next.
//!
//! ```text
//! ui  POST /orders  ->  order  POST /orders  ->  inventory  POST /reservations
//! ui  GET /stock    ->  order  GET /stock    ->  inventory  GET /stock
//! ```
//!
//! Every answer says in `x-version` which version of the service made it, and in `x-order-version` and
//! `x-inventory-version` which versions it called for it. The headers by which Envoy's spans become one trace go from
//! each request to the requests that are made for it ([`trace`]). All are configured by environment variables alone
//! ([`settings`]), and keep what they know in memory.

mod backend;
mod error;
pub mod inventory;
pub mod order;
pub mod server;
pub mod settings;
mod stock;
pub mod trace;
pub mod ui;

use serde::{Deserialize, Serialize};

/// What is ordered and reserved: so many of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The item, as the stock names it.
    pub item: String,
    /// How many, 1 to [`LARGEST_QUANTITY`].
    pub quantity: u32,
}

/// The most that one order can take of an item.
pub const LARGEST_QUANTITY: u32 = 1000;
