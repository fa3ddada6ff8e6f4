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

/// The characters of a secret that suffice to recognize it.
const PREFIX_LENGTH: usize = 12;
/// The first characters of any token's secret: of a shared access signature, of a JSON web token.
const ANY_PREFIX: [&str; 2] = [SIGNATURE_FIELD, "eyJ"];

/// Returns the text without any token, `None` if it contains none.
pub(crate) fn redact_tokens(text: &str) -> Option<String> {
    redact(text, &ANY_PREFIX)
}

/// Returns the text without this or any other token, `None` if it contains none.
pub(super) fn redact_token(text: &str, token: &str) -> Option<String> {
    let prefixes = prefixes(token);
    // `sig=` and what follows go first: afterwards only a bare signature is left to find.
    let prefixes: Vec<&str> = ANY_PREFIX.into_iter().chain(prefixes.iter().map(String::as_str)).collect();
    redact(text, &prefixes)
}

/// Returns the first characters of the token's signature, in each form an answer may echo it: as sent,
/// decoded, with lower-case escapes, with JSON escapes.
///
/// A prefix suffices, and also finds a secret that is cut off. Without the signature the rest of a
/// token is worthless.
fn prefixes(token: &str) -> Vec<String> {
    let signature = match (token.strip_prefix(BEARER), token.split_once(SIGNATURE_FIELD)) {
        (Some(web_token), _) => web_token.rsplit('.').next(),
        (None, Some((_, rest))) => rest.split('&').next(),
        (None, None) => None,
    };
    let signature = signature.unwrap_or(token);
    let decoded = percent_decode_str(signature).decode_utf8_lossy().into_owned();
    let forms = [
        signature.to_owned(),
        signature.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
        decoded.replace('/', "\\/"),
        decoded.replace('+', "\\u002B"),
        decoded.replace('+', "\\u002b"),
        decoded,
    ];
    let long_forms = forms.iter().filter(|form| form.len() >= PREFIX_LENGTH);
    let mut prefixes: Vec<String> =
        long_forms.map(|form| form.chars().take(PREFIX_LENGTH).collect()).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// Replaces each run of token characters that begins with one of the prefixes.
fn redact(text: &str, prefixes: &[&str]) -> Option<String> {
    let is_token_char = |c: char| c.is_ascii_alphanumeric() || "+/=%-._~\\".contains(c);
    let mut redacted: Option<String> = None;
    for prefix in prefixes {
        let mut rest = redacted.as_deref().unwrap_or(text);
        let mut result = String::new();
        while let Some((before, after)) = rest.split_once(prefix) {
            result = result + before + REDACTED;
            rest = after.trim_start_matches(is_token_char);
        }
        if !result.is_empty() {
            redacted = Some(result + rest);
        }
    }
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_redacted(echo: &str, token: &str) {
        let text = redact_token(&format!("you sent <{echo}>"), token).unwrap();
        assert!(text.starts_with("you sent <") && text.ends_with(&format!("{REDACTED}>")), "{text}");
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
            "aB%2Bc%2FdEfGhI",
        ] {
            assert_redacted(echo, token);
        }
        assert_eq!(redact_token("aB%2Bc%2FdEf", token).as_deref(), Some(REDACTED), "twelve characters");
        assert_eq!(redact_token("aB%2Bc%2FdE", token), None, "eleven may be anything");
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
}
