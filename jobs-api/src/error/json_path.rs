//! The path of the member at a line and column of a JSON text.

/// One level between the outermost value and the position.
enum Level {
    /// An object: the key read last.
    Object(String),
    /// An array: the index of the current item.
    Array(usize),
}

/// Levels of a path that are kept: no value that is built is deeper.
const KEPT_LEVELS: usize = 128;
/// Bytes of a key that are kept.
const KEPT_KEY: usize = 1000;

/// Returns the path of the member of `json` at `line` and `column` (both from 1, in bytes), such as
/// `[3].status`. The outermost value has an empty path. Accepts any text.
pub(super) fn json_path(json: &[u8], line: usize, column: usize) -> String {
    let before = json.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let end = before.map(<[u8]>::len).sum::<usize>() + column;
    let mut levels = Vec::new();
    // Levels below those that are kept.
    let mut deeper = 0_usize;
    let mut expects_key = false;
    let mut bytes = json.iter().take(end).copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' if levels.len() == KEPT_LEVELS => deeper += 1,
            b'}' | b']' if deeper > 0 => deeper -= 1,
            b'{' => levels.push(Level::Object(String::new())),
            b'[' => levels.push(Level::Array(0)),
            b'}' | b']' => drop(levels.pop()),
            b'"' => {
                let text = string(&mut bytes);
                if let (true, 0, Some(Level::Object(key))) = (expects_key, deeper, levels.last_mut()) {
                    *key = text;
                }
            }
            b',' => {
                if let (0, Some(Level::Array(index))) = (deeper, levels.last_mut()) {
                    *index += 1;
                }
            }
            _ => {}
        }
        expects_key = match byte {
            b'{' | b',' => true,
            b' ' | b'\t' | b'\r' | b'\n' => expects_key,
            _ => false,
        };
    }
    levels.iter().map(step).collect::<String>().trim_start_matches('.').to_owned()
}

/// Reads the rest of a string up to its closing quote, without decoding escapes. Returns its beginning.
fn string(bytes: &mut impl Iterator<Item = u8>) -> String {
    let mut text = Vec::new();
    let mut keep = |byte| {
        if text.len() < KEPT_KEY {
            text.push(byte);
        }
    };
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => [Some(byte), bytes.next()].into_iter().flatten().for_each(&mut keep),
            _ => keep(byte),
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
    fn path_is_bounded() {
        let deep = "[".repeat(100_000);
        assert_eq!(json_path(deep.as_bytes(), 1, deep.len()), "[0]".repeat(KEPT_LEVELS));
        let closed = format!("{{\"a\": [{deep}{}, 1, oops", "]".repeat(deep.len()));
        assert_eq!(json_path(closed.as_bytes(), 1, closed.len()), "a[2]");
        let long = format!("{{\"{}\": oops", "k".repeat(100_000));
        assert_eq!(json_path(long.as_bytes(), 1, long.len()), "k".repeat(KEPT_KEY));
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
