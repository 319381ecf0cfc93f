//! One deployment at a time for each service: who has the lock, and what a deployment that ended without finishing left.

use time::{Duration, OffsetDateTime};

use crate::{
    Result,
    error::Kind,
    failure::Failure,
    plan::Plan,
    ports::{Executions, Locks},
};

/// Step Functions' answers about executions are a moment old: an unknown execution counts as new at first.
const NEW: Duration = Duration::DAY;
/// The same where the lock is taken by force. AWS names no limit for how old an answer may be; seconds are usual.
const NEW_BY_FORCE: Duration = Duration::minutes(5);
/// A function that an ended execution called works on for at most its time-out, 30 s, and a call that it made a moment longer.
const STILL_AT_WORK: Duration = Duration::seconds(35);

/// A service's lock, after an execution asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It is the asking execution's, with the plan that was noted in it last and was not finished.
    Taken(Option<Box<Plan>>),
    /// It is the asking execution's, and this one noted a plan in it that does not even say which versions it was about.
    Unreadable(String),
    /// It is another one's.
    HeldBy {
        /// The execution that has it.
        execution: String,
        /// Since when.
        since: OffsetDateTime,
    },
}

/// How an execution stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionState {
    /// It goes on.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed, timed out or was stopped: a function that it had called may work on for a moment.
    Ended {
        /// When.
        at: OffsetDateTime,
        /// How, with error and cause if it has them.
        why: String,
    },
    /// Step Functions does not know it: it is older than what is kept (90 days), or too new to be visible.
    Unknown,
}

/// The outcome of asking for a service's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The service is this execution's, and nothing is unfinished.
    Free,
    /// The service is this execution's, and a deployment that ended without finishing left this plan half carried out.
    Unfinished(Box<Plan>, Failure),
    /// The service is this execution's, and this one left a plan that cannot be read.
    Unreadable(String),
    /// Another execution is deploying the service.
    HeldBy(String),
    /// Another execution ended a moment ago, and a function that it had called may be at work for so long.
    Ending(String, Duration),
}

/// Takes the service's lock for `execution`. A lock whose execution has ended is taken over; `by_force` also one whose execution
/// cannot be asked, or is still unknown a few minutes after it took the lock.
///
/// # Errors
/// What AWS refused.
pub async fn acquire(
    locks: &impl Locks,
    executions: &impl Executions,
    service: &str,
    execution: &str,
    by_force: bool,
    now: OffsetDateTime,
) -> Result<Acquired> {
    let mut lock = locks.take(service, execution, None, now).await?;
    if let Lock::HeldBy { execution: holder, since } = &lock {
        let ended = match executions.state(holder).await {
            Ok(ExecutionState::Running) => false,
            Ok(ExecutionState::Succeeded) => true,
            Ok(ExecutionState::Ended { at, .. }) if now - at < STILL_AT_WORK => {
                return Ok(Acquired::Ending(holder.clone(), at + STILL_AT_WORK - now));
            }
            Ok(ExecutionState::Ended { .. }) => true,
            Ok(ExecutionState::Unknown) => now - *since > if by_force { NEW_BY_FORCE } else { NEW },
            Err(error) if by_force && error.kind() == Kind::GiveUp => true,
            Err(error) => return Err(error),
        };
        if ended {
            // If another execution was quicker, the lock is that one's and no longer the ended execution's.
            lock = locks.take(service, execution, Some(holder), now).await?;
        }
    }
    Ok(match lock {
        Lock::HeldBy { execution: holder, .. } => Acquired::HeldBy(holder),
        Lock::Unreadable(by) => Acquired::Unreadable(by),
        Lock::Taken(Some(plan)) if plan.execution != execution => {
            let failure = why_unfinished(executions, &plan.execution).await;
            Acquired::Unfinished(plan, failure)
        }
        Lock::Taken(_) => Acquired::Free,
    })
}

/// How the execution that left a plan ended. A repair does not wait for the answer: it only tells it.
async fn why_unfinished(executions: &impl Executions, execution: &str) -> Failure {
    Failure::interrupted(match executions.state(execution).await {
        Ok(ExecutionState::Ended { why, .. }) => format!("`{execution}` {why}"),
        Ok(_) | Err(_) => format!("`{execution}` ended before its deployment did"),
    })
}

/// Returns the other execution that holds the service's lock, or `None` if `execution` does or if that is not known.
///
/// A state that is run again after its lock was released takes it again, and a deployment that was taken over stops here. A lock
/// table that does not answer stops no deployment.
pub async fn current_holder(locks: &impl Locks, service: &str, execution: &str, now: OffsetDateTime) -> Option<String> {
    match locks.take(service, execution, None, now).await {
        Ok(Lock::HeldBy { execution, .. }) => Some(execution),
        Ok(Lock::Taken(_) | Lock::Unreadable(_)) => None,
        Err(error) => {
            tracing::warn!(cause = error.chain(), "the holder of the lock is not known");
            None
        }
    }
}

/// Lets go of what a finished plan held.
///
/// A deployment does not fail over its own lock: left behind, it is taken over once its execution has ended, and to repair a
/// finished plan changes nothing. A repair does: it would find the plan again.
///
/// # Errors
/// In a repair, what AWS refused.
pub async fn finish(locks: &impl Locks, plan: &Plan, execution: &str) -> Result<()> {
    match locks.release(&plan.service.key(), &plan.execution).await {
        Err(error) if plan.execution == execution => {
            tracing::warn!(cause = error.chain(), "the lock is left to be taken over");
            Ok(())
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{
        error::Refusal,
        fakes::{Held, SHIFTED, State, World, canary_plan, survives_every_fault},
    };

    fn held(running: &[&str], unfinished: Option<Plan>) -> State {
        State {
            lock: Some(Held { holder: "arn:earlier".into(), since: SHIFTED, unfinished }),
            ended: ["arn:earlier".to_owned()].into(),
            running: running.iter().map(|arn| (*arn).to_owned()).collect(),
            ..State::default()
        }
    }

    async fn ask(world: &World, execution: &str) -> Result<Acquired> {
        acquire(world, world, "demo/web", execution, false, SHIFTED).await
    }

    /// Promise 12.
    #[tokio::test]
    async fn of_two_that_ask_one_gets_it_and_the_other_is_told_who() {
        let world = World::new(State { running: ["arn:one".into(), "arn:two".into()].into(), ..State::default() });
        assert_eq!(ask(&world, "arn:one").await.unwrap(), Acquired::Free);
        assert_eq!(ask(&world, "arn:two").await.unwrap(), Acquired::HeldBy("arn:one".into()));
        assert_eq!(ask(&world, "arn:one").await.unwrap(), Acquired::Free, "it is its own");
    }

    #[tokio::test]
    async fn a_running_deployment_keeps_it_and_an_ended_one_loses_it_with_what_it_left() {
        let left = Plan { execution: "arn:earlier".into(), ..canary_plan() };
        let world = World::new(held(&["arn:earlier"], Some(left.clone())));
        assert_eq!(ask(&world, "arn:execution").await.unwrap(), Acquired::HeldBy("arn:earlier".into()));

        let world = World::new(held(&[], Some(left.clone())));
        let Acquired::Unfinished(found, failure) = ask(&world, "arn:execution").await.unwrap() else {
            panic!("a plan")
        };
        assert_eq!(*found, left);
        assert_eq!(failure.cause, "`arn:earlier` ended before its deployment did");
        let world = World::new(held(&[], None));
        assert_eq!(ask(&world, "arn:execution").await.unwrap(), Acquired::Free);
    }

    /// Promise 12.
    #[tokio::test]
    async fn an_ended_deployments_lock_goes_to_one_only() {
        let world = World::new(held(&["arn:one", "arn:two"], None));
        // Both found that the holder has ended; the second asks for a lock that is not the holder's any more.
        let taken = world.take("demo/web", "arn:one", Some("arn:earlier"), SHIFTED).await.unwrap();
        assert_eq!(taken, Lock::Taken(None));
        let second = world.take("demo/web", "arn:two", Some("arn:earlier"), SHIFTED).await.unwrap();
        assert_eq!(second, Lock::HeldBy { execution: "arn:one".into(), since: SHIFTED });
    }

    #[tokio::test]
    async fn an_execution_that_nobody_knows_is_new_at_first_and_forgotten_later() {
        let unknown = State { ended: Default::default(), ..held(&[], None) };
        let ask = async |by_force: bool, after: Duration| {
            let (world, now) = (World::new(unknown.clone()), SHIFTED + after);
            acquire(&world, &World::default(), "demo/web", "arn:one", by_force, now).await.unwrap()
        };
        let held = Acquired::HeldBy("arn:earlier".into());
        assert_eq!(ask(false, Duration::HOUR).await, held);
        assert_eq!(ask(false, Duration::days(2)).await, Acquired::Free);
        assert_eq!(ask(true, Duration::MINUTE).await, held);
        assert_eq!(ask(true, Duration::minutes(6)).await, Acquired::Free);
    }

    #[tokio::test]
    async fn taking_over_survives_every_fault() {
        let left = Plan { execution: "arn:earlier".into(), ..canary_plan() };
        let end = survives_every_fault(&held(&[], Some(left.clone())), async |world: &World| {
            ask(world, "arn:execution").await
        })
        .await;
        assert_eq!(end.lock, Some(Held { holder: "arn:execution".into(), since: SHIFTED, unfinished: Some(left) }));
    }

    #[tokio::test]
    async fn a_repair_leaves_the_lock_to_whoever_repairs() {
        let left = Plan { execution: "arn:earlier".into(), ..canary_plan() };
        let start = State {
            lock: Some(Held { holder: "arn:execution".into(), since: SHIFTED, unfinished: Some(left.clone()) }),
            ..State::default()
        };
        let end = survives_every_fault(&start, async |world: &World| finish(world, &left, "arn:execution").await).await;
        assert_eq!(end.lock, Some(Held { holder: "arn:execution".into(), since: SHIFTED, unfinished: None }));
    }

    /// Promise 13.
    #[tokio::test]
    async fn the_functions_of_an_execution_that_failed_or_was_stopped_are_given_time_to_end() {
        let ask = async |after: Duration| {
            let mut start = State { ended: Default::default(), ..held(&[], None) };
            start.stopped.insert("arn:earlier".into(), SHIFTED);
            let world = World::new(start);
            acquire(&world, &world, "demo/web", "arn:one", false, SHIFTED + after).await.unwrap()
        };
        let ending = Acquired::Ending("arn:earlier".into(), Duration::seconds(25));
        assert_eq!(ask(Duration::seconds(10)).await, ending);
        assert_eq!(ask(Duration::seconds(35)).await, Acquired::Free);
    }

    #[tokio::test]
    async fn a_repair_says_how_the_deployment_before_it_ended() {
        let left = Plan { execution: "arn:earlier".into(), ..canary_plan() };
        let mut start = State { ended: Default::default(), ..held(&[], Some(left)) };
        start.stopped.insert("arn:earlier".into(), SHIFTED - Duration::MINUTE);
        let Acquired::Unfinished(_, failure) = ask(&World::new(start), "arn:execution").await.unwrap() else {
            panic!("a plan")
        };
        assert_eq!(failure.error, "Canary.Interrupted");
        assert_eq!(failure.cause, "`arn:earlier` was stopped");
    }

    #[tokio::test]
    async fn a_holder_that_cannot_be_asked_keeps_the_lock_unless_it_is_taken_by_force() {
        let ask = async |by_force: bool| {
            let world = World::new(held(&[], None));
            world.refuse(1, Refusal::AccessDenied);
            acquire(&world, &world, "demo/web", "arn:one", by_force, SHIFTED).await
        };
        assert_eq!(ask(false).await.unwrap_err().name(), "Canary.AccessDenied");
        assert_eq!(ask(true).await.unwrap(), Acquired::Free);
        let running = World::new(held(&["arn:earlier"], None));
        let kept = acquire(&running, &running, "demo/web", "arn:one", true, SHIFTED).await.unwrap();
        assert_eq!(kept, Acquired::HeldBy("arn:earlier".into()), "a running deployment is never pushed aside");
    }

    #[tokio::test]
    async fn a_deployment_does_not_fail_over_its_own_lock_and_a_repair_does_over_a_plan_that_stays() {
        for refusal in [Refusal::AccessDenied, Refusal::Unavailable] {
            let world = World::default();
            world.refuse(0, refusal);
            finish(&world, &canary_plan(), "arn:execution").await.unwrap();
            world.refuse(0, refusal);
            finish(&world, &canary_plan(), "arn:another").await.unwrap_err();
        }
    }
}
