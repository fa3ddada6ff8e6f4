//! Taking tokens out of what a server echoes: errors keep answers, and an answer may repeat the
//! request that it is about.

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::{BEARER, SIGNATURE_FIELD};

/// How much of a secret is enough to know it by, in characters.
const TELLTALE: usize = 12;
/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";
/// What the secret part of any token begins with: a shared access signature, a JSON web token.
const ANY_SECRET: [&str; 2] = [SIGNATURE_FIELD, "eyJ"];

/// The body without this token; it may hold signatures that are no business of ours, such as those of
/// a link in a method's payload.
pub(super) fn without_token(body: Bytes, token: &str) -> Bytes {
    replaced(&body, &beginnings(token)).unwrap_or(body)
}

/// The body without any token at all.
pub(crate) fn without_tokens(body: Bytes) -> Bytes {
    replaced(&body, &ANY_SECRET.map(str::to_owned)).unwrap_or(body)
}

/// The text without any token at all; none when there is none in it.
pub(crate) fn text_without_tokens(text: &str) -> Option<String> {
    replace(text, &ANY_SECRET.map(str::to_owned))
}

/// The text without this token or any other; none when there is none in it.
pub(super) fn text_without_token(text: &str, token: &str) -> Option<String> {
    replace(text, &[beginnings(token), ANY_SECRET.map(str::to_owned).to_vec()].concat())
}

/// What the signature of a token begins with, in each form in which it may be echoed: as it was sent,
/// decoded, with lower-case escapes, with the escapes of JSON. The beginning is enough, since an answer
/// may break off in the middle; the rest of a token is worth nothing without it.
fn beginnings(token: &str) -> Vec<String> {
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
    let long_enough = forms.iter().filter(|form| form.len() >= TELLTALE);
    let mut beginnings: Vec<String> = long_enough.map(|form| form.chars().take(TELLTALE).collect()).collect();
    beginnings.sort_unstable();
    beginnings.dedup();
    beginnings
}

fn replaced(body: &Bytes, beginnings: &[String]) -> Option<Bytes> {
    replace(&String::from_utf8_lossy(body), beginnings).map(Bytes::from)
}

/// Takes away each run of a token's characters that starts with one of the `beginnings`.
fn replace(text: &str, beginnings: &[String]) -> Option<String> {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "+/=%-._~\\".contains(c);
    let mut replaced: Option<String> = None;
    for beginning in beginnings {
        let text = replaced.as_deref().unwrap_or(text);
        if text.contains(beginning) {
            let mut parts = text.split(beginning);
            let first = parts.next().unwrap_or_default().to_owned();
            let without =
                parts.fold(first, |kept, part| kept + REDACTED + part.trim_start_matches(is_of_token));
            replaced = Some(without);
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_redacted(text: &Bytes, secret: &str) {
        let text = String::from_utf8_lossy(text);
        assert!(text.contains(REDACTED) && !text.contains(secret), "{text}");
        assert!(text.starts_with("you sent <") && text.ends_with('>'), "{text}");
    }

    #[test]
    fn an_echo_is_redacted_in_every_form_also_when_it_breaks_off() {
        let token = "SharedAccessSignature sr=h.net&sig=aB%2Bc%2FdEfGhIjKlMnOp%3D&se=4102444800";
        for echo in [
            token,
            "aB%2Bc%2FdEfGhIjKlMnOp%3D",
            "aB%2bc%2fdEfGhIjKlMnOp%3d",
            "aB+c/dEfGhIjKlMnOp=",
            r"aB\u002Bc/dEfGhIjKlMnOp=",
            r"aB+c\/dEfGhIjKlMnOp=",
            "aB%2Bc%2FdEfGhI",
        ] {
            assert_redacted(&without_token(format!("you sent <{echo}>").into(), token), "dEf");
        }
    }

    #[test]
    fn the_signature_of_a_web_token_is_redacted_and_another_with_its_header_is_left() {
        let token = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwczovL2kifQ.c2VjcmV0LXNpZ25hdHVyZQ";
        for echo in [token, "c2VjcmV0LXNpZ25hdHVyZQ", "c2VjcmV0LXNpZ25h"] {
            assert_redacted(&without_token(format!("you sent <{echo}>").into(), token), "c2Vj");
        }
        let other = Bytes::from("eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwczovL2kifQ.YW5vdGhlci1zaWduYXR1cmU");
        assert_eq!(without_token(other.clone(), token), other);
    }

    #[test]
    fn other_tokens_stay_in_what_is_read_and_go_from_what_is_shown() {
        let body = Bytes::from("you sent <sig=zzzzzzzzzz and eyJzzz.zzz.zzz>");
        let token = "SharedAccessSignature sr=h.net&sig=aaaaaaaaaaaaaaaa&se=1";
        assert_eq!(without_token(body.clone(), token), body);
        assert_redacted(&without_tokens(body), "zz");
        assert_eq!(text_without_tokens("nothing of it"), None);
    }
}
