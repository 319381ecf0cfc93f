//! What the tests share.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::http::HeaderMap;
use clap::Parser;
use tokio::net::TcpListener;

/// The settings of a command line, whatever the environment of the tests says.
pub(crate) fn parsed<T: Parser>(line: &[&str]) -> Result<T, clap::Error> {
    let command = T::command().mut_args(|flag| flag.env(None::<&str>));
    T::from_arg_matches(&command.try_get_matches_from(line)?)
}

/// Serves `routes` on a free port; its URL.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, routes).into_future());
    url
}

/// An address at which nobody listens.
pub(crate) const NOBODY: (&str, u16) = ("127.0.0.1", 1);

/// Status, headers and body of what `url` answers.
pub(crate) async fn fetch(url: &str) -> (u16, HeaderMap, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
}
