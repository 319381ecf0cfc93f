//! One deployment at a time for each service: who has the lock, and what a deployment that ended without finishing left.

use time::{Duration, OffsetDateTime};

use crate::{
    Result,
    plan::Plan,
    ports::{Executions, Lock, Locks, Standing},
};

/// What Step Functions tells of executions is a moment old: one that is unknown is taken for new at first.
const NEW: Duration = Duration::DAY;
/// A function that was called by a stopped execution works on for at most its time-out, 30 s, and a call that it made a moment
/// longer.
const STILL_AT_WORK: Duration = Duration::seconds(35);

/// The outcome of asking for a service's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The service is this execution's, and nothing is unfinished.
    Free,
    /// The service is this execution's, and a deployment that ended without finishing left this plan half carried out.
    Unfinished(Box<Plan>),
    /// The service is this execution's, and this one left a plan that this release cannot read.
    Unreadable(String),
    /// Another execution is deploying the service.
    HeldBy(String),
    /// Another execution was stopped a moment ago, and what it had called may be at work for so long.
    Ending(String, Duration),
}

/// Takes the service's lock for `execution`. A lock whose execution has ended is taken over.
///
/// # Errors
/// What AWS refused.
pub async fn acquire(
    locks: &impl Locks,
    executions: &impl Executions,
    service: &str,
    execution: &str,
    now: OffsetDateTime,
) -> Result<Acquired> {
    let mut lock = locks.take(service, execution, None, now).await?;
    if let Lock::HeldBy { execution: holder, since } = &lock {
        let ended = match executions.standing(holder).await? {
            Standing::Running => false,
            Standing::Ended => true,
            Standing::Stopped(at) if now - at < STILL_AT_WORK => {
                return Ok(Acquired::Ending(holder.clone(), at + STILL_AT_WORK - now));
            }
            Standing::Stopped(_) => true,
            Standing::Unknown => now - *since > NEW,
        };
        if ended {
            // If somebody else was quicker, the lock is theirs and not the ended execution's any more.
            lock = locks.take(service, execution, Some(holder), now).await?;
        }
    }
    Ok(match lock {
        Lock::HeldBy { execution: holder, .. } => Acquired::HeldBy(holder),
        Lock::Unreadable(by) => Acquired::Unreadable(by),
        Lock::Taken(Some(plan)) if plan.execution != execution => Acquired::Unfinished(plan),
        Lock::Taken(_) => Acquired::Free,
    })
}

/// Who has the service, for a deployment that is at work on it: nothing if it is `execution`, or if that cannot be told.
///
/// A state that is run again after its lock was released takes it again, and a deployment that was taken over stops here. A lock
/// table that does not answer stops nobody.
pub async fn lost_to(locks: &impl Locks, service: &str, execution: &str, now: OffsetDateTime) -> Option<String> {
    match locks.take(service, execution, None, now).await {
        Ok(Lock::HeldBy { execution, .. }) => Some(execution),
        Ok(Lock::Taken(_) | Lock::Unreadable(_)) => None,
        Err(error) => {
            tracing::warn!(cause = error.chain(), "whose the lock is cannot be told");
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
        acquire(world, world, "demo/web", execution, SHIFTED).await
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
        assert_eq!(ask(&world, "arn:execution").await.unwrap(), Acquired::Unfinished(Box::new(left)));
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
        let ask = async |after: Duration| {
            acquire(&World::new(unknown.clone()), &World::default(), "demo/web", "arn:one", SHIFTED + after).await
        };
        assert_eq!(ask(Duration::HOUR).await.unwrap(), Acquired::HeldBy("arn:earlier".into()));
        assert_eq!(ask(Duration::days(2)).await.unwrap(), Acquired::Free);
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
    async fn a_stopped_executions_functions_are_given_the_time_to_end() {
        let ask = async |after: Duration| {
            let mut start = State { ended: Default::default(), ..held(&[], None) };
            start.stopped.insert("arn:earlier".into(), SHIFTED);
            let world = World::new(start);
            acquire(&world, &world, "demo/web", "arn:one", SHIFTED + after).await.unwrap()
        };
        let ending = Acquired::Ending("arn:earlier".into(), Duration::seconds(25));
        assert_eq!(ask(Duration::seconds(10)).await, ending);
        assert_eq!(ask(Duration::seconds(35)).await, Acquired::Free);
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
