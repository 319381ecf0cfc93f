//! Lambda function `check-version`.

use canary_core::{
    OffsetDateTime,
    aws::{self, AppMesh, CloudFormation, LockTable, ParameterStore, StepFunctions},
    lambda,
    plan::Timing,
};
use check_version::Ports;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config();
    let (router, records) = (AppMesh::new(&config), ParameterStore::new(&config));
    let templates = CloudFormation::new(&config, None);
    let (locks, executions) = (LockTable::new(&config, lambda::needed("LOCK_TABLE")?), StepFunctions::new(&config));
    let usual = Timing::default();
    let timing = Timing {
        poll_seconds: lambda::environment("POLL_SECONDS", usual.poll_seconds)?,
        metric_period: lambda::environment("METRIC_PERIOD_SECONDS", usual.metric_period)?,
        metric_delay: lambda::environment("METRIC_DELAY_SECONDS", usual.metric_delay)?,
    };
    lambda::serve("check-version", |input| {
        let ports =
            Ports { router: &router, records: &records, templates: &templates, locks: &locks, executions: &executions };
        check_version::handle(input, ports, timing, OffsetDateTime::now_utc())
    })
    .await
}
