#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn map(files: &[&str]) -> ImageMap {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..files.len()).map(|index| dir.path().join(format!("{index}.json"))).collect();
    for (path, text) in paths.iter().zip(files) {
        std::fs::write(path, text).unwrap();
    }
    ImageMap::read(&paths).unwrap()
}

fn refusal(text: &str) -> String {
    let error = anyhow::Error::from(parse(Path::new("map.json"), text).unwrap_err());
    format!("{error:#}")
}

#[test]
fn the_first_match_in_the_last_file_wins() {
    let map = map(&[
        r#"{"images":[{"image":"shop:*","run":["old"]},{"image":"*/aws-appmesh-envoy:*","builtin":"envoy"}]}"#,
        r#"{"images":[{"image":"shop:2*","run":["two"]},{"image":"shop:*","run":["any"]}]}"#,
    ]);
    let runs = |image: &str| map.find(image).map(|entry| entry.runs.clone());
    let program = |name: &str| Some(Runs::Program(vec![name.to_owned().try_into().unwrap()]));
    assert_eq!(runs("shop:21"), program("two"));
    assert_eq!(runs("shop:1"), program("any"));
    assert_eq!(runs("public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29"), Some(Runs::Envoy));
    assert_eq!(runs("bookshop:1"), None);
}

#[test]
fn a_byte_order_mark_at_the_start_of_a_map_is_skipped() {
    assert!(map(&["\u{feff}{\"images\":[{\"image\":\"a\",\"run\":[\"x\"]}]}"]).find("a").is_some());
}

#[test]
fn a_container_of_envoys_image_with_an_entry_point_of_its_own_is_a_program() {
    let map = map(&[r#"{"images":[{"image":"envoy:1","builtin":"envoy"},{"image":"nothing","builtin":"sleep"}]}"#]);
    let runs =
        |image: &str, entry_point: &[String]| map.find(image).unwrap().clone().with_entry_point(entry_point).runs;
    assert_eq!(runs("envoy:1", &[]), Runs::Envoy);
    assert_eq!(runs("envoy:1", &["sleep".to_owned()]), Runs::Program(vec![Word::Command]));
    assert_eq!(runs("nothing", &["sleep".to_owned()]), Runs::Sleep);
}

#[test]
fn an_entry_with_a_mistake_is_named_with_what_is_allowed() {
    let refused = [
        (r#"{"image":"a"}"#, "`images[1]` (a): one of `run` and `builtin` is needed"),
        (r#"{"image":"a","run":[]}"#, "`images[1]` (a): `run` is empty: give the program"),
        (
            r#"{"image":"","run":["x"]}"#,
            "`images[1]` (): `image` is empty: give a name or a pattern such as `my-app:*`",
        ),
        (r#"{"image":"a","run":["x"],"builtin":"sleep"}"#, "`images[1]` (a): `run` and `builtin` exclude each other"),
        (
            r#"{"image":"a","rum":["x"]}"#,
            "`images[1]` (a): `rum` is not a key: the nearest is `run`, allowed are `image`, `run`, `env`, `builtin`",
        ),
        (
            r#"{"Image":"a"}"#,
            "`images[1]`: `Image` is not a key: the nearest is `image`, allowed are `image`, `run`, `env`, `builtin`",
        ),
        (r#"{"run":["x"]}"#, "`images[1]`: missing field `image`"),
        (r#""x""#, "`images[1]`: must be an object; its keys are `image`, `run`, `env`, `builtin`"),
        (
            r#"{"image":"a","builtin":"nginx"}"#,
            "`images[1].builtin` (a): unknown variant `nginx`, expected `envoy` or `sleep`",
        ),
        (
            r#"{"image":"a","run":"x --flag"}"#,
            "`images[1].run` (a): invalid type: string \"x --flag\", expected a sequence",
        ),
        (r#"{"image":"a","run":["x",1]}"#, "`images[1].run[1]` (a): invalid type: integer `1`, expected a string"),
        (
            r#"{"image":"a","run":["x"],"env":{"PORT":80}}"#,
            "`images[1].env.PORT` (a): invalid type: integer `80`, expected a string",
        ),
    ];
    for (entry, why) in refused {
        let map = format!(r#"{{"images":[{{"image":"ok","run":["x"]}},{entry}]}}"#);
        assert_eq!(refusal(&map), format!("image map `map.json`: {why}"));
    }
}

#[test]
fn an_unknown_placeholder_is_named_with_its_entry() {
    for (entry, place) in [
        (r#""run":["x","--at={foo}"]"#, "`images[0].run[1]` (a)"),
        (r#""run":["x"],"env":{"AT":"{foo}"}"#, "`images[0].env.AT` (a)"),
    ] {
        let refusal = refusal(&format!(r#"{{"images":[{{"image":"a",{entry}}}]}}"#));
        let expected = format!("image map `map.json`: {place}: `{{foo}}` is no placeholder: allowed are `{{host}}`");
        assert!(refusal.starts_with(&expected), "{refusal}");
    }
}

#[test]
fn a_file_that_is_no_map_is_refused() {
    for (text, why) in [
        ("{", " is not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", ": the file: must be an object; its keys are `images`"),
        ("{}", ": the file: missing field `images`"),
        (r#"{"image":[]}"#, ": the file: `image` is not a key: the nearest is `images`, allowed are `images`"),
        (r#"{"images":{}}"#, ": `images`: invalid type: map, expected a sequence"),
    ] {
        assert_eq!(refusal(text), format!("image map `map.json`{why}"));
    }
    let missing = ImageMap::read(&["nowhere.json".into()]).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read image map `nowhere.json`");
}

proptest! {
    #[test]
    fn a_glob_matches_what_it_was_made_from(parts in prop::collection::vec("[a-z:/.]{0,4}", 1..4), fills in prop::collection::vec("[a-z*:é]{0,4}", 3)) {
        let glob = parts.join("*");
        let text = parts.iter().zip(std::iter::once("").chain(fills.iter().map(String::as_str)))
            .fold(String::new(), |text, (part, fill)| text + fill + part);
        prop_assert!(glob_matches(&glob, &text));
    }
}
