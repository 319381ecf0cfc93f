//! Lambda function `shift-traffic`.

use canary_core::{
    OffsetDateTime,
    aws::{self, AppMesh},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let router = AppMesh::new(&aws::config());
    lambda::serve("shift-traffic", |input| shift_traffic::handle(input, &router, OffsetDateTime::now_utc)).await
}
