//! Lambda function `remove-old`.

use canary_core::{
    OffsetDateTime,
    aws::{self, AppMesh, CloudFormation, LockTable, ParameterStore},
    lambda,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config();
    let (router, records) = (AppMesh::new(&config), ParameterStore::new(&config));
    let stacks = CloudFormation::new(&config, None);
    let locks = LockTable::new(&config, lambda::needed("LOCK_TABLE")?);
    lambda::serve("remove-old", |input| {
        remove_old::handle(input, &router, &stacks, &records, &locks, OffsetDateTime::now_utc())
    })
    .await
}
