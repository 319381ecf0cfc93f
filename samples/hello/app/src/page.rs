//! The page that hello-web answers.

use crate::backend::Data;

/// The greeting page for `name`. Nothing in it is taken for markup, neither the name nor what the backend said.
pub(crate) fn greeting(name: &str, data: &Data) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Hello</title></head>\n\
         <body>\n<h1>{greeting}, {name}!</h1>\n<p>{message}</p>\n</body>\n</html>\n",
        greeting = escaped(&data.greeting),
        name = escaped(name),
        message = escaped(&data.message),
    )
}

/// `text` with every character that HTML gives a meaning written as a character reference.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_any_part_is_shown_and_not_obeyed() {
        let data = Data { greeting: "<b>".into(), message: "\"&'".into(), version: "v".into() };
        let page = greeting("<script>alert(1)</script>", &data);
        assert!(page.contains("<h1>&lt;b&gt;, &lt;script&gt;alert(1)&lt;/script&gt;!</h1>"), "{page}");
        assert!(page.contains("<p>&quot;&amp;&#39;</p>"), "{page}");
    }
}
