//! Removing a version: never while a route names it, started here and looked at again from the state machine.

use serde::Serialize;

use crate::{
    Error, Result,
    error::Kind,
    ports::{StackPhase, Stacks, TrafficRouter},
    service::{Service, Version},
};

/// What kept a stack from being deleted may be gone a moment later: a deletion that failed is asked for once more.
const DELETIONS: u32 = 2;

/// How far the removal of a version is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// Its stack is gone.
    Gone,
    /// CloudFormation is at it, and was asked so often: look again later, and say so then.
    InProgress(Deletions),
    /// CloudFormation could not delete it, or refuses to, for these reasons.
    Failed(Vec<String>),
}

/// How often CloudFormation was asked to delete a stack. The state machine keeps it between two looks: a stack whose deletion
/// CloudFormation gave up may look as if nobody had asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deletions {
    /// None at the beginning.
    pub deletions: u32,
}

/// Takes the next step of removing `version`, of which `deletions` were asked for. A stack that was made for another service
/// only happens to have the version's name: it stays.
///
/// # Errors
/// `Canary.StillReceivingTraffic` if a live route names the version, checked immediately before the delete.
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
            let routes = router.naming(service, &version.name).await?;
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
