//! Conditions that stay one operand between parentheses, however their parser reads them.

/// Returns true if a condition between parentheses is one operand: joined to another by AND, it selects no
/// further device.
///
/// True only of texts whose tokens every reading of the language agrees on: names, numbers, operators, strings,
/// names in double brackets, lists of constants, and parentheses in pairs. The sources differ on how a quote is
/// escaped, and do not mention comments, nested lists, or other characters between tokens.
pub(crate) fn is_operand(condition: &str) -> bool {
    let (mut closing, mut rest, mut previous) = (Vec::new(), condition, ' ');
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let next = match c {
            '\'' | '"' => after_string(after, c),
            '[' if previous == '.' => after_name(after),
            _ if is_comment(c, after) || !may_follow(closing.last(), c) => None,
            '(' | '[' => {
                closing.push(if c == '(' { ')' } else { ']' });
                Some(after)
            }
            ')' | ']' => closing.pop().filter(|open| *open == c).map(|_| after),
            c => is_plain(c).then_some(after),
        };
        let Some(next) = next else { return false };
        (rest, previous) = (next, c);
    }
    closing.is_empty() && !condition.is_empty()
}

/// Returns false for brackets within a list, which has constants only.
fn may_follow(closing: Option<&char>, c: char) -> bool {
    closing != Some(&']') || !matches!(c, '(' | '[' | ')')
}

/// Returns true if another language begins or ends a comment here.
fn is_comment(c: char, after: &str) -> bool {
    matches!(c, '-' | '/' | '*') && after.starts_with(['-', '/', '*'])
}

/// Returns true for characters of names, numbers and operators, and for the space between them.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_$.,=<>!+-*/% \t\r\n".contains(c)
}

/// Returns what comes after a string without an escaped quote.
fn after_string(text: &str, quote: char) -> Option<&str> {
    let mut rest = text;
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            c if c == quote => return Some(rest).filter(|rest| !rest.starts_with(quote)),
            '\\' => rest = rest.strip_prefix('\\').or_else(|| after_code(rest))?,
            c if c.is_control() => return None,
            _ => {}
        }
    }
}

/// Returns what comes after the code of a character, of which the backslash was read.
fn after_code(text: &str) -> Option<&str> {
    let (code, rest) = text.strip_prefix('u')?.split_at_checked(4)?;
    code.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(rest)
}

/// Returns what comes after a name in double brackets, of which the first bracket was read.
fn after_name(text: &str) -> Option<&str> {
    let (name, rest) = text.strip_prefix('[')?.split_once("]]")?;
    let is_part = |c: char| !c.is_control() && !"[]()'\"\\".contains(c);
    (!name.is_empty() && name.chars().all(is_part) && !rest.starts_with(']')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_conditions_are_operands() {
        for condition in [
            "tags.a = 1 OR tags.b = 2",
            "(a = 1 OR (b = 2)) AND c = 3",
            "deviceId IN ['a', \"b\", 'c'] AND tags.floor NIN [1, -2.5, 0x1F, null, true]",
            "NOT IS_DEFINED(properties.reported.[[2nd fan]]) AND STARTSWITH(deviceId, 'pump')",
            "a = ')(' AND b = \"[[ it's /* -- \"",
            r"a = 'C:\\' AND b = 'it\u0027s'",
            "tags.[[größe]] != 'ü' AND properties.desired.$version >= 7",
            "tags.a.[[b c]].[[d]] = 1",
        ] {
            assert!(is_operand(condition), "{condition}");
        }
    }

    #[test]
    fn other_texts_are_not() {
        for condition in [
            "",
            "tags.a = 1) OR (tags.b = 2",
            "(a = 1",
            "a = 1)",
            "a = ')",
            "a IN [1",
            "a IN [(1)]",
            "a IN [1)]",
            "(a IN [1)]",
            // Arrays in a list, which look like a name in double brackets.
            "1 IN [[1], [2]] OR 1 IN [[')]]",
            "tags.a IN [[1]]",
            "tags.a IN [ [1] ]",
            "tags.[[']] = 1) OR (tags.[[']] = 2",
            "tags.[[a) OR (",
            "tags.[[a]]] = 1",
            "tags.[[]] = 1",
            "tags.[a] = 1",
            "tags. [[a']] = 1",
            // Strings whose end depends on how a quote is escaped.
            r"a = 'it\'s (' AND b = 2",
            "a = 'x''('",
            r"a = '\",
            r"a = '\x41'",
            r"a = '\u'",
            r"a = '\u002' OR '",
            "a = 'b\nc'",
            // Comments of other languages.
            "1=1 /* ( */ ) OR 1=1 OR ( /* ) */ 1=1",
            "a = 1 -- )",
            "a = 1 // )",
            "a = 1 # b",
            "a = 1; b = 2",
            "a = `b`",
            "a = {b}",
            "a = 1\0",
            "a = 1 \u{2028}OR b = 2",
            "a = 1\u{200B}",
            "größe = 1",
            "a = \u{2BC}b\u{2BC}",
        ] {
            assert!(!is_operand(condition), "{condition}");
        }
    }

    #[test]
    fn length_and_depth_do_not_matter() {
        for part in ["(", "[", "[[", "a.[[", "'", "\"", "\\", "]", ")", "NOT (", "tags.a IN ["] {
            assert!(!is_operand(&part.repeat(100_000)), "{part}");
        }
        assert!(is_operand(&format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000))));
    }
}
