#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::{
    aws::wire::{asked, replay},
    fakes::{SHIFTED, canary_plan},
};

/// DynamoDB's refusal of a condition, with the item as it is.
fn refused(item: &Value) -> String {
    json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed", "Item": item})
    .to_string()
}

fn table(answers: &[(u16, &str)]) -> (LockTable, aws_smithy_http_client::test_util::StaticReplayClient) {
    let answers: Vec<_> = answers.iter().map(|(status, body)| (*status, body.as_bytes())).collect();
    let (config, http) = replay(&answers);
    (LockTable::new(&config, "locks".to_owned()), http)
}

fn sent(http: &aws_smithy_http_client::test_util::StaticReplayClient, nth: usize) -> Value {
    serde_json::from_str(&asked(http)[nth].2).unwrap()
}

#[tokio::test]
async fn a_lock_is_taken_on_the_condition_that_it_is_free_or_ones_own_or_the_ended_ones() {
    let plan = canary_plan();
    let noted =
        json!({"Attributes": {"plan": {"S": serde_json::to_string(&plan).unwrap()}, "plannedBy": {"S": "arn:e"}}});
    let other = json!({"Attributes": {"plan": {"S": "{\"of\": \"another release\"}"}, "plannedBy": {"S": "arn:e"}}});
    let (locks, http) = table(&[(200, "{}"), (200, &noted.to_string()), (200, &other.to_string())]);
    assert_eq!(locks.take("demo/web", "arn:me", None, SHIFTED).await.unwrap(), Lock::Taken(None));
    let taken = locks.take("demo/web", "arn:me", Some("arn:e"), SHIFTED).await.unwrap();
    assert_eq!(taken, Lock::Taken(Some(Box::new(plan))));
    let unreadable = locks.take("demo/web", "arn:me", Some("arn:e"), SHIFTED).await.unwrap();
    assert_eq!(unreadable, Lock::Unreadable("arn:e".to_owned()));
    let (first, second) = (sent(&http, 0), sent(&http, 1));
    assert_eq!(first["Key"], json!({"service": {"S": "demo/web"}}));
    assert_eq!(first["ConditionExpression"], "attribute_not_exists(holder) OR holder = :me OR holder = :ended");
    assert_eq!(first["ExpressionAttributeValues"][":ended"], json!({"S": "arn:me"}), "nobody else's");
    assert_eq!(second["ExpressionAttributeValues"][":ended"], json!({"S": "arn:e"}));
}

#[tokio::test]
async fn a_lock_that_another_has_is_that_ones() {
    let item = json!({"service": {"S": "demo/web"}, "holder": {"S": "arn:other"}, "since": {"N": "0"}});
    let (locks, _) = table(&[(400, &refused(&item))]);
    let held = locks.take("demo/web", "arn:me", None, SHIFTED).await.unwrap();
    assert_eq!(held, Lock::HeldBy { execution: "arn:other".to_owned(), since: SHIFTED });
}

#[tokio::test]
async fn only_the_holder_notes_a_plan() {
    let (locks, http) = table(&[(200, "{}"), (400, &refused(&json!({})))]);
    locks.note(&canary_plan()).await.unwrap();
    assert_eq!(sent(&http, 0)["ConditionExpression"], "holder = :me");
    assert_eq!(sent(&http, 0)["ExpressionAttributeValues"][":me"], json!({"S": "arn:execution"}));
    assert_eq!(locks.note(&canary_plan()).await.unwrap_err().name(), "Canary.Rejected");
}

#[tokio::test]
async fn a_released_lock_is_gone_or_else_only_the_plan_is_forgotten() {
    let no = refused(&json!({}));
    let (locks, http) = table(&[(200, "{}"), (400, &no), (200, "{}"), (400, &no), (400, &no)]);
    for _ in 0..3 {
        locks.release("demo/web", "arn:me").await.unwrap();
    }
    assert_eq!(asked(&http).len(), 5);
    assert_eq!(
        sent(&http, 0)["ConditionExpression"],
        "holder = :me AND (attribute_not_exists(plannedBy) OR plannedBy = :me)"
    );
    assert_eq!(sent(&http, 2)["UpdateExpression"], "REMOVE #plan, plannedBy");
    assert_eq!(sent(&http, 2)["ConditionExpression"], "plannedBy = :me");
}

#[tokio::test]
async fn a_refusal_that_is_none_of_the_condition_is_an_error() {
    let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    let throttled = r#"{"__type":"ProvisionedThroughputExceededException","message":"slow down"}"#;
    let (locks, _) = table(&[(400, denied), (400, denied), (400, throttled)]);
    let error = locks.take("demo/web", "arn:me", None, SHIFTED).await.unwrap_err();
    assert_eq!(error.name(), "Canary.AccessDenied");
    assert_eq!(locks.release("demo/web", "arn:me").await.unwrap_err().name(), "Canary.AccessDenied");
    assert_eq!(locks.note(&canary_plan()).await.unwrap_err().name(), "Canary.Unavailable");
}
