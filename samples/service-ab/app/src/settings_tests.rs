#![allow(clippy::unwrap_used)]

use super::*;

fn only(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
    move |wanted| (wanted == name).then(|| value.to_owned())
}

#[test]
fn an_empty_environment_gives_the_documented_defaults() {
    let settings = ServiceASettings::read(|_| None).unwrap();
    assert_eq!(settings.listen.host.to_string(), "0.0.0.0");
    assert_eq!(settings.listen.port, 80);
    assert_eq!(settings.listen.version, "unversioned");
    assert_eq!(settings.backend_url.as_str(), DEFAULT_BACKEND_URL);
}

#[test]
fn the_bounds_themselves_are_allowed() {
    assert_eq!(Listen::read(only("PORT", "65535")).unwrap().port, 65535);
    let longest = "v".repeat(MAX_VERSION_LENGTH);
    let settings = Listen::read(|name| (name == "VERSION").then(|| longest.clone())).unwrap();
    assert_eq!(settings.version, longest);
}

#[test]
fn what_cannot_be_used_is_refused_by_name_and_value() {
    for (name, value) in [
        ("HOST", "localhost"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("PORT", "http"),
        ("VERSION", ""),
        ("VERSION", "two words"),
        ("BACKEND_URL", "https://serviceb.apps.local/"),
        ("BACKEND_URL", "serviceb"),
        ("BACKEND_URL", "http://"),
    ] {
        let error = ServiceASettings::read(only(name, value)).unwrap_err();
        assert_eq!((error.name, error.value.as_str()), (name, value));
    }
    let too_long = "v".repeat(MAX_VERSION_LENGTH + 1);
    let error = Listen::read(|name| (name == "VERSION").then(|| too_long.clone())).unwrap_err();
    assert_eq!((error.name, error.value), ("VERSION", too_long));
}

#[test]
fn the_message_is_one_line_that_says_what_is_allowed() {
    let message = Listen::read(only("PORT", "eighty")).unwrap_err().to_string();
    assert_eq!(message, "environment variable `PORT` is `eighty`: allowed is a port number from 0 to 65535");
}
