#![allow(clippy::unwrap_used)]

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

fn text(text: &str) -> Text {
    text.to_owned().try_into().unwrap()
}

fn run(words: &[&str]) -> Vec<Word> {
    words.iter().map(|word| (*word).to_owned().try_into().unwrap()).collect()
}

#[test]
fn placeholders_are_replaced_and_other_braces_are_kept() {
    let command = ["serve".to_owned(), "--all".to_owned()];
    let placeholders = placeholders(&command);
    let run = run(&["{checkout}/app", "{command}", "{host}:{port}"]);
    assert_eq!(placeholders.program(&run).unwrap(), ["/checkout/app", "serve", "--all", "127.0.40.1:8080"]);
    for (given, becomes) in [
        (r#"{"db":"{egress:db.demo.local}"} {"#, r#"{"db":"127.0.40.1:5432"} {"#),
        ("${host} ${X:-{port}} $HOME", "${host} ${X:-8080} $HOME"),
        ("{{name}} {{{name}}} {{host}", "{name} {{name}} {127.0.40.1"),
        ("{ a; } {} {1} {a b} {a: 1} {{}}", "{ a; } {} {1} {a b} {a: 1} {{}}"),
    ] {
        assert_eq!(placeholders.text(&text(given)).unwrap(), becomes);
    }
}

#[test]
fn a_name_in_braces_that_stands_for_nothing_is_refused() {
    for (given, name) in [
        ("x {foo} {host}", "foo"),
        ("{Host}", "Host"),
        ("{egress:}", "egress:"),
        ("{egres:db.local}", "egres:db.local"),
        ("exec {command}", "command"),
        ("{{foo}", "foo"),
    ] {
        let refused = Text::try_from(given.to_owned()).unwrap_err();
        assert_eq!(refused, UnknownPlaceholder(name.to_owned()));
    }
    let message = UnknownPlaceholder("foo".to_owned()).to_string();
    assert!(message.starts_with("`{foo}` is no placeholder: allowed are `{host}`, `{port}`,"), "{message}");
    assert!(message.ends_with("`{{foo}}` stands for the text `{foo}`"), "{message}");
}

#[test]
fn a_placeholder_without_a_value_is_refused() {
    let mut placeholders = placeholders(&[]);
    placeholders.port = None;
    assert_eq!(placeholders.text(&text("{port}")), Err(PlaceholderError::NoPort));
    let unknown = PlaceholderError::NoEgress("x.local".into());
    assert_eq!(placeholders.text(&text("{egress:x.local}")), Err(unknown));
    assert_eq!(placeholders.program(&run(&["{command}"])), Err(PlaceholderError::NoProgram));
}

proptest! {
    #[test]
    fn text_without_names_in_braces_is_unchanged(given in "[a-z{}: $]{0,20}") {
        prop_assume!(!given.split('{').skip(1).any(|rest| name_in_braces(rest).is_some()));
        prop_assert_eq!(placeholders(&[]).text(&text(&given)).unwrap(), given);
    }

    #[test]
    fn a_doubled_name_is_that_name_in_braces(name in "[a-z]{1,9}", around in "[a-z ]{0,5}") {
        let given = text(&format!("{around}{{{{{name}}}}}{around}"));
        let becomes = format!("{around}{{{name}}}{around}");
        prop_assert_eq!(placeholders(&[]).text(&given).unwrap(), becomes);
    }
}
