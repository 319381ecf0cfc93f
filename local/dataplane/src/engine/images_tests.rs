#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn placeholders(command: &[String]) -> Placeholders<'_> {
    Placeholders {
        host: "127.0.40.1".into(),
        port: Some(8080),
        checkout: Path::new("/checkout"),
        command,
        egress: BTreeMap::from([("db.demo.local".into(), "127.0.40.1:5432".into())]),
    }
}

fn map(files: &[&str]) -> ImageMap {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..files.len()).map(|index| dir.path().join(format!("{index}.json"))).collect();
    for (path, text) in paths.iter().zip(files) {
        std::fs::write(path, text).unwrap();
    }
    ImageMap::read(&paths).unwrap()
}

#[test]
fn the_first_match_in_the_last_file_wins() {
    let map = map(&[
        r#"{"images":[{"image":"shop:*","run":["old"]},{"image":"*/aws-appmesh-envoy:*","builtin":"envoy"}]}"#,
        r#"{"images":[{"image":"shop:2*","run":["two"]},{"image":"shop:*","run":["any"]}]}"#,
    ]);
    let runs = |image: &str| map.find(image).map(|entry| entry.runs.clone());
    assert_eq!(runs("shop:21"), Some(Runs::Program(vec!["two".into()])));
    assert_eq!(runs("shop:1"), Some(Runs::Program(vec!["any".into()])));
    assert_eq!(runs("public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29"), Some(Runs::Envoy));
    assert_eq!(runs("bookshop:1"), None);
}

#[test]
fn an_error_names_the_file_and_the_entry() {
    let path = Path::new("map.json");
    let refused = [
        (r#"{"images":[{"image":"a"}]}"#, "`images[0]` (a): one of `run` and `builtin` is needed"),
        (r#"{"images":[{"image":"a","run":[]}]}"#, "`run` is empty"),
        (r#"{"images":[{"image":"a","run":["x"],"builtin":"sleep"}]}"#, "exclude each other"),
    ];
    for (text, expected) in refused {
        let error = parse(path, text).unwrap_err().to_string();
        assert!(error.contains("`map.json`") && error.contains(expected), "{error}");
    }
    let unknown = parse(path, r#"{"images":[{"image":"a","rum":["x"]}]}"#).unwrap_err();
    let source = std::error::Error::source(&unknown).unwrap().to_string();
    assert!(source.contains("rum"), "{source}");
}

#[test]
fn placeholders_are_replaced_and_other_braces_are_kept() {
    let command = ["serve".to_owned(), "--all".to_owned()];
    let placeholders = placeholders(&command);
    let run = ["{checkout}/app".to_owned(), "{command}".into(), "{host}:{port}".into()];
    assert_eq!(placeholders.program(&run).unwrap(), ["/checkout/app", "serve", "--all", "127.0.40.1:8080"]);
    assert_eq!(
        placeholders.text(r#"{"db":"{egress:db.demo.local}"} {x} {"#).unwrap(),
        r#"{"db":"127.0.40.1:5432"} {x} {"#
    );
}

#[test]
fn a_placeholder_without_a_value_is_refused() {
    let mut placeholders = placeholders(&[]);
    placeholders.port = None;
    assert_eq!(placeholders.text("{port}"), Err(PlaceholderError::NoPort));
    assert_eq!(placeholders.text("{egress:x.local}"), Err(PlaceholderError::NoEgress("x.local".into())));
    assert_eq!(placeholders.program(&["{command}".into()]), Err(PlaceholderError::NoProgram));
}

proptest! {
    #[test]
    fn a_glob_matches_what_it_was_made_from(parts in prop::collection::vec("[a-z:/.]{0,4}", 1..4), fills in prop::collection::vec("[a-z*:é]{0,4}", 3)) {
        let glob = parts.join("*");
        let text = parts.iter().zip(std::iter::once("").chain(fills.iter().map(String::as_str)))
            .fold(String::new(), |text, (part, fill)| text + fill + part);
        prop_assert!(glob_matches(&glob, &text));
    }

    #[test]
    fn text_without_placeholders_is_unchanged(text in "[a-z{}: ]{0,20}") {
        prop_assume!(!["{host}", "{port}", "{checkout}", "{egress:"].iter().any(|token| text.contains(token)));
        prop_assert_eq!(placeholders(&[]).text(&text).unwrap(), text);
    }
}
