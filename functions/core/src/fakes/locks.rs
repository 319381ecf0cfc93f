//! The world's locks, and the executions that hold them.

use time::OffsetDateTime;

use super::world::{World, refused};
use crate::{
    Result,
    error::Refusal,
    lock::{ExecutionState, Lock},
    plan::Plan,
    ports::{Executions, Locks},
};

/// A lock that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The execution that has it.
    pub holder: String,
    /// Since when.
    pub since: OffsetDateTime,
    /// The plan that was noted in it last and was not finished.
    pub unfinished: Option<Plan>,
}

impl Locks for World {
    async fn take(&self, key: &str, execution: &str, ended: Option<&str>, now: OffsetDateTime) -> Result<Lock> {
        self.call("UpdateItem", key, |state| match &mut state.lock {
            Some(held) if held.holder != execution && Some(held.holder.as_str()) != ended => {
                Ok(Lock::HeldBy { execution: held.holder.clone(), since: held.since })
            }
            lock => {
                let unfinished = lock.take().and_then(|held| held.unfinished);
                *lock = Some(Held { holder: execution.to_owned(), since: now, unfinished: unfinished.clone() });
                Ok(Lock::Taken(unfinished.map(Box::new)))
            }
        })
    }

    async fn note(&self, plan: &Plan) -> Result<()> {
        self.call("UpdateItem", &plan.service.key(), |state| {
            let held = state.lock.as_mut().filter(|held| held.holder == plan.execution);
            let held = held.ok_or_else(|| refused("UpdateItem", &plan.service.key(), Refusal::Rejected))?;
            held.unfinished = Some(plan.clone());
            Ok(())
        })
    }

    async fn release(&self, key: &str, execution: &str) -> Result<()> {
        self.call("DeleteItem", key, |state| {
            if let Some(held) = &mut state.lock {
                held.unfinished.take_if(|plan| plan.execution == execution);
                if held.holder == execution && held.unfinished.is_none() {
                    state.lock = None;
                }
            }
            Ok(())
        })
    }
}

impl Executions for World {
    async fn state(&self, execution: &str) -> Result<ExecutionState> {
        self.call("DescribeExecution", execution, |state| {
            let stopped = |at: &OffsetDateTime| ExecutionState::Ended { at: *at, why: "was stopped".to_owned() };
            Ok(match (state.running.contains(execution), state.ended.contains(execution)) {
                (true, _) => ExecutionState::Running,
                (_, true) => ExecutionState::Succeeded,
                _ => state.stopped.get(execution).map_or(ExecutionState::Unknown, stopped),
            })
        })
    }
}
