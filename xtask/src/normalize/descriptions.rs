//! Descriptions that rustdoc shows as they are meant: no tag and no code block by accident.

use serde_json::{Map, Value};

/// The members that become docs.
const DOCS: [&str; 3] = ["description", "summary", "title"];

/// Escapes every text for docs at and below `part`.
pub(super) fn escape(part: &mut Value) {
    match part {
        Value::Object(members) => {
            // An empty text would be an empty line of docs.
            members.retain(|key, text| {
                !DOCS.contains(&key.as_str()) || text.as_str().is_none_or(|text| !text.trim().is_empty())
            });
            members.iter_mut().for_each(|(key, member)| match member {
                Value::String(text) if DOCS.contains(&key.as_str()) => *text = escape_text(text),
                member => escape(member),
            });
        }
        Value::Array(items) => items.iter_mut().for_each(escape),
        _ => {}
    }
}

/// Appends a paragraph to the description of an object.
pub(super) fn append(members: &mut Map<String, Value>, paragraph: &str) {
    let description = members.get("description").and_then(Value::as_str).unwrap_or_default().trim_end();
    let separator = if description.is_empty() { "" } else { "\n\n" };
    let description = format!("{description}{separator}{paragraph}");
    members.insert("description".to_owned(), description.into());
}

fn escape_text(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ").replace("~~~", "```");
    let visible = |c: &char| *c == '\n' || !(c.is_control() || is_direction_mark(*c));
    let text: String = text.chars().filter(visible).collect();
    // Four spaces would begin a code block, which is compiled as a test.
    let unindented = text.trim().lines().map(|line| match line.len() - line.trim_start().len() {
        4.. => format!("   {}", line.trim()),
        _ => line.trim_end().to_owned(),
    });
    escape_prose(&unindented.collect::<Vec<_>>().join("\n"))
}

/// Returns true for the characters that reorder text, which the compiler refuses in comments.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes text outside of code spans, whose delimiters are runs of backticks.
fn escape_prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let (before, from_run) = rest.split_at(start);
        escaped.push_str(&escape_tags(before));
        let length = from_run.len() - from_run.trim_start_matches('`').len();
        let (run, after) = from_run.split_at(length);
        match after.find(run) {
            Some(end) => {
                // A block without a language would be compiled as a test, too.
                let code = match after[..end].split_once('\n') {
                    Some((_, lines)) if length >= 3 => format!("text\n{lines}"),
                    _ => after[..end].to_owned(),
                };
                escaped.push_str(&format!("{run}{code}{run}"));
                rest = &after[end + length..];
            }
            None => {
                escaped.push_str(&run.replace('`', "&#96;"));
                rest = after;
            }
        }
    }
    escaped.push_str(&escape_tags(rest));
    escaped
}

/// Escapes tags, but no address in angle brackets.
fn escape_tags(text: &str) -> String {
    let text = text.replace('<', "\\<").replace("\\\\<", "\\<");
    ["http://", "https://"]
        .iter()
        .fold(text, |text, scheme| text.replace(&format!("\\<{scheme}"), &format!("<{scheme}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accidental_markup_is_escaped() {
        for (text, expected) in [
            ("a Vec<T> of [Foo]", "a Vec\\<T> of [Foo]"),
            ("`Vec<T>` and ``a`b``", "`Vec<T>` and ``a`b``"),
            ("an odd ` and <b>", "an odd &#96; and \\<b>"),
            ("see <https://a.b>", "see <https://a.b>"),
            ("one\r\ntwo\rthree\u{202e}", "one\ntwo\nthree"),
            ("a\n\n    let x = 1;", "a\n\n   let x = 1;"),
            ("a\n```\nlet <x>;\n```\nb", "a\n```text\nlet <x>;\n```\nb"),
            ("```json\n{}\n```", "```text\n{}\n```"),
            ("~~~\n{}\n~~~", "```text\n{}\n```"),
            ("```json\n{}", "&#96;&#96;&#96;json\n{}"),
            ("end */ of", "end */ of"),
        ] {
            assert_eq!(escape_text(text), expected);
            assert_eq!(escape_text(&escape_text(text)), expected, "escaping twice");
        }
    }
}
