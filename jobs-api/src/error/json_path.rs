//! The path of the member at a line and column of a JSON text.
//!
//! serde_json reports a line and a column, which say little about a page of one line. The path is found by reading
//! the text once more up to there, since only the generated code knows the type that could be read again with a
//! tracker of paths. Nothing is decoded, and any text is accepted.

use super::text::KEPT_BODY;

/// One level between the outermost value and the position.
enum Level {
    /// An object, with the key of the current member.
    Object(String),
    /// An array, with the index of the current item.
    Array(usize),
}

/// Returns the path of the member of `json` at `line` and `column` (both from 1, in bytes), such as
/// `[3].status`. The outermost value has an empty path, and so has a position beyond what errors keep of a body.
///
/// In `[{}, {"jobId": "a", "status": 7}]`, column 33 is at `[1].status`: the reader stopped after the 7.
pub(super) fn json_path(json: &[u8], line: usize, column: usize) -> String {
    let before = json.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let end = before.map(<[u8]>::len).sum::<usize>() + column;
    if end > KEPT_BODY {
        return String::new();
    }
    let mut levels = Vec::new();
    let mut text = String::new();
    let mut bytes = json.iter().take(end).copied();
    while let Some(byte) = bytes.next() {
        match (byte, levels.last_mut()) {
            (b'{', _) => levels.push(Level::Object(String::new())),
            (b'[', _) => levels.push(Level::Array(0)),
            (b'}' | b']', _) => drop(levels.pop()),
            (b'"', _) => text = read_string(&mut bytes),
            (b':', Some(Level::Object(key))) => key.clone_from(&text),
            (b',', Some(Level::Object(key))) => key.clear(),
            (b',', Some(Level::Array(index))) => *index += 1,
            _ => {}
        }
    }
    levels.iter().map(step).collect::<String>().trim_start_matches('.').to_owned()
}

/// Reads the rest of a string up to its closing quote, without decoding escapes.
fn read_string(bytes: &mut impl Iterator<Item = u8>) -> String {
    let mut text = Vec::new();
    while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
        text.push(byte);
        if byte == b'\\' {
            text.extend(bytes.next());
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn step(level: &Level) -> String {
    match level {
        Level::Object(key) if key.is_empty() => String::new(),
        Level::Object(key) => format!(".{key}"),
        Level::Array(index) => format!("[{index}]"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Job {
        #[serde(rename = "deviceJobStatistics")]
        _statistics: Option<Statistics>,
    }

    #[derive(Debug, Deserialize)]
    struct Statistics {
        #[serde(rename = "failedCount")]
        _failed_count: Option<i32>,
    }

    fn path_of_error(json: &str) -> String {
        let error = serde_json::from_str::<Vec<Job>>(json).unwrap_err();
        json_path(json.as_bytes(), error.line(), error.column())
    }

    #[test]
    fn malformed_member_is_named() {
        let wrong = r#"[{}, {"jobId": "a,{[\"", "deviceJobStatistics": {"failedCount": "many"}}]"#;
        assert_eq!(path_of_error(wrong), "[1].deviceJobStatistics.failedCount");
        assert_eq!(path_of_error("[{\n \"deviceJobStatistics\":\n 7}]"), "[0].deviceJobStatistics");
        assert_eq!(path_of_error("[{}, 7]"), "[1]");
        assert_eq!(path_of_error("[{\"a\": [1, 2], \"b\": oops}]"), "[0].b");
    }

    #[test]
    fn outermost_value_has_an_empty_path() {
        for json in ["", "oops", "{", "7", "<html>"] {
            assert_eq!(path_of_error(json), "", "{json}");
        }
    }

    #[test]
    fn position_beyond_the_kept_part_has_no_path() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(json_path(deep.as_bytes(), 1, deep.len()), "");
        assert_eq!(json_path(deep.as_bytes(), 1, 3), "[0][0][0]");
        let closed = r#"{"a": [[[]], 1, oops"#;
        assert_eq!(json_path(closed.as_bytes(), 1, closed.len()), "a[2]");
    }

    #[test]
    fn any_text_is_accepted() {
        for json in ["]]}}", "\"\\", "{\"", "[[[[", "\u{1F980}"] {
            for (line, column) in [(0, 0), (1, 0), (1, 9), (9, 9), (usize::MAX, 1)] {
                json_path(json.as_bytes(), line, column);
            }
        }
    }
}
