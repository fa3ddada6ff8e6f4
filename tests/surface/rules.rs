//! What no line of the listing may have, so that a later version need not break users.

/// A line of the listing.
#[derive(Clone, Copy)]
struct Line<'a> {
    name: &'a str,
    text: &'a str,
}

/// A rule: the word for what breaks it, and whether a line among others does.
type Rule = (&'static str, fn(Line<'_>, &[Line<'_>]) -> bool);

const RULES: &[Rule] = &[
    ("exhaustive", is_exhaustive),
    ("pointer", |line, _| line.text.starts_with("impl ") && line.text.contains("Deref (")),
    ("progenitor", |line, _| line.text.contains("progenitor")),
    ("must_use", is_unmarked_builder),
];

/// Returns the names of the lines that break a rule, each after the word for it.
pub(crate) fn find_violations(lines: &[String]) -> Vec<String> {
    let lines = lines.iter().filter_map(|line| line.split_once(": "));
    let lines: Vec<Line<'_>> = lines.map(|(name, text)| Line { name, text }).collect();
    let violations = lines.iter().flat_map(|line| {
        let broken = RULES.iter().filter(|(_, is_broken)| is_broken(*line, &lines));
        broken.map(|(rule, _)| format!("{rule}: {}", line.name))
    });
    violations.collect()
}

/// Returns true for an enum, or for a struct or a variant with public fields, that can get no more of its parts.
fn is_exhaustive(line: Line<'_>, lines: &[Line<'_>]) -> bool {
    let has_fields = || lines.iter().any(|field| field.name.starts_with(&format!("{}.", line.name)));
    let can_grow = line.text.starts_with("struct { .. }") || line.text.contains("#[non_exhaustive]");
    let is_read = line.text.starts_with("enum")
        || line.text.starts_with("struct") && has_fields()
        || line.text.starts_with("variant {");
    is_read && !can_grow
}

/// Returns true for a method whose caller may forget the `Self` that it returns.
fn is_unmarked_builder(line: Line<'_>, lines: &[Line<'_>]) -> bool {
    let is_marked = |line: &Line<'_>| line.text.contains("#[must_use]");
    let is_owner = |other: &&Line<'_>| {
        without_parameters(other.name) == without_parameters(owner(line.name))
            && !other.text.starts_with("impl ")
    };
    let signature = line.text.split(" #[").next().and_then(|text| text.split(" if ").next());
    let is_builder = line.text.contains("self") && signature.is_some_and(|text| text.ends_with("-> Self"));
    is_builder && !is_marked(&line) && !lines.iter().filter(is_owner).any(is_marked)
}

fn owner(name: &str) -> &str {
    name.rsplit_once("::").map_or(name, |(owner, _)| owner)
}

fn without_parameters(name: &str) -> &str {
    name.split('<').next().unwrap_or_default()
}
