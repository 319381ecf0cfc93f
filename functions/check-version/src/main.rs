//! Lambda function `check-version`.

use canary_core::{
    aws::{self, AppMesh, CloudFormation, ParameterStore},
    lambda,
    plan::Pace,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let (router, records) = (AppMesh::new(&config), ParameterStore::new(&config));
    let templates = CloudFormation::new(&config, None);
    let usual = Pace::default();
    let pace = Pace {
        poll_seconds: lambda::environment("POLL_SECONDS", usual.poll_seconds)?,
        data_delay: lambda::environment("METRIC_DELAY_SECONDS", usual.data_delay)?,
    };
    lambda::serve("check-version", |input| check_version::handle(input, &router, &records, &templates, pace)).await
}
