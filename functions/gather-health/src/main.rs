//! Lambda function `gather-health`.

use canary_core::{
    OffsetDateTime,
    aws::{self, CloudFormation, CloudWatch, Ecs},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config();
    let (counts, stacks, states) = (CloudWatch::new(&config), CloudFormation::new(&config, None), Ecs::new(&config));
    lambda::serve("gather-health", |input| {
        gather_health::handle(input, &counts, &stacks, &states, OffsetDateTime::now_utc())
    })
    .await
}
