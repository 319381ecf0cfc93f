//! The record of which version of a service is live.

use crate::plan::Plan;

/// The recorded version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The recorded commit.
    pub sha: String,
    /// How many deployments were recorded, this one included.
    pub version: u64,
}

impl Record {
    /// Whether it was written by `plan`, or by a later deployment of the same commit.
    #[must_use]
    pub fn is_of(&self, plan: &Plan) -> bool {
        self.sha == plan.deployment.candidate().sha && self.version >= plan.version
    }
}
