//! Every step may run twice and may be failed at any call: the world has to end the same.

use super::{Fault, State, World};
use crate::{Result, error::Kind, error::NAMES};

/// Runs `step` cleanly, then once for each call it makes and each kind of fault: it must report a fault as one worth retrying,
/// and once tried again leave the world as the clean run did. Returns the world's end.
///
/// # Panics
/// If it does not.
pub async fn survives_every_fault<Out>(start: &State, step: impl AsyncFn(&World) -> Result<Out>) -> State {
    let clean = World::new(start.clone());
    settle(&clean, &step, "a clean run").await;
    let (end, calls) = (clean.state().clone(), clean.calls().len());
    settle(&clean, &step, "a second run").await;
    assert_eq!(*clean.state(), end, "a second run changed something; calls: {:#?}", clean.calls());

    for nth in 0..calls {
        for fault in [Fault::Before, Fault::After] {
            let world = World::new(start.clone());
            world.fail(nth, fault);
            let case = format!("call {nth} failed {fault:?}");
            if let Err(error) = step(&world).await {
                let kind = NAMES.iter().find(|(name, _)| *name == error.name()).map(|(_, kind)| *kind);
                assert_eq!(kind, Some(Kind::Retry), "{case}: `{}` is not retried", error.chain());
            }
            settle(&world, &step, &case).await;
            assert_eq!(*world.state(), end, "{case}; calls: {:#?}", world.calls());
        }
    }
    end
}

async fn settle<Out>(world: &World, step: &impl AsyncFn(&World) -> Result<Out>, case: &str) {
    if let Err(error) = step(world).await {
        panic!("{case}: {}; calls: {:#?}", error.chain(), world.calls());
    }
}
