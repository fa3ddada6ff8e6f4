//! From a line and a column of a JSON text to the member that stands there.

/// One level on the way from the outermost value to the place.
enum Level {
    /// Within an object: the key read last.
    Object(String),
    /// Within an array: how many items came before.
    Array(usize),
}

/// The member of `json` in which `line` and `column` (both from 1, in bytes) lie, such as
/// `[3].status`. Whatever the text, it gives an answer; for the outermost value that is the empty one.
pub(super) fn place(json: &[u8], line: usize, column: usize) -> String {
    let before = json.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let end = before.map(<[u8]>::len).sum::<usize>() + column;
    let mut levels = Vec::new();
    let mut expects_key = false;
    let mut bytes = json.iter().take(end).copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' => levels.push(Level::Object(String::new())),
            b'[' => levels.push(Level::Array(0)),
            b'}' | b']' => drop(levels.pop()),
            b'"' => {
                let text = string(&mut bytes);
                if let (true, Some(Level::Object(key))) = (expects_key, levels.last_mut()) {
                    *key = text;
                }
            }
            b',' => {
                if let Some(Level::Array(index)) = levels.last_mut() {
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

/// The rest of a string up to its closing quote, escapes left as they are.
fn string(bytes: &mut impl Iterator<Item = u8>) -> String {
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => text.extend([Some(byte), bytes.next()].into_iter().flatten()),
            _ => text.push(byte),
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

    fn place_of_error(json: &str) -> String {
        let error = serde_json::from_str::<Vec<Job>>(json).unwrap_err();
        place(json.as_bytes(), error.line(), error.column())
    }

    #[test]
    fn the_member_that_breaks_is_named() {
        let wrong = r#"[{}, {"jobId": "a,{[\"", "deviceJobStatistics": {"failedCount": "many"}}]"#;
        assert_eq!(place_of_error(wrong), "[1].deviceJobStatistics.failedCount");
        assert_eq!(place_of_error("[{\n \"deviceJobStatistics\":\n 7}]"), "[0].deviceJobStatistics");
        assert_eq!(place_of_error("[{}, 7]"), "[1]");
        assert_eq!(place_of_error("[{\"a\": [1, 2], \"b\": oops}]"), "[0].b");
    }

    #[test]
    fn the_whole_has_no_name() {
        for json in ["", "oops", "{", "7", "<html>"] {
            assert_eq!(place_of_error(json), "", "{json}");
        }
    }

    #[test]
    fn nonsense_gives_an_answer() {
        for json in ["]]}}", "\"\\", "{\"", "[[[[", "\u{1F980}"] {
            for (line, column) in [(0, 0), (1, 0), (1, 9), (9, 9), (usize::MAX, 1)] {
                place(json.as_bytes(), line, column);
            }
        }
    }
}
