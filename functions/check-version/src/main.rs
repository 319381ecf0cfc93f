//! Lambda function `check-version`.

use canary_core::{
    aws::{self, AppMesh, CloudFormation, ParameterStore},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let (router, records) = (AppMesh::new(&config), ParameterStore::new(&config));
    let templates = CloudFormation::new(&config, None);
    let poll_seconds = lambda::environment("POLL_SECONDS", check_version::POLL_SECONDS)?;
    lambda::serve("check-version", |input| check_version::handle(input, &router, &records, &templates, poll_seconds))
        .await
}
