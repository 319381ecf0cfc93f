//! The three programs as processes, over real sockets: what ui's callers get.
#![allow(clippy::unwrap_used)]

mod program;

use program::Program;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const UI: &str = env!("CARGO_BIN_EXE_ui");
const ORDER: &str = env!("CARGO_BIN_EXE_order");
const INVENTORY: &str = env!("CARGO_BIN_EXE_inventory");

/// A client that no proxy variable of the surrounding shell can lead astray.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// All three, each calling the next.
struct Shop {
    ui: Program,
    order: Program,
    inventory: Program,
}

/// An answer: its status, what its headers say of versions, its body.
#[derive(Debug, PartialEq)]
struct Seen(u16, [Option<String>; 3], Value);

impl Shop {
    async fn open(stock: &str) -> Self {
        let inventory = Program::start(INVENTORY, &[("VERSION", "i1"), ("STOCK", stock)]).await;
        let order = Program::start(ORDER, &[("VERSION", "o1"), ("INVENTORY_URL", &inventory.url(""))]).await;
        let ui = Program::start(UI, &[("VERSION", "u1"), ("ORDER_URL", &order.url(""))]).await;
        Self { ui, order, inventory }
    }

    async fn get(&self, path: &str) -> Seen {
        seen(client().get(self.ui.url(path))).await
    }

    async fn order(&self, line: Value) -> Seen {
        seen(client().post(self.ui.url("/orders")).json(&line)).await
    }
}

async fn seen(request: reqwest::RequestBuilder) -> Seen {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    assert_eq!(text(&headers, "content-type").as_deref(), Some("application/json"));
    let versions = ["x-version", "x-order-version", "x-inventory-version"].map(|name| text(&headers, name));
    Seen(status, versions, answer.json().await.unwrap())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// The versions of so many services, beginning with ui.
fn versions(count: usize) -> [Option<String>; 3] {
    let known = ["u1", "o1", "i1"];
    std::array::from_fn(|at| (at < count).then(|| known[at].to_owned()))
}

#[tokio::test]
async fn an_order_goes_through_all_three_and_is_found_again() {
    let shop = Shop::open("cup=2,tea=5").await;
    let placed = shop.order(json!({"item": "tea", "quantity": 2})).await;
    let order = json!({"id": "o1-1", "item": "tea", "quantity": 2});
    assert_eq!(placed, Seen(201, versions(3), order.clone()));
    assert_eq!(shop.get("/orders/o1-1").await, Seen(200, versions(2), order));
    assert_eq!(shop.get("/stock").await, Seen(200, versions(3), json!({"cup": 2, "tea": 3})));
    let unknown = json!({"error": "there is no order `o9-9` here"});
    assert_eq!(shop.get("/orders/o9-9").await, Seen(404, versions(2), unknown));
}

#[tokio::test]
async fn what_inventory_refuses_reaches_the_caller_with_its_reason() {
    let shop = Shop::open("kettle=1").await;
    for (line, status, error) in [
        (json!({"item": "kettle", "quantity": 2}), 409, "`kettle` is sold out: 1 left, 2 wanted"),
        (json!({"item": "coal", "quantity": 1}), 404, "`item` is `coal`: there is no such item"),
        (json!({"item": "kettle", "quantity": 0}), 422, "`quantity` is `0`: allowed is a whole number from 1 to 1000"),
    ] {
        assert_eq!(shop.order(line).await, Seen(status, versions(3), json!({ "error": error })));
    }
    assert_eq!(shop.get("/stock").await.2, json!({"kettle": 1}));
}

#[tokio::test]
async fn what_is_no_order_is_refused_by_the_first_that_sees_it() {
    let shop = Shop::open("tea=1").await;
    let Seen(status, by, body) = shop.order(json!({"item": "tea", "amount": 1})).await;
    assert_eq!((status, by), (422, versions(1)));
    assert!(body["error"].as_str().unwrap().contains("unknown field `amount`"), "{body}");
    let not_json = client().post(shop.ui.url("/orders")).body("tea");
    assert_eq!(seen(not_json).await.0, 415);
    assert_eq!(shop.get("/nowhere").await, Seen(404, versions(1), json!({"error": "there is no such path"})));
}

#[tokio::test]
async fn a_trace_goes_from_the_caller_to_the_last_service() {
    let mut shop = Shop::open("tea=5").await;
    let line = json!({"item": "tea", "quantity": 1});
    let request = client().post(shop.ui.url("/orders")).json(&line).header("x-amzn-trace-id", "Root=1-a-b");
    assert_eq!(seen(request).await.0, 201);
    assert_eq!(shop.order.logged().await, "order o1: placed `o1-1`: 1 of `tea` (trace Root=1-a-b)");
    assert_eq!(shop.inventory.logged().await, "inventory i1: reserved 1 of `tea`, 4 left (trace Root=1-a-b)");

    let request = client().post(shop.ui.url("/orders")).json(&line).header("traceparent", "00-c-d-01");
    assert_eq!(seen(request).await.0, 201);
    assert_eq!(shop.inventory.logged().await, "inventory i1: reserved 1 of `tea`, 3 left (trace 00-c-d-01)");
}

#[tokio::test]
async fn a_service_that_is_gone_is_a_bad_gateway_with_the_reason() {
    let Shop { ui, order, inventory } = Shop::open("tea=5").await;
    let (inventory_url, order_url) = (inventory.url("/"), order.url("/"));
    assert_eq!(inventory.stop().await, 0);
    let Seen(status, by, body) = seen(client().get(ui.url("/stock"))).await;
    assert_eq!((status, by), (502, versions(1)), "order's own error is ui's to tell");
    assert_eq!(body["error"], format!("order at `{order_url}` answered `502 Bad Gateway`"));
    let Seen(_, _, body) = seen(client().get(order.url("/stock"))).await;
    let reason = body["error"].as_str().unwrap();
    assert!(reason.starts_with(&format!("inventory at `{inventory_url}` gave no answer: ")), "{reason}");
    assert!(reason.contains("Connection refused"), "the whole chain is told: {reason}");
}

#[tokio::test]
async fn ui_serves_its_page_and_all_three_answer_a_ping() {
    let shop = Shop::open("tea=1").await;
    let page = client().get(shop.ui.url("/")).send().await.unwrap();
    assert_eq!(text(page.headers(), "x-version").as_deref(), Some("u1"));
    assert!(text(page.headers(), "content-type").unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().contains("<form id=\"order\">"));
    for program in [&shop.ui, &shop.order, &shop.inventory] {
        assert_eq!(client().get(program.url("/ping")).send().await.unwrap().text().await.unwrap(), "pong\n");
    }
}

#[tokio::test]
async fn a_bad_variable_ends_each_program_with_2_and_one_line() {
    for (program, variable, value) in
        [(UI, "ORDER_URL", "order"), (ORDER, "INVENTORY_URL", "https://i"), (INVENTORY, "STOCK", "tea")]
    {
        let output = Program::command(program, &[(variable, value)]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(&format!("environment variable `{variable}` is `{value}`: allowed is ")), "{error}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Program::command(INVENTORY, &[("PORT", &port)]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with(&format!("inventory: listening on `127.0.0.1:{port}` failed: ")), "{error}");
}
