//! The specifications of App Mesh resources, exactly as the API's JSON has them.
//!
//! Serializing what was deserialized gives the same JSON: optional members that were absent stay absent, and
//! members that the API does not know are dropped. Bounds of single members hold by type
//! ([`Int`], [`Text`], [`List`]); rules between members are checked when a request is parsed.
//!
//! Source of members, bounds and enumerations: the App Mesh API reference, version 2019-01-25.
#![allow(
    missing_docs,
    reason = "members carry the names that the API reference documents; only what a name does not say is said here"
)]

mod constraint;
mod gateway_route;
mod listener;
mod matching;
mod mesh;
mod route;
mod tls;
mod virtual_gateway;
mod virtual_node;
mod virtual_service;

pub use constraint::{Int, List, Text};
pub use gateway_route::*;
pub use listener::*;
pub use matching::*;
pub use mesh::*;
pub use route::*;
pub use tls::*;
pub use virtual_gateway::*;
pub use virtual_node::*;
pub use virtual_service::*;

use serde::{Deserialize, Serialize};

/// The name of a resource.
pub type Name = Text<1, 255>;
/// A TCP port.
pub type Port = Int<1, 65535>;
/// A number that must be at least 1.
pub type Positive = Int<1, { i64::MAX }>;
/// A number that must not be negative.
pub type NonNegative = Int<0, { i64::MAX }>;
/// A text of 1 to 255 characters: a path, a prefix, an expression.
pub type Text255 = Text<1, 255>;

impl Port {
    /// The port as socket addresses have it.
    pub fn number(self) -> u16 {
        // The bounds of the type make this exact.
        self.get() as u16
    }
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duration {
    pub unit: DurationUnit,
    pub value: NonNegative,
}

impl Duration {
    /// The span in milliseconds.
    pub fn millis(self) -> u64 {
        let value = self.value.get().unsigned_abs();
        match self.unit {
            DurationUnit::Seconds => value.saturating_mul(1000),
            DurationUnit::Milliseconds => value,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DurationUnit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
}
