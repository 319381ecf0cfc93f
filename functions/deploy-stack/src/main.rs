//! Lambda function `deploy-stack`.

use canary_core::{
    aws::{self, AppMesh, CloudFormation},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config();
    let router = AppMesh::new(&config);
    let stacks = CloudFormation::new(&config, std::env::var("STACK_ROLE_ARN").ok());
    lambda::serve("deploy-stack", |input| deploy_stack::handle(input, &router, &stacks)).await
}
