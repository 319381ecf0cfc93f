//! The errors a deployment can end with: a stable name that the state machine matches, a message, and a kind.
//!
//! The names are a contract with `statemachine/canary.asl.json`; `tests/contract_state_machine.rs` compares the two.

use std::error::Error as StdError;

use crate::{
    problem::{Problem, Problems},
    text::message,
};

/// The result of anything that can fail in a deployment.
pub type Result<T> = std::result::Result<T, Error>;

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The same call may succeed later: the state machine's Retry names it.
    Retry,
    /// It will fail again: the state machine goes straight to Catch.
    GiveUp,
}

/// How AWS turned a call down, as far as it changes what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Throttled, a 5xx answer, a time-out, or no answer at all.
    Unavailable,
    /// Somebody else changed the same thing at the same time.
    Conflict,
    /// The role may not do this.
    AccessDenied,
    /// Any other refusal: the request is wrong and stays wrong.
    Rejected,
}

/// Everything that can go wrong in a deployment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of the request is missing, misspelt or out of range. Nothing was touched.
    #[error("{0}")]
    InvalidInput(Problems),
    /// A state received data that is not of the expected shape: the state machine and the functions are of different versions.
    #[error("state data does not fit function `{function}`: {why}")]
    InvalidState {
        /// The function that was called.
        function: &'static str,
        /// What did not fit.
        why: String,
    },
    /// The candidate is the version that already receives all traffic.
    #[error("`{version}` already receives all traffic of `{service}`; deploy a new commit")]
    AlreadyDeployed {
        /// The version asked for.
        version: String,
        /// The service it belongs to.
        service: String,
    },
    /// Another deployment of the service is under way.
    #[error(
        "another deployment of `{service}` is running: {execution}; wait for its end or stop it, or deploy with `OnRunning`: `Queue`"
    )]
    AlreadyRunning {
        /// The service.
        service: String,
        /// The execution that is deploying it.
        execution: String,
    },
    /// Another deployment of the service was waited for as long as an execution may.
    #[error(
        "waited {waited} seconds for the deployment of `{service}` that is running, {execution}: allowed are {allowed}"
    )]
    QueuedTooLong {
        /// The service.
        service: String,
        /// The execution that is deploying it.
        execution: String,
        /// For how many seconds.
        waited: i64,
        /// For how many seconds it may be.
        allowed: i64,
    },
    /// The deployment could not be recorded at its end.
    #[error("a version of `{service}` could not be recorded: {why}")]
    NotRecordable {
        /// The service.
        service: String,
        /// What keeps Parameter Store from it.
        why: String,
    },
    /// More than one of the others, under the name of the first.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Error>),
    /// The live route is not what this deployment may change.
    #[error("route of `{service}` is not this deployment's to change: {why}")]
    UnexpectedRoute {
        /// The service whose route it is.
        service: String,
        /// What was found and what was expected.
        why: String,
    },
    /// The router accepted the new weights and does not report them yet.
    #[error("route of `{service}` reports {found} after {wanted} was set")]
    ShiftNotApplied {
        /// The service whose route it is.
        service: String,
        /// What was set.
        wanted: String,
        /// What was read back.
        found: String,
    },
    /// A version that is to be removed is still named by a live route.
    #[error("will not remove `{version}`: still named by {routes}")]
    StillReceivingTraffic {
        /// The version that was to be removed.
        version: String,
        /// The routes that name it.
        routes: String,
    },
    /// The old version would be removed, and the candidate has nothing to answer with.
    #[error("will not remove `{stable}`: {why}")]
    CandidateNotRunning {
        /// The version that was to be removed.
        stable: String,
        /// What is missing of the candidate.
        why: String,
    },
    /// The candidate's stack could not be brought up.
    #[error("stack `{stack}` is {status}: {reasons}")]
    StackFailed {
        /// The stack.
        stack: String,
        /// CloudFormation's status, such as `ROLLBACK_COMPLETE`.
        status: String,
        /// Which resources failed and why.
        reasons: String,
    },
    /// The new version is live and recorded, and the old one's stack could not be deleted.
    #[error("stack `{stack}` of the old version could not be deleted ({reasons}); {}", delete_command(.stack))]
    OldVersionNotRemoved {
        /// The stack.
        stack: String,
        /// Which resources failed and why.
        reasons: String,
    },
    /// A rollback ends without having put everything back.
    #[error("{0}")]
    RollbackIncomplete(String),
    /// An AWS call failed.
    #[error("{operation} of `{subject}` failed")]
    Aws {
        /// The API operation.
        operation: &'static str,
        /// What it was called on.
        subject: String,
        /// How it was turned down.
        refusal: Refusal,
        /// The SDK's error.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// Every error name there is, with its kind: the contract with the state machine.
pub const NAMES: &[(&str, Kind)] = &[
    ("Canary.InvalidInput", Kind::GiveUp),
    ("Canary.InvalidState", Kind::GiveUp),
    ("Canary.AlreadyDeployed", Kind::GiveUp),
    ("Canary.AlreadyRunning", Kind::GiveUp),
    ("Canary.QueuedTooLong", Kind::GiveUp),
    ("Canary.NotRecordable", Kind::GiveUp),
    ("Canary.UnexpectedRoute", Kind::GiveUp),
    ("Canary.ShiftNotApplied", Kind::Retry),
    ("Canary.StillReceivingTraffic", Kind::GiveUp),
    (NOT_RUNNING, Kind::GiveUp),
    ("Canary.StackFailed", Kind::GiveUp),
    ("Canary.OldVersionNotRemoved", Kind::GiveUp),
    ("Canary.RollbackIncomplete", Kind::GiveUp),
    ("Canary.Unavailable", Kind::Retry),
    ("Canary.Conflict", Kind::Retry),
    ("Canary.AccessDenied", Kind::GiveUp),
    ("Canary.Rejected", Kind::GiveUp),
    (INTERRUPTED, Kind::GiveUp),
    (UNHEALTHY, Kind::GiveUp),
    (STATE_FAILED, Kind::GiveUp),
    (NOT_UNDERSTOOD, Kind::GiveUp),
    (REPAIR_INCOMPLETE, Kind::GiveUp),
];

/// The failure of a deployment that would remove the old version while the candidate has no healthy task.
pub const NOT_RUNNING: &str = "Canary.CandidateNotRunning";

/// What an execution ends with where Step Functions ended a state itself, for example because it took too long: AWS keeps the
/// names that begin with `States.` for itself.
pub const STATE_FAILED: &str = "Canary.StateFailed";

/// The failure of a deployment one of whose functions returned a status that the state machine does not know.
pub const NOT_UNDERSTOOD: &str = "Canary.NotUnderstood";

/// What an execution ends with that could not repair what an earlier one left.
pub const REPAIR_INCOMPLETE: &str = "Canary.RepairIncomplete";

/// The failure of a deployment whose execution ended before the deployment did. No function raises it: it is what a repair tells
/// Roll Back.
pub const INTERRUPTED: &str = "Canary.Interrupted";

/// The failure of a deployment whose candidate was judged unhealthy. No function raises it: a verdict is an answer, and the
/// state machine turns it into a failure.
pub const UNHEALTHY: &str = "Canary.Unhealthy";

/// The command that finishes what CloudFormation could not.
#[must_use]
pub fn delete_command(stack: &str) -> String {
    format!("remove the cause and delete it with `aws cloudformation delete-stack --stack-name {stack}`")
}

impl Error {
    /// The refusal of one field, with what was found and what is right in words: "is `0`", "allowed is 1".
    pub fn invalid(field: &str, found: impl Into<String>, right: impl Into<String>) -> Self {
        Self::InvalidInput(Problem::of(field, found, right).into())
    }

    /// The stable name that Step Functions shows and matches.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::InvalidInput(_) => "Canary.InvalidInput",
            Self::InvalidState { .. } => "Canary.InvalidState",
            Self::AlreadyDeployed { .. } => "Canary.AlreadyDeployed",
            Self::AlreadyRunning { .. } => "Canary.AlreadyRunning",
            Self::QueuedTooLong { .. } => "Canary.QueuedTooLong",
            Self::NotRecordable { .. } => "Canary.NotRecordable",
            Self::Several(errors) => errors.first().map_or("Canary.InvalidInput", Self::name),
            Self::UnexpectedRoute { .. } => "Canary.UnexpectedRoute",
            Self::ShiftNotApplied { .. } => "Canary.ShiftNotApplied",
            Self::StillReceivingTraffic { .. } => "Canary.StillReceivingTraffic",
            Self::CandidateNotRunning { .. } => NOT_RUNNING,
            Self::StackFailed { .. } => "Canary.StackFailed",
            Self::OldVersionNotRemoved { .. } => "Canary.OldVersionNotRemoved",
            Self::RollbackIncomplete(_) => "Canary.RollbackIncomplete",
            Self::Aws { refusal, .. } => match refusal {
                Refusal::Unavailable => "Canary.Unavailable",
                Refusal::Conflict => "Canary.Conflict",
                Refusal::AccessDenied => "Canary.AccessDenied",
                Refusal::Rejected => "Canary.Rejected",
            },
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let listed = NAMES.iter().find(|(name, _)| *name == self.name());
        listed.map_or(Kind::GiveUp, |(_, kind)| *kind)
    }

    /// The message with every cause behind it, once each, in one line of visible characters.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let next = error.to_string();
            if !text.ends_with(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            cause = error.source();
        }
        message(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> Vec<Error> {
        let text = String::new;
        let aws = |refusal| Error::Aws {
            operation: "DescribeRoute",
            subject: "x-route".into(),
            refusal,
            source: "throttled".into(),
        };
        vec![
            Error::InvalidInput(Problems::default()),
            Error::InvalidState { function: "rollback", why: text() },
            Error::AlreadyDeployed { version: text(), service: text() },
            Error::AlreadyRunning { service: text(), execution: text() },
            Error::QueuedTooLong { service: text(), execution: text(), waited: 1, allowed: 0 },
            Error::NotRecordable { service: text(), why: text() },
            Error::UnexpectedRoute { service: text(), why: text() },
            Error::ShiftNotApplied { service: text(), wanted: text(), found: text() },
            Error::StillReceivingTraffic { version: text(), routes: text() },
            Error::CandidateNotRunning { stable: text(), why: text() },
            Error::StackFailed { stack: text(), status: text(), reasons: text() },
            Error::OldVersionNotRemoved { stack: text(), reasons: text() },
            Error::RollbackIncomplete(text()),
            aws(Refusal::Unavailable),
            aws(Refusal::Conflict),
            aws(Refusal::AccessDenied),
            aws(Refusal::Rejected),
        ]
    }

    #[test]
    fn the_list_of_names_is_exactly_what_errors_and_outcomes_are_called() {
        let mut raised: Vec<_> = one_of_each().iter().map(Error::name).collect();
        raised.extend([INTERRUPTED, UNHEALTHY, STATE_FAILED, NOT_UNDERSTOOD, REPAIR_INCOMPLETE]);
        let listed: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        assert_eq!(raised, listed);
    }

    #[test]
    fn the_chain_names_operation_subject_and_cause() {
        let chains: Vec<_> = one_of_each().iter().map(Error::chain).collect();
        assert!(chains.contains(&"DescribeRoute of `x-route` failed: throttled".to_owned()), "{chains:?}");
    }
}
