//! The papers of the workspace: each sentence is in one of them, and each link leads somewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::facts::workspace;

/// Words of the shortest sentence that must be in one place only.
const SENTENCE: usize = 8;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Returns the text of each paper by its path.
fn papers() -> BTreeMap<PathBuf, String> {
    let folders = ["", ".github", "jobs-api", "spec", "tests/emulator", "xtask"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(workspace().join(folder)).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    let papers = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    papers.map(|path| (path.clone(), read(&path))).collect()
}

/// Returns the text of the crate page.
fn crate_page() -> String {
    let source = read(&workspace().join("jobs-api/src/lib.rs"));
    let docs = source.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim_start);
    docs.collect::<Vec<_>>().join("\n")
}

/// Returns a text without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Returns the longer sentences of a text, and cells of its tables, as words in lower case.
fn sentences(text: &str) -> Vec<String> {
    let blocks =
        prose(text).replace("\n\n", "\0").replace("\n- ", "\0").replace("\n|", "\0").replace(" | ", "\0");
    let blocks = blocks.split_whitespace().collect::<Vec<_>>().join(" ");
    let ends = [". ", ": ", "; "].iter().fold(blocks, |text, end| text.replace(end, "\0"));
    let words = |sentence: &str| {
        let words = sentence.split(|char: char| char.is_whitespace() || char == '`');
        let words = words.map(|word| word.trim_matches(|char: char| !char.is_alphanumeric()));
        words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect::<Vec<_>>()
    };
    let sentences = ends.split('\0').map(words).filter(|words| words.len() >= SENTENCE);
    sentences.map(|words| words.join(" ")).collect()
}

/// Returns the anchors of the headings of a paper.
fn anchors(text: &str) -> Vec<String> {
    let headings = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn each_sentence_is_in_one_place() {
    let mut papers = papers();
    // The opening of both READMEs is one: another test compares them.
    let readme = papers.get_mut(&workspace().join("README.md")).unwrap();
    *readme = readme.split_once("\n## ").unwrap().1.to_owned();
    papers.insert("the crate page".into(), crate_page());
    let mut places = BTreeMap::new();
    for (path, text) in &papers {
        for sentence in sentences(text) {
            let first = places.insert(sentence.clone(), path);
            assert_eq!(first, None, "{} has this too: {sentence}", path.display());
        }
    }
    assert!(places.len() > 500, "{} sentences", places.len());
}

#[test]
fn each_relative_link_leads_somewhere() {
    let mut links = 0;
    for (path, text) in papers() {
        let text = prose(&text);
        let targets = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target}", path.display());
            assert!(
                anchor.is_empty() || anchors(&read(&file)).contains(&anchor.to_owned()),
                "{}: {target}",
                path.display()
            );
            links += 1;
        }
    }
    assert!(links > 20, "{links} links");
}
