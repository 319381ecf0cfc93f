//! Test support: an in-memory [`World`] behind all ports, plans to run in it, and the harness that fails a step at each call.

mod harness;
mod locks;
mod samples;
mod world;

pub use harness::survives_every_fault;
pub use locks::Held;
pub use samples::{SHIFTED, canary_plan, check, first_plan, live, ready};
pub use world::{Fault, State, World};
