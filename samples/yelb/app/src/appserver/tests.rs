#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::page_views::{PageViewsError, Redis};
use super::votes::{Postgres, Restaurant, VotesError};
use super::*;
use crate::settings::Address;
use crate::test_support::{self, NOBODY, fetch, serve};

/// Votes in the order in which they came, and page views.
#[derive(Default)]
struct Memory {
    votes: Mutex<Vec<(String, i64)>>,
    views: AtomicU64,
}

impl Votes for Arc<Memory> {
    async fn all(&self) -> Result<Vec<Restaurant>, VotesError> {
        let votes = self.votes.lock().unwrap();
        Ok(votes.iter().map(|(name, value)| Restaurant { name: name.clone(), value: *value }).collect())
    }

    async fn add(&self, restaurant: &str, votes: i64) -> Result<i64, VotesError> {
        self.votes.lock().unwrap().push((restaurant.to_owned(), votes));
        Ok(40 + votes)
    }
}

impl PageViews for Arc<Memory> {
    async fn add(&self) -> Result<u64, PageViewsError> {
        Ok(self.views.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn settings(arguments: &[&str]) -> AppServerSettings {
    let usual = ["yelb-appserver", "--version", "7c2f1e9", "--hostname", "127.0.4.2"];
    test_support::parsed(&[&usual, arguments].concat()).unwrap()
}

#[tokio::test]
async fn each_restaurant_has_a_path_and_a_vote_counts_as_the_version_says() {
    for (arguments, counts) in [(&[][..], 1), (&["--votes-per-click", "2"][..], 2)] {
        let memory = Arc::new(Memory::default());
        let url = serve(router(&settings(arguments), memory.clone(), memory.clone())).await;
        for name in ["ihop", "chipotle", "outback", "bucadibeppo"] {
            let (status, _, body) = fetch(&format!("{url}/api/{name}")).await;
            assert_eq!((status, body), (200, (40 + counts).to_string()));
            assert_eq!(memory.votes.lock().unwrap().last().unwrap(), &(name.to_owned(), counts));
        }
        let (status, _, body) = fetch(&format!("{url}/api/dennys")).await;
        assert_eq!(status, 404);
        assert!(body.contains("`dennys`") && body.contains("bucadibeppo"), "{body}");
        assert_eq!(memory.votes.lock().unwrap().len(), 4, "what is no restaurant gets no vote");
    }
}

#[tokio::test]
async fn votes_are_json_and_page_views_count() {
    let memory = Arc::new(Memory::default());
    Votes::add(&memory, "ihop", 3).await.unwrap();
    let url = serve(router(&settings(&[]), memory.clone(), memory)).await;
    let (status, headers, body) = fetch(&format!("{url}/api/getvotes")).await;
    assert_eq!((status, body.as_str()), (200, r#"[{"name":"ihop","value":3}]"#));
    assert_eq!(headers["content-type"], "application/json");
    for views in ["1", "2", "3"] {
        assert_eq!(fetch(&format!("{url}/api/pageviews")).await.2, views);
    }
}

#[tokio::test]
async fn every_answer_says_which_version_and_which_app_server_gave_it() {
    let memory = Arc::new(Memory::default());
    let url = serve(router(&settings(&[]), memory.clone(), memory)).await;
    for path in ["/api/getvotes", "/api/ihop", "/api/hostname", "/api/nothing", "/ping", "/elsewhere"] {
        let (_, headers, _) = fetch(&format!("{url}{path}")).await;
        assert_eq!(
            (&headers["x-version"], &headers["x-hostname"]),
            (&"7c2f1e9".parse().unwrap(), &"127.0.4.2".parse().unwrap())
        );
    }
    assert_eq!(fetch(&format!("{url}/api/hostname")).await.2, "127.0.4.2");
}

#[tokio::test]
async fn a_store_that_is_not_there_is_500_with_its_address_and_the_cause() {
    let gone = Address { host: NOBODY.0.to_owned(), port: NOBODY.1 };
    let url = serve(router(&settings(&[]), Postgres::at(&gone), Redis::at(&gone))).await;
    for (path, begin) in [
        ("getvotes", format!("reading the votes failed: no connection to PostgreSQL at `{gone}`: ")),
        ("ihop", format!("voting failed: no connection to PostgreSQL at `{gone}`: ")),
        ("pageviews", format!("counting the page view failed: no connection to Redis at `{gone}`: ")),
    ] {
        let (status, _, body) = fetch(&format!("{url}/api/{path}")).await;
        assert_eq!(status, 500);
        assert!(body.starts_with(&begin), "{body}");
        assert_eq!(body.matches("Connection refused").count(), 1, "the cause is told once: {body}");
        assert_eq!(body.lines().count(), 1, "{body}");
    }
    assert_eq!(fetch(&format!("{url}/api/hostname")).await.0, 200, "what needs no store goes on");
}
