//! Text that others had a hand in, as a log, a cause or a terminal may hold it.

/// The longest message of an error. Step Functions takes a cause of 32,768 characters, and CloudWatch a log event of 256 KiB.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>
const MOST_CHARS: usize = 8_000;
/// A value longer than this is cut in a message.
const SHOWN_CHARS: usize = 80;

/// `text` in one line of visible characters: what ends a line, turns or hides text or steers a terminal is escaped.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => plain.push(c),
            _ => plain.extend(c.escape_debug()),
        }
    }
    plain
}

/// [`plain`], cut where it is too long for a cause.
#[must_use]
pub fn message(text: &str) -> String {
    let mut message = plain(text);
    if let Some((end, _)) = message.char_indices().nth(MOST_CHARS) {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// A value as a message shows it: cut, and with control characters escaped, so that an input cannot forge a line.
#[must_use]
pub fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", cut.escape_debug())
}

/// A whole number that is written in digits alone: no sign, point, exponent or space.
#[must_use]
pub fn whole_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inputs::tried;

    /// What a log reader, a terminal or a browser may take for more than a character.
    fn steers(c: char) -> bool {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}')
    }

    #[test]
    fn what_is_visible_stays_and_the_rest_is_spelt_out() {
        for text in ["`web-bbb`: 25 %, näve → 日本語 'x' \"y\" \\ z", ""] {
            assert_eq!(plain(text), text);
        }
        assert_eq!(plain("a\nb\x1b[31m\u{9b}m\u{2028}\u{202e}"), "a\\nb\\u{1b}[31m\\u{9b}m\\u{2028}\\u{202e}");
    }

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        assert_eq!((whole_number("80"), whole_number("007")), (Some(80), Some(7)));
        for text in ["", " 80", "80 ", "+80", "-0", "8.0", "1e1", "0x10", "1_000", "٨", "18446744073709551616"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }

    #[test]
    fn a_message_has_an_end() {
        assert_eq!(message(&"x".repeat(MOST_CHARS)).chars().count(), MOST_CHARS);
        for endless in ["é", "\u{202e}", "\n"] {
            assert_eq!(message(&endless.repeat(1_000_000)).chars().count(), MOST_CHARS + 1, "{endless:?}");
        }
    }

    #[test]
    fn no_text_steers_anything_and_once_is_enough() {
        tried("log text", &"(?s).{0,40}|[\\p{Cc}\\p{Cf}\\p{Z}]{0,40}", |text| {
            let once = plain(&text);
            prop_assert!(!once.chars().any(steers), "{once:?}");
            prop_assert_eq!(plain(&once), once);
            Ok(())
        });
    }
}
