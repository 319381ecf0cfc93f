//! Lambda function `deploy-stack`.

use canary_core::{
    aws::{self, CloudFormation},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let stacks = CloudFormation::new(&aws::config().await, std::env::var("STACK_ROLE_ARN").ok());
    lambda::serve("deploy-stack", |input| deploy_stack::handle(input, &stacks)).await
}
