//! Removal of tokens from what errors show.
//!
//! An answer may echo the request it belongs to, token included, and errors keep answers. Redaction
//! runs where an error is made; a successful answer is never scanned.

use percent_encoding::percent_decode_str;

/// The scheme of an Entra ID token in the header `Authorization`, with the space after it.
pub(super) const BEARER: &str = "Bearer ";
/// The field of a shared access signature that holds its secret.
pub(super) const SIGNATURE_FIELD: &str = "sig=";
/// The replacement for a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// The decoded characters of a secret that suffice to recognize it.
const PREFIX_LENGTH: usize = 8;
/// The first characters of any token's secret: of a shared access signature, of a JSON web token.
const ANY_PREFIX: [&str; 2] = [SIGNATURE_FIELD, "eyJ"];
/// The backslashes before a character that count as its escape: JSON within JSON has several.
const BACKSLASHES: usize = 8;

/// Returns the text without any token, `None` if it contains none.
#[cfg(any(feature = "entra", test))]
pub(crate) fn redact_tokens(text: &str) -> Option<String> {
    redact_token(text, "")
}

/// Returns the signature of a token, decoded. Without it the rest of a token is worthless.
fn signature(token: &str) -> String {
    let signature = match (token.strip_prefix(BEARER), token.split_once(SIGNATURE_FIELD)) {
        (Some(web_token), _) => web_token.rsplit('.').next(),
        (None, Some((_, rest))) => rest.split('&').next(),
        (None, None) => None,
    };
    percent_decode_str(signature.unwrap_or(token)).decode_utf8_lossy().into_owned()
}

/// Returns the text without this or any other token, `None` if it contains none: replaces each run of token characters
/// that begins like the signature, or like any token.
///
/// A prefix suffices, and also finds a secret that is cut off.
pub(super) fn redact_token(text: &str, token: &str) -> Option<String> {
    let is_token_char = |c: char| c.is_ascii_alphanumeric() || "+/=%-._~\\".contains(c);
    let prefix: Vec<char> = signature(token).chars().take(PREFIX_LENGTH).collect();
    let (mut result, mut kept, mut rest) = (String::new(), text, text);
    while let Some(c) = rest.chars().next() {
        match strip_secret(rest, &prefix) {
            Some(after) => {
                result = result + &kept[..kept.len() - rest.len()] + REDACTED;
                rest = after.trim_start_matches(is_token_char);
                kept = rest;
            }
            None => rest = &rest[c.len_utf8()..],
        }
    }
    (!result.is_empty()).then(|| result + kept)
}

/// Removes the beginning of a secret.
fn strip_secret<'a>(text: &'a str, prefix: &[char]) -> Option<&'a str> {
    if let Some(rest) = ANY_PREFIX.iter().find_map(|start| text.strip_prefix(start)) {
        return Some(rest);
    }
    let is_long = prefix.len() == PREFIX_LENGTH;
    prefix.iter().try_fold(text, |rest, c| strip_char(rest, *c)).filter(|_| is_long)
}

/// Removes a character, as it is or with the escapes of URLs and JSON: `%2B`, `%252B`, `\u002B`, `\/`.
fn strip_char(text: &str, expected: char) -> Option<&str> {
    if let Some(rest) = text.strip_prefix(expected) {
        return Some(rest);
    }
    let backslashes = text.bytes().take(BACKSLASHES).take_while(|byte| *byte == b'\\').count();
    let escaped = text.get(backslashes..)?;
    let (code, digits) = match escaped.strip_prefix(expected) {
        Some(rest) if backslashes > 0 => return Some(rest),
        _ if backslashes > 0 => (escaped.strip_prefix('u')?, 4),
        _ => (text.strip_prefix('%')?.trim_start_matches("25"), 2),
    };
    let (code, rest) = code.split_at_checked(digits)?;
    (u32::from_str_radix(code, 16) == Ok(expected.into())).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_redacted(echo: &str, token: &str) {
        let text = redact_token(&format!("you sent <{echo}>"), token).unwrap();
        assert!(text.starts_with("you sent <") && text.ends_with(&format!("{REDACTED}>")), "{text}");
        assert!(!text.contains("dEfGhI") && !text.contains("V0LXNpZ25h"), "{text}");
    }

    #[test]
    fn signature_is_redacted_in_every_form_even_if_cut_off() {
        let token = "SharedAccessSignature se=4102444800&sr=h.net&sig=aB%2Bc%2FdEfGhIjKlMnOp%3D";
        for echo in [
            token,
            "aB%2Bc%2FdEfGhIjKlMnOp%3D",
            "aB%2bc%2fdEfGhIjKlMnOp%3d",
            "aB+c/dEfGhIjKlMnOp=",
            r"aB\u002Bc/dEfGhIjKlMnOp=",
            r"aB\u002bc/dEfGhIjKlMnOp=",
            r"aB+c\/dEfGhIjKlMnOp=",
            r"aB\u002Bc\/dEfGhIjKlMnOp=",
            r"aB\\u002Bc\\/dEfGhIjKlMnOp=",
            "aB%252Bc%252FdEfGhIjKlMnOp%253D",
            "sig%3DaB%252Bc%252FdEfGhIjKlMnOp%253D",
            "aB%2Bc%2FdEfGhI",
        ] {
            assert_redacted(echo, token);
        }
        assert_eq!(redact_token("aB%2Bc%2FdEf", token).as_deref(), Some(REDACTED), "eight characters");
        assert_eq!(redact_token("aB%2Bc%2FdE", token), None, "seven may be anything");
    }

    #[test]
    fn what_surrounds_a_secret_stays() {
        let token = "SharedAccessSignature sr=h.net&sig=aB%2Bc%2FdEfGhIjKlMnOp%3D&se=4102444800";
        let text = redact_token(&format!("you sent <{token}> twice: <{token}>"), token).unwrap();
        let redacted = token.replace("sig=aB%2Bc%2FdEfGhIjKlMnOp%3D", REDACTED);
        assert_eq!(text, format!("you sent <{redacted}> twice: <{redacted}>"));
    }

    #[test]
    fn signature_of_a_web_token_is_redacted_without_its_header() {
        let token = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwczovL2kifQ.c2VjcmV0LXNpZ25hdHVyZQ";
        for echo in [token, "c2VjcmV0LXNpZ25hdHVyZQ", "c2VjcmV0LXNpZ25h"] {
            assert_redacted(echo, token);
        }
    }

    #[test]
    fn any_token_is_redacted() {
        let text = redact_tokens("sig=zzzzzzzzzz and <eyJzzz.zzz.zzz>, signed").unwrap();
        assert_eq!(text, "[redacted] and <[redacted]>, signed");
        assert_eq!(redact_tokens("no token here"), None);
    }

    #[test]
    fn text_of_any_form_and_size_is_scanned_once() {
        let token = "SharedAccessSignature sig=aB%2Bc%2FdEfGhIjKlMnOp%3D";
        for part in ["\\", "%25", "aB%2B", "\\u", "\u{1F980}", "sig", "a"] {
            assert_eq!(redact_token(&part.repeat(100_000), token), None, "{part}");
        }
        let odd = "é%\\u00 \u{1F980}%2";
        assert_eq!(redact_token(&format!("{odd}aB+c/dEf"), token).unwrap(), format!("{odd}{REDACTED}"));
        assert_eq!(redact_token("short", "Bearer short"), None);
    }
}
