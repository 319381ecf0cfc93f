#![allow(clippy::unwrap_used)]

use super::*;

fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

fn backend(pairs: &'static [(&str, &str)]) -> Result<BackendSettings, InvalidSetting> {
    BackendSettings::read(environment(pairs))
}

#[test]
fn an_empty_environment_gives_the_documented_defaults() {
    let web = WebSettings::read(&[], environment(&[])).unwrap();
    assert_eq!(web.listen.host.to_string(), "0.0.0.0");
    assert_eq!(web.listen.port, 8080);
    assert_eq!(web.listen.version, "unversioned");
    assert_eq!(web.backend_url.as_str(), DEFAULT_BACKEND_URL);
    assert_eq!((web.error_percent, web.delay), (0, Duration::ZERO));
}

#[test]
fn the_offset_moves_the_port_both_ways() {
    assert_eq!(backend(&[("PORT", "8080"), ("PORT_OFFSET", "1")]).unwrap().listen.port, 8081);
    assert_eq!(backend(&[("PORT", "8080"), ("PORT_OFFSET", "-80")]).unwrap().listen.port, 8000);
}

#[test]
fn the_bounds_themselves_are_allowed() {
    let settings = backend(&[("ERROR_PERCENT", "100"), ("DELAY_MS", "600000"), ("PORT", "65535")]).unwrap();
    assert_eq!((settings.error_percent, settings.delay.as_secs(), settings.listen.port), (100, 600, 65535));
}

#[test]
fn what_cannot_be_used_is_refused_by_name_and_value() {
    for (name, value) in [
        ("HOST", "localhost"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("PORT_OFFSET", "57456"),
        ("PORT_OFFSET", "-8081"),
        ("PORT_OFFSET", "2147483647"),
        ("VERSION", ""),
        ("VERSION", "two words"),
        ("ERROR_PERCENT", "101"),
        ("ERROR_PERCENT", "-1"),
        ("ERROR_PERCENT", "10%"),
        ("DELAY_MS", "600001"),
        ("DELAY_MS", "1.5"),
    ] {
        let lookup = |wanted: &str| (wanted == name).then(|| value.to_owned());
        let error = BackendSettings::read(lookup).unwrap_err();
        assert_eq!((error.name, error.value.as_str()), (name, value));
    }
}

#[test]
fn only_an_http_url_is_a_backend() {
    for value in ["https://hello-backend.demo.local/data", "hello-backend", "http://"] {
        let error = WebSettings::read(&[], |name| (name == "BACKEND_URL").then(|| value.to_owned())).unwrap_err();
        assert_eq!((error.name, error.value.as_str()), ("BACKEND_URL", value));
    }
}

fn web(arguments: &[&str]) -> Result<WebSettings, InvalidSetting> {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    WebSettings::read(&arguments, environment(&[("BACKEND_URL", "http://variable/"), ("PORT", "80")]))
}

#[test]
fn the_argument_goes_before_the_variable_and_is_checked_like_it() {
    assert_eq!(web(&[]).unwrap().backend_url.as_str(), "http://variable/");
    let settings = web(&["-b", "http://argument:8080/data"]).unwrap();
    assert_eq!((settings.backend_url.as_str(), settings.listen.port), ("http://argument:8080/data", 80));
    assert_eq!(web(&["-b", "argument"]).unwrap_err().name, "BACKEND_URL");
    for arguments in [&["-b"][..], &["http://argument/"], &["-b", "http://argument/", "more"]] {
        let error = web(arguments).unwrap_err();
        assert_eq!((error.name, error.value), ("arguments", arguments.join(" ")));
    }
}

#[test]
fn the_message_is_one_line_that_says_what_is_allowed() {
    let message = backend(&[("ERROR_PERCENT", "ten")]).unwrap_err().to_string();
    assert_eq!(message, "`ERROR_PERCENT` is `ten`: allowed is a whole number of percent from 0 to 100");
}
