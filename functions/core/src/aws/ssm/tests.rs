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
    assert_eq!(
        store.recorded(&service.version_parameter()).await.unwrap(),
        Some(Record { sha: "aaa".into(), version: 7 })
    );
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

/// A page of the parameter's history: these versions, the one numbered `labelled` with a label, and the token of the next page.
fn history(versions: std::ops::RangeInclusive<u64>, labelled: u64, next: &str) -> String {
    let version = |number: u64| {
        let labels = if number == labelled { r#"["stable"]"# } else { "[]" };
        format!(r#"{{"Version":{number},"Labels":{labels}}}"#)
    };
    let versions: Vec<String> = versions.map(version).collect();
    format!(r#"{{"Parameters":[{}],"NextToken":"{next}"}}"#, versions.join(","))
}

async fn recordable(version: u64, pages: &[String]) -> (Option<String>, usize) {
    let answers: Vec<_> = pages.iter().map(|page| (200, page.as_bytes())).collect();
    let (config, http) = replay(&answers);
    let record = Record { sha: "aaa".into(), version };
    let reason = ParameterStore::new(&config).recordable(&canary_plan().service, &record).await.unwrap();
    (reason, asked(&http).len())
}

#[tokio::test]
async fn a_parameter_is_refused_if_a_label_blocks_the_record_or_the_one_that_takes_it_back() {
    for (first, labelled) in [(31, 31), (31, 32), (32, 32)] {
        let pages = [history(first..=80, labelled, "more"), history(81..=130, 0, "")];
        let (reason, calls) = recordable(130, &pages).await;
        let reason = reason.unwrap();
        let begin = format!("parameter `demo-canary-web-version` has {} of 100 versions", 131 - first);
        assert!(reason.starts_with(&begin), "{reason}");
        let end = format!("--name demo-canary-web-version --parameter-version {labelled} --labels stable`");
        assert!(reason.ends_with(&end), "{reason}");
        assert_eq!(calls, 2, "the history has two pages");
    }
}

#[tokio::test]
async fn a_parameter_is_not_refused_if_it_has_room_or_its_oldest_two_have_no_label() {
    assert_eq!(recordable(98, &[]).await, (None, 0), "it never had a hundred");
    assert_eq!(recordable(130, &[history(31..=80, 33, "more"), history(81..=130, 0, "")]).await, (None, 2));
    // It was deleted and made again, or its history is shorter for another reason.
    assert_eq!(recordable(130, &[history(33..=130, 33, "")]).await, (None, 1));
    assert_eq!(recordable(130, &[history(32..=130, 33, "")]).await, (None, 1));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_repeated_by_the_sdk() {
    let (config, http) = replay(&[(200, FOUND), (500, b""), (200, PUT)]);
    let retrying = config.to_builder().retry_config(RetryConfig::standard()).build();
    let error = ParameterStore::new(&retrying).record(&canary_plan().service, "bbb").await.unwrap_err();
    assert_eq!(error.name(), "Canary.Unavailable");
    assert_eq!(asked(&http).len(), 2, "one read and one write");
}
