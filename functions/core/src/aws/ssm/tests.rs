#![allow(clippy::unwrap_used)]

use serde_json::Value;

use super::*;
use crate::{
    aws::wire::{asked, replay},
    fakes::canary_plan,
};

const FOUND: &[u8] =
    br#"{"Parameter":{"Name":"demo-canary-web-version","Type":"SecureString","Value":"aaa","Version":7}}"#;
const MISSING: &[u8] = br#"{"__type":"ParameterNotFound","message":"not there"}"#;
const PUT: &[u8] = br#"{"Version":8,"Tier":"Standard"}"#;

#[tokio::test]
async fn the_record_is_value_and_version_of_the_parameter() {
    let (config, http) = replay(&[(200, FOUND), (400, MISSING)]);
    let store = ParameterStore::new(&config);
    let service = canary_plan().service;
    assert_eq!(store.recorded(&service.version_parameter()).await.unwrap(), Some(Record { sha: "aaa".into(), version: 7 }));
    assert_eq!(store.recorded(&service.version_parameter()).await.unwrap(), None);
    let sent: Value = serde_json::from_str(&asked(&http)[0].2).unwrap();
    assert_eq!(sent["Name"], "demo-canary-web-version");
    assert_eq!(sent["WithDecryption"], true);
}

#[tokio::test]
async fn an_existing_parameter_keeps_its_type_and_a_new_one_is_a_string() {
    let (config, http) = replay(&[(200, FOUND), (200, PUT), (400, MISSING), (200, PUT)]);
    let store = ParameterStore::new(&config);
    for _ in 0..2 {
        store.record(&canary_plan().service, "bbb").await.unwrap();
    }
    let sent = |nth: usize| serde_json::from_str::<Value>(&asked(&http)[nth].2).unwrap();
    assert_eq!(sent(1)["Type"], Value::Null);
    assert_eq!(sent(3)["Type"], "String");
    assert_eq!((&sent(3)["Value"], &sent(3)["Overwrite"]), (&"bbb".into(), &true.into()));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_repeated_by_the_sdk() {
    let (config, http) = replay(&[(200, FOUND), (500, b""), (200, PUT)]);
    let retrying = config.to_builder().retry_config(RetryConfig::standard()).build();
    let error = ParameterStore::new(&retrying).record(&canary_plan().service, "bbb").await.unwrap_err();
    assert_eq!(error.name(), "Canary.Unavailable");
    assert_eq!(asked(&http).len(), 2, "one read and one write");
}
