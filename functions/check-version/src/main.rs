//! Lambda function `check-version`.

use canary_core::{
    OffsetDateTime,
    aws::{self, AppMesh, CloudFormation, LockTable, ParameterStore, StepFunctions},
    lambda,
    plan::Pace,
};
use check_version::Ports;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config();
    let (router, records) = (AppMesh::new(&config), ParameterStore::new(&config));
    let templates = CloudFormation::new(&config, None);
    let (locks, executions) = (LockTable::new(&config, lambda::needed("LOCK_TABLE")?), StepFunctions::new(&config));
    let usual = Pace::default();
    let pace = Pace {
        poll_seconds: lambda::environment("POLL_SECONDS", usual.poll_seconds)?,
        data_delay: lambda::environment("METRIC_DELAY_SECONDS", usual.data_delay)?,
    };
    lambda::serve("check-version", |input| {
        let ports =
            Ports { router: &router, records: &records, templates: &templates, locks: &locks, executions: &executions };
        check_version::handle(input, ports, pace, OffsetDateTime::now_utc())
    })
    .await
}
