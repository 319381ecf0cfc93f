#![allow(clippy::unwrap_used)]

use super::*;

fn nothing(_: &str) -> Option<String> {
    None
}

fn only(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
    move |wanted| (wanted == name).then(|| value.to_owned())
}

#[test]
fn an_empty_environment_gives_the_documented_defaults() {
    let (ui, order) = (UiSettings::read(nothing).unwrap(), OrderSettings::read(nothing).unwrap());
    let inventory = InventorySettings::read(nothing).unwrap();
    assert_eq!((ui.listen.host.to_string().as_str(), ui.listen.port), ("0.0.0.0", 8080));
    assert_eq!(ui.listen.version, "unversioned");
    assert_eq!(ui.order_url.as_str(), "http://order.ordering.local:8080/");
    assert_eq!(order.inventory_url.as_str(), "http://inventory.ordering.local:8080/");
    let stock = [("cup", 500), ("kettle", 3), ("tea", 1_000_000)];
    assert_eq!(inventory.stock, stock.map(|(item, amount)| (item.to_owned(), amount)).into());
}

#[test]
fn what_cannot_be_used_is_refused_by_name_and_value() {
    for (name, value) in [
        ("HOST", "localhost"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("VERSION", ""),
        ("VERSION", "two words"),
        ("STOCK", ""),
        ("STOCK", "tea"),
        ("STOCK", "=1"),
        ("STOCK", "tea=-1"),
        ("STOCK", "tea=1,tea=2"),
        ("STOCK", "tea=1,"),
    ] {
        let error = InventorySettings::read(only(name, value)).unwrap_err();
        assert_eq!((error.name, error.value.as_str()), (name, value));
    }
}

#[test]
fn only_an_http_url_is_a_backend() {
    for value in ["https://order.ordering.local", "order.ordering.local", "http://"] {
        let error = UiSettings::read(only("ORDER_URL", value)).unwrap_err();
        assert_eq!((error.name, error.value.as_str()), ("ORDER_URL", value));
        let error = OrderSettings::read(only("INVENTORY_URL", value)).unwrap_err();
        assert_eq!((error.name, error.value.as_str()), ("INVENTORY_URL", value));
    }
}

#[test]
fn the_message_is_one_line_that_says_what_is_allowed() {
    let message = InventorySettings::read(only("STOCK", "tea")).unwrap_err().to_string();
    let allowed = "item=amount with commas between, each item once, for example cup=500,tea=1000";
    assert_eq!(message, format!("environment variable `STOCK` is `tea`: allowed is {allowed}"));
}
