#![allow(clippy::unwrap_used)]

use super::*;
use crate::test_support::{self, NOBODY, fetch, serve};

/// yelb-ui in front of `app_server`.
async fn ui(app_server: &str) -> String {
    let settings = test_support::parsed(&["yelb-ui", "--version", "5e11f", "--appserver", app_server]).unwrap();
    serve(router(&settings).unwrap()).await
}

#[tokio::test]
async fn the_page_is_there_with_all_that_it_refers_to() {
    let url = ui("http://127.0.0.1:1").await;
    let (status, headers, page) = fetch(&format!("{url}/")).await;
    assert_eq!((status, &headers["x-version"]), (200, &"5e11f".parse().unwrap()));
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"));
    for (file, kind) in [("page.css", "text/css"), ("page.js", "text/javascript")] {
        assert!(page.contains(&format!("\"{file}\"")), "{page}");
        let (status, headers, _) = fetch(&format!("{url}/{file}")).await;
        assert_eq!(status, 200);
        assert!(headers["content-type"].to_str().unwrap().starts_with(kind));
    }
}

#[test]
fn the_page_has_a_button_for_each_restaurant() {
    for name in crate::appserver::votes::RESTAURANTS {
        assert!(include_str!("page.js").contains(&format!("{{ name: \"{name}\"")), "{name}");
    }
}

#[tokio::test]
async fn an_answer_of_the_app_server_comes_as_it_is_with_its_own_version() {
    let answer = |OriginalUri(uri): OriginalUri| async move {
        let headers =
            [("x-version", "v7"), ("x-hostname", "h"), ("content-type", "application/json"), ("set-cookie", "a=b")];
        (StatusCode::IM_A_TEAPOT, headers, uri.to_string())
    };
    let app_server = serve(Router::new().fallback(answer)).await;
    let url = ui(&app_server).await;
    let (status, headers, body) = fetch(&format!("{url}/api/ihop%2f?a=b%20c")).await;
    assert_eq!((status, body.as_str()), (418, "/api/ihop%2f?a=b%20c"));
    for (name, value) in [("x-version", "v7"), ("x-hostname", "h"), ("content-type", "application/json")] {
        assert_eq!(headers[name], value);
    }
    assert!(!headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn an_answer_without_a_version_gets_none() {
    let app_server = serve(Router::new().fallback(|| async { StatusCode::SERVICE_UNAVAILABLE })).await;
    let (status, headers, _) = fetch(&format!("{}/api/ihop", ui(&app_server).await)).await;
    assert_eq!((status, headers.contains_key("x-version")), (503, false));
}

#[tokio::test]
async fn an_app_server_that_is_not_there_is_502_with_its_address_and_the_cause() {
    let gone = format!("{}:{}", NOBODY.0, NOBODY.1);
    let (status, headers, body) = fetch(&format!("{}/api/ihop", ui(&format!("http://{gone}")).await)).await;
    assert_eq!((status, headers.contains_key("x-version")), (502, false));
    assert!(body.starts_with(&format!("calling yelb-appserver at `http://{gone}/api/ihop` failed: ")), "{body}");
    assert!(body.contains("Connection refused"), "{body}");
}
