//! Lambda function `promote`.

use canary_core::{
    OffsetDateTime,
    aws::{self, AppMesh, LockTable, ParameterStore},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config();
    let (router, records) = (AppMesh::new(&config), ParameterStore::new(&config));
    let locks = LockTable::new(&config, lambda::needed("LOCK_TABLE")?);
    lambda::serve("promote", |input| promote::handle(input, &router, &records, &locks, OffsetDateTime::now_utc())).await
}
