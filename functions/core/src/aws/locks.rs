//! The services' locks in a DynamoDB table: one item a service, changed on conditions only.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use time::OffsetDateTime;

use super::failed;
use crate::{Result, lock::Lock, plan::Plan, ports::Locks};

type Item = HashMap<String, AttributeValue>;

/// The key; its value is [`crate::service::Service::key`].
const SERVICE: &str = "service";
/// The execution that has the lock.
const HOLDER: &str = "holder";
/// Since when, in seconds since 1970.
const SINCE: &str = "since";
/// The plan that was noted in it last and was not finished, as JSON, and whose it is.
const PLAN: &str = "plan";
const PLANNED_BY: &str = "plannedBy";

/// One table for all services.
#[derive(Clone, Debug)]
pub struct LockTable {
    client: Client,
    table: String,
}

impl LockTable {
    /// An adapter over a new client.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(config), table }
    }
}

impl Locks for LockTable {
    async fn take(&self, key: &str, execution: &str, ended: Option<&str>, now: OffsetDateTime) -> Result<Lock> {
        let taken = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(SERVICE, text(key))
            .update_expression("SET holder = :me, since = :now")
            .condition_expression("attribute_not_exists(holder) OR holder = :me OR holder = :ended")
            .expression_attribute_values(":me", text(execution))
            .expression_attribute_values(":ended", text(ended.unwrap_or(execution)))
            .expression_attribute_values(":now", AttributeValue::N(now.unix_timestamp().to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match taken {
            Ok(output) => Ok(taken_with(&output.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                let held = match refused.into_err() {
                    aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(why) => {
                        why.item.unwrap_or_default()
                    }
                    _ => Item::new(),
                };
                Ok(Lock::HeldBy { execution: field(&held, HOLDER), since: since(&held) })
            }
            Err(error) => Err(failed("UpdateItem", key, error)),
        }
    }

    async fn note(&self, plan: &Plan) -> Result<()> {
        let key = plan.service.key();
        let noted = serde_json::to_string(plan).unwrap_or_default();
        self.client
            .update_item()
            .table_name(&self.table)
            .key(SERVICE, text(&key))
            .update_expression("SET #plan = :plan, plannedBy = :me")
            .condition_expression("holder = :me")
            .expression_attribute_names("#plan", PLAN)
            .expression_attribute_values(":plan", AttributeValue::S(noted))
            .expression_attribute_values(":me", text(&plan.execution))
            .send()
            .await
            .map_err(|error| failed("UpdateItem", &key, error))?;
        Ok(())
    }

    async fn release(&self, key: &str, execution: &str) -> Result<()> {
        let freed = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(SERVICE, text(key))
            .condition_expression("holder = :me AND (attribute_not_exists(plannedBy) OR plannedBy = :me)")
            .expression_attribute_values(":me", text(execution))
            .send()
            .await;
        match freed {
            Ok(_) => return Ok(()),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {}
            Err(error) => return Err(failed("DeleteItem", key, error)),
        }
        let forgotten = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(SERVICE, text(key))
            .update_expression("REMOVE #plan, plannedBy")
            .condition_expression("plannedBy = :me")
            .expression_attribute_names("#plan", PLAN)
            .expression_attribute_values(":me", text(execution))
            .send()
            .await;
        match forgotten {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(failed("UpdateItem", key, error)),
        }
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn field(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

fn since(item: &Item) -> OffsetDateTime {
    let seconds = item.get(SINCE).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok());
    seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn taken_with(item: &Item) -> Lock {
    if !item.contains_key(PLANNED_BY) {
        return Lock::Taken(None);
    }
    match serde_json::from_str(&field(item, PLAN)) {
        Ok(plan) => Lock::Taken(Some(Box::new(plan))),
        Err(_) => Lock::Unreadable(field(item, PLANNED_BY)),
    }
}

#[cfg(test)]
mod tests;
