//! The operations on tags, which name their resource by ARN.

use axum::extract::State as Shared;

use super::Answer;
use super::request::Call;
use crate::Store;
use crate::fault::Fault;
use crate::state::{Tag, TagKeys, TagList};

/// The most tags that a page of a list can hold.
const LONGEST_PAGE: usize = 50;

pub(super) async fn tag(Shared(store): Shared<Store>, call: Call) -> Result<(), Fault> {
    let arn = call.resource_arn()?;
    let tags = call.body()?.require::<TagList>("tags")?;
    let tags = Tag::by_key(&tags)?;
    store.write(|state| state.tag(arn, tags))
}

pub(super) async fn untag(Shared(store): Shared<Store>, call: Call) -> Result<(), Fault> {
    let arn = call.resource_arn()?;
    let keys = call.body()?.require::<TagKeys>("tagKeys")?;
    store.write(|state| state.untag(arn, &keys))
}

pub(super) async fn list(Shared(store): Shared<Store>, call: Call) -> Result<Answer, Fault> {
    let arn = call.resource_arn()?;
    let page = call.page(LONGEST_PAGE)?;
    let answer = store.read(|state| state.list_tags(arn, &page));
    answer.map(Answer)
}
