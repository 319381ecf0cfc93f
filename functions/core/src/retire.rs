//! Removing a version: never while anything sends traffic to it. Started here, and polled from the state machine.

use serde::Serialize;

use crate::{
    Error, Result,
    error::Kind,
    ports::{Stacks, TrafficRouter},
    service::{Service, Version},
    stack::StackPhase,
};

/// What kept a stack from being deleted may be gone a moment later: a deletion that failed is asked for once more.
const DELETIONS: u32 = 2;

/// How far the removal of a version is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// Its stack is gone.
    Gone,
    /// Deletion in progress; how many times it was requested.
    InProgress(Deletions),
    /// CloudFormation could not delete it, or refuses to, for these reasons.
    Failed(Vec<String>),
}

/// How many times CloudFormation was asked to delete a stack. The state machine keeps it between two polls: a stack whose deletion
/// CloudFormation gave up can have the same status as before the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deletions {
    /// None at the beginning.
    pub deletions: u32,
}

/// Takes the next step of removing `version`, whose deletion was requested `deletions` times. A stack that was made for another
/// service only happens to have the version's name: it stays.
///
/// # Errors
/// `Canary.StillReceivingTraffic` if anything sends traffic to the version, checked immediately before the delete.
pub async fn retire(
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    service: &Service,
    version: &Version,
    deletions: u32,
) -> Result<Retirement> {
    let stack = stacks.describe(&version.stack).await?.filter(|stack| stack.can_be_of(service));
    let Some(stack) = stack else { return Ok(Retirement::Gone) };
    match stack.phase {
        StackPhase::Deleting | StackPhase::Busy => Ok(Retirement::InProgress(Deletions { deletions })),
        StackPhase::Creating if deletions > 0 => Ok(Retirement::InProgress(Deletions { deletions })),
        _ if deletions >= DELETIONS => Ok(Retirement::Failed(stacks.failures(&version.stack).await?)),
        _ => {
            let routes = router.routes_targeting(service, version).await?;
            if !routes.is_empty() {
                return Err(Error::StillReceivingTraffic {
                    version: version.name.clone(),
                    routes: routes.iter().map(|route| format!("`{route}`")).collect::<Vec<_>>().join(", "),
                });
            }
            match stacks.delete(&version.stack).await {
                Ok(()) => Ok(Retirement::InProgress(Deletions { deletions: deletions + 1 })),
                Err(refusal) if refusal.kind() == Kind::GiveUp => Ok(Retirement::Failed(vec![refusal.chain()])),
                Err(error) => Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{
        fakes::{State, World, canary_plan},
        stack::Stack,
    };

    #[tokio::test]
    async fn while_cloudformation_works_on_a_stack_nobody_asks_for_its_deletion() {
        let plan = canary_plan();
        for phase in [StackPhase::Busy, StackPhase::Deleting] {
            let stack = Stack::in_phase(phase, Some("arn:execution"));
            let stacks = [("demo-web-bbb".to_owned(), stack)].into();
            let world = World::new(State { stacks, ..State::default() });
            let step = retire(&world, &world, &plan.service, plan.deployment.candidate(), 0).await.unwrap();
            assert_eq!(step, Retirement::InProgress(Deletions { deletions: 0 }), "{phase:?}");
            assert_eq!(world.calls(), ["DescribeStacks demo-web-bbb"]);
        }
    }
}
