//! One round of one function: started, invoked once, invoked again and again, ended.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    aws::Aws,
    case::Case,
    process::{Process, Usage},
    runtime_api::{RuntimeApi, Waiting},
};

/// A function that does not come on for this long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a round measured. Times are in milliseconds.
#[derive(Serialize)]
pub struct Round<'a> {
    function: &'a str,
    /// Calls of AWS per invocation.
    calls: usize,
    /// From before the process is made until it asks for its first event, and its CPU time until then.
    start: f64,
    start_cpu: f64,
    /// The first invocation, which connects to AWS, and its CPU time until the function asks for the next event.
    first: f64,
    first_cpu: f64,
    /// Later ones: half take no longer; 99 in 100 take no longer; CPU time on average.
    warm_p50: f64,
    warm_p99: f64,
    warm_cpu: f64,
    /// The most memory that was resident, and how much at the end was its own and not pages of its executable, in bytes.
    peak_memory: u64,
    own_memory: u64,
}

/// What all rounds share.
pub struct Bench {
    /// Where functions get their events.
    pub runtime: RuntimeApi,
    /// What they call.
    pub aws: Aws,
    /// The certificates that they trust.
    pub bundle: PathBuf,
    /// How many later invocations a round has.
    pub warm: u32,
}

impl Bench {
    /// Measures one function once.
    ///
    /// # Errors
    /// If it fails, ends, hangs, or asks AWS what its case has no answer to.
    pub async fn round<'a>(&mut self, case: &'a Case, bootstrap: &Path) -> Result<Round<'a>> {
        self.aws.expect(&case.answers);
        let environment = self.environment(case);
        let started = Instant::now();
        let mut process = Process::start(bootstrap, environment)?;
        let usage = process.usage;
        let round = tokio::select! {
            round = timeout(PATIENCE, self.measure(case, usage, started)) => round.context("it hangs")?,
            status = process.ended() => bail!("it ended: {status}"),
        };
        process.end().await?;
        round
    }

    async fn measure<'a>(&mut self, case: &'a Case, usage: Usage, started: Instant) -> Result<Round<'a>> {
        let waiting = self.runtime.ready().await?;
        let (start, start_cpu) = (waiting.since - started, usage.cpu()?);

        let (waiting, first) = self.invoke(case, waiting).await?;
        let first_cpu = usage.cpu()? - start_cpu;

        let (mut times, mut waiting) = (Vec::new(), waiting);
        for _ in 0..self.warm {
            let (next, invocation) = self.invoke(case, waiting).await?;
            waiting = next;
            times.push(invocation.took);
        }
        let warm_cpu = (usage.cpu()? - start_cpu - first_cpu) / self.warm;

        Ok(Round {
            function: &case.function,
            calls: first.calls,
            start: milliseconds(start),
            start_cpu: milliseconds(start_cpu),
            first: milliseconds(first.took),
            first_cpu: milliseconds(first_cpu),
            warm_p50: milliseconds(percentile(&mut times, 50)),
            warm_p99: milliseconds(percentile(&mut times, 99)),
            warm_cpu: milliseconds(warm_cpu),
            peak_memory: usage.memory("VmHWM")?,
            own_memory: usage.memory("RssAnon")?,
        })
    }

    /// One invocation, until the function asks for the next event: what it does after its answer is a part of it.
    async fn invoke(&mut self, case: &Case, waiting: Waiting) -> Result<(Waiting, Invocation)> {
        let invoked = self.runtime.invoke(waiting, case.event.clone()).await;
        // If it asked what there is no answer to, that says more than how it failed over it.
        let calls = self.aws.finish()?;
        let (given, answered) = invoked?;
        Ok((self.runtime.ready().await?, Invocation { took: answered - given, calls }))
    }

    /// What Lambda sets, and where AWS and its certificates are.
    fn environment(&self, case: &Case) -> Vec<(String, String)> {
        let own = [
            ("AWS_LAMBDA_RUNTIME_API", self.runtime.address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", case.function.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", case.function)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "1".to_owned()),
            ("AWS_REGION", "us-west-2".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_SESSION_TOKEN", "test".to_owned()),
            ("SSL_CERT_FILE", self.bundle.display().to_string()),
            ("RUST_LOG", "info".to_owned()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let case = case.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
        own.into_iter().chain(self.aws.endpoints.iter().cloned()).chain(case).collect()
    }
}

/// What an invocation took, and how often it called AWS.
struct Invocation {
    took: Duration,
    calls: usize,
}

/// The smallest of the times that `percent` of them do not exceed.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent).div_ceil(100) - 1]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let mut times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&mut times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&mut times[..1], 99), Duration::from_millis(1));
    }
}
