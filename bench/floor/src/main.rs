//! Lambda function `floor`: what the others are measured against. The same runtime, log and profile, and no SDK.

use canary_core::lambda;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::serve("floor", async |input: Value| Ok(input)).await
}
