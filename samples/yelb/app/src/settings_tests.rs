#![allow(clippy::unwrap_used)]

use super::*;
use crate::test_support::parsed;

fn app_server(arguments: &[&str]) -> Result<AppServerSettings, clap::Error> {
    parsed(&[&["yelb-appserver"], arguments].concat())
}

#[test]
fn nothing_said_gives_the_documented_defaults() {
    let settings = app_server(&[]).unwrap();
    assert_eq!((settings.host.to_string().as_str(), settings.port, settings.votes_per_click), ("0.0.0.0", 4567, 1));
    assert_eq!(settings.db.to_string(), "yelb-db.yelb.local:5432");
    assert_eq!(settings.redis.to_string(), "yelb-redisserver.yelb.local:6379");
    let ui = parsed::<UiSettings>(&["yelb-ui"]).unwrap();
    assert_eq!((ui.port, ui.appserver.as_str()), (8080, "http://yelb-appserver.yelb.local:4567/"));
}

#[test]
fn an_app_server_without_a_name_takes_the_machines() {
    assert_eq!(app_server(&["--hostname", "127.0.4.2"]).unwrap().hostname(), "127.0.4.2");
    let own = app_server(&[]).unwrap().hostname();
    assert_eq!(own.to_str().unwrap(), std::fs::read_to_string(KERNEL_HOSTNAME).unwrap().trim());
}

#[test]
fn the_bounds_themselves_are_allowed() {
    let settings = app_server(&["--port", "65535", "--votes-per-click", "10"]).unwrap();
    assert_eq!((settings.port, settings.votes_per_click), (65535, 10));
}

#[test]
fn what_cannot_be_used_is_refused_by_name_and_value_with_what_is_allowed() {
    for (flag, value, allowed) in [
        ("--port", "65536", "from 0 to 65535"),
        ("--votes-per-click", "0", "from 1 to 10"),
        ("--votes-per-click", "11", "from 1 to 10"),
        ("--votes-per-click", "two", "from 1 to 10"),
        ("--version", "two words", "1 to 128 visible ASCII characters"),
        ("--db", "yelb-db", "a host, a colon and a port"),
        ("--db", ":5432", "a host, a colon and a port"),
        ("--redis", "yelb-redisserver:0", "a host, a colon and a port"),
    ] {
        let told = app_server(&[flag, value]).unwrap_err().to_string();
        let line = told.lines().next().unwrap();
        for part in [flag, value, allowed] {
            assert!(line.contains(part), "{line}");
        }
    }
}

#[test]
fn only_an_http_url_is_an_app_server() {
    for value in ["https://yelb-appserver.yelb.local", "yelb-appserver", "http://"] {
        let told = parsed::<UiSettings>(&["yelb-ui", "--appserver", value]).unwrap_err().to_string();
        assert!(told.contains("an http:// URL with a host"), "{told}");
    }
}
