//! Lambda function `gather-health`.

use canary_core::{
    OffsetDateTime,
    aws::{self, CloudWatch},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let counts = CloudWatch::new(&aws::config());
    lambda::serve("gather-health", |input| gather_health::handle(input, &counts, OffsetDateTime::now_utc())).await
}
