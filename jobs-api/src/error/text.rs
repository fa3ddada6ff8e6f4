//! Texts of responses and requests, bounded and safe to print on one line.
//!
//! A hub, a proxy or a caller chooses these texts. In a log they must neither begin a line, nor move the cursor, nor
//! hide or reverse what follows, nor fill the disk. Accessors return them unchanged, up to the size that is kept;
//! messages have them in this form only.

/// Characters of a text that a message repeats.
const SHOWN_TEXT: usize = 1000;

/// Returns a text of any shape and size as part of one line: without characters that would move the
/// cursor, hide text or change its direction.
pub(crate) fn one_line(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_invisible(*c));
    let visible: String = visible.collect();
    let mut line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(SHOWN_TEXT) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Returns true for control characters, bidirectional controls and zero-width characters.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_one_line() {
        assert_eq!(one_line(" a\r\n\tb\u{2028}c "), "a b c");
        assert_eq!(one_line("a\u{1B}[31mb\u{0}"), "a[31mb");
    }

    #[test]
    fn invisible_characters_are_removed() {
        assert_eq!(one_line("safe\u{202E}txt\u{202C}.\u{200B}exe\u{FEFF}\u{2066}!\u{2069}"), "safetxt.exe!");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let line = one_line(&"\u{1F980}".repeat(SHOWN_TEXT + 1));
        assert_eq!(line.chars().count(), SHOWN_TEXT + 1);
        assert!(line.ends_with("\u{1F980}…"));
        assert_eq!(one_line(&"a".repeat(SHOWN_TEXT)).len(), SHOWN_TEXT);
    }
}
