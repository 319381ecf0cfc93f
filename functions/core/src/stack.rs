//! A version's CloudFormation stack.

use crate::service::Service;

/// Lifecycle phase of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackPhase {
    /// CloudFormation is creating it.
    Creating,
    /// CloudFormation is updating it or rolling it back, and refuses to delete it meanwhile.
    Busy,
    /// It stands.
    Ready,
    /// It never came up and never will: it can only be deleted.
    Dead,
    /// It came up once, and an update failed: it may serve and may not.
    Broken,
    /// CloudFormation is deleting it.
    Deleting,
    /// It could not be deleted.
    DeleteFailed,
}

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its lifecycle phase.
    pub phase: StackPhase,
    /// CloudFormation's status, such as `CREATE_COMPLETE`.
    pub status: String,
    /// The execution that made it, from its tag.
    pub execution: Option<String>,
    /// The service that it was made for, from its tags: [`Service::key`].
    pub service: Option<String>,
}

impl Stack {
    /// Whether its version may have something to answer with.
    #[must_use]
    pub fn can_serve(&self) -> bool {
        !matches!(self.phase, StackPhase::Deleting | StackPhase::DeleteFailed | StackPhase::Dead)
    }

    /// Whether it can be a version of `service`: not if it was made for another one. Its name does not tell: environment `a-b`
    /// with service `c` makes the same as environment `a` with service `b-c`.
    #[must_use]
    pub fn can_be_of(&self, service: &Service) -> bool {
        self.service.as_ref().is_none_or(|made_for| *made_for == service.key())
    }
}
