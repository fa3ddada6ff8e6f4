//! The page of the facts of the service, each with its source and its tests.

use std::path::Path;

use serde_json::Value;

use crate::workspace::{FACTS, read_data};

/// The tables of the facts of the workspace at `root`.
pub(crate) fn tables(root: &Path) -> Result<String, String> {
    let data: Value = read_data(root, FACTS)?;
    let mut page = String::new();
    for subject in items(&data["subjects"]) {
        page += &format!(
            "\n## {}\n\n| fact | known | source | tests |\n|---|---|---|---|\n",
            text(&subject["subject"])
        );
        page.extend(items(&subject["facts"]).map(row));
    }
    page += "\n## Sources\n\n| source | where |\n|---|---|\n";
    let sources = data["sources"].as_object().into_iter().flatten();
    page.extend(sources.map(|(name, place)| format!("| {name} | {} |\n", text(place))));
    Ok(page)
}

fn row(fact: &Value) -> String {
    let switch = fact["switch"].as_str().map(|switch| format!("; setting `{switch}`")).unwrap_or_default();
    let other =
        fact["otherwise"].as_str().map(|other| format!(" Otherwise: {other}{switch}.")).unwrap_or_default();
    let tests =
        ["hub", "client"].map(|side| items(&fact[side]).map(move |test| format!("{side}: `{}`", text(test))));
    let tests: Vec<String> = tests.into_iter().flatten().collect();
    let sources: Vec<&str> = items(&fact["sources"]).map(text).collect();
    let (id, statement, known) = (text(&fact["id"]), text(&fact["fact"]), text(&fact["known"]));
    format!("| `{id}`: {statement}{other} | {known} | {} | {} |\n", sources.join(", "), tests.join("<br>"))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
