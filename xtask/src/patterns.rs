//! Patterns, whose `*` stand for any text.

/// Returns true if `text` is what `pattern` says.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|end| text.is_char_boundary(*end)).any(|end| matches(rest, &text[end..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_any_text() {
        assert!(matches("Job.*", "Job.id") && matches("*", "") && matches("a*c*e", "abcde"));
        assert!(!matches("Job.*", "Jobs.id") && !matches("a", "ab") && !matches("a*c", "abcd"));
    }
}
