//! Removing a version: never while a route names it, started here and looked at again from the state machine.

use crate::{
    Error, Result,
    ports::{StackPhase, Stacks, TrafficRouter},
    service::{Service, Version},
};

/// How far the removal of a version is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// Its stack is gone.
    Gone,
    /// CloudFormation is at it: look again later.
    InProgress,
    /// CloudFormation could not delete it, for these reasons.
    Failed(Vec<String>),
}

/// Takes the next step of removing `version`. Safe to call any number of times. A stack that was made for another service only
/// happens to have the version's name: it stays.
///
/// # Errors
/// `Canary.StillReceivingTraffic` if a live route names the version, checked immediately before the delete.
pub async fn retire(
    router: &impl TrafficRouter,
    stacks: &impl Stacks,
    service: &Service,
    version: &Version,
) -> Result<Retirement> {
    let stack = stacks.describe(&version.stack).await?.filter(|stack| stack.can_be_of(service));
    match stack.map(|stack| stack.phase) {
        None => Ok(Retirement::Gone),
        Some(StackPhase::Deleting | StackPhase::Busy) => Ok(Retirement::InProgress),
        Some(StackPhase::DeleteFailed) => Ok(Retirement::Failed(stacks.failures(&version.stack).await?)),
        Some(StackPhase::Creating | StackPhase::Ready | StackPhase::Dead | StackPhase::Broken) => {
            let routes = router.naming(service, &version.name).await?;
            if !routes.is_empty() {
                return Err(Error::StillReceivingTraffic {
                    version: version.name.clone(),
                    routes: routes.iter().map(|route| format!("`{route}`")).collect::<Vec<_>>().join(", "),
                });
            }
            stacks.delete(&version.stack).await?;
            Ok(Retirement::InProgress)
        }
    }
}
