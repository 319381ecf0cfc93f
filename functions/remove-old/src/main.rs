//! Lambda function `remove-old`.

use canary_core::{
    OffsetDateTime,
    aws::{self, AppMesh, CloudFormation, Ecs, LockTable, ParameterStore},
    lambda,
};
use remove_old::Ports;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = aws::config();
    let (router, records) = (AppMesh::new(&config), ParameterStore::new(&config));
    let (stacks, states) = (CloudFormation::new(&config, None), Ecs::new(&config));
    let locks = LockTable::new(&config, lambda::needed("LOCK_TABLE")?);
    lambda::serve("remove-old", |input| {
        let ports = Ports { router: &router, stacks: &stacks, states: &states, records: &records, locks: &locks };
        remove_old::handle(input, ports, OffsetDateTime::now_utc())
    })
    .await
}
