//! Lambda function `rollback`.

use canary_core::{
    aws::{self, AppMesh, CloudFormation, ParameterStore},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config().await;
    let (router, records) = (AppMesh::new(&config), ParameterStore::new(&config));
    let stacks = CloudFormation::new(&config, None);
    lambda::serve("rollback", |input| rollback::handle(input, &router, &stacks, &records)).await
}
