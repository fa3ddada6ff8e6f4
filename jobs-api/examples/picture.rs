//! `run.svg`, the picture of the README: what the examples print when they run.
//!
//! ```sh
//! UPDATE_PICTURE=1 cargo test --package jobs-api-examples picture
//! ```

use std::fmt::Write as _;
use std::path::Path;

use crate::program;

/// The width of a character and the height of a line, in pixels.
const WIDTH: usize = 8;
const HEIGHT: usize = 20;
const COLUMNS: usize = 80;

/// Runs an example, and returns its command and what it printed.
fn run(example: &str, arguments: &[&str]) -> String {
    let output = program(example).args(arguments).output().unwrap();
    let arguments = if arguments.is_empty() { String::new() } else { format!(" -- {}", arguments.join(" ")) };
    format!("$ cargo run --example {example}{arguments}\n{}\n", String::from_utf8(output.stdout).unwrap())
}

/// Wraps a line as a terminal does.
fn wrap(line: &str) -> Vec<String> {
    if line.is_empty() {
        return vec![String::new()];
    }
    let chars: Vec<char> = line.chars().collect();
    chars.chunks(COLUMNS).map(String::from_iter).collect()
}

fn draw(text: &str) -> String {
    let lines: Vec<String> = text.trim_end().lines().flat_map(wrap).collect();
    let (width, height) = ((COLUMNS + 4) * WIDTH, (lines.len() + 2) * HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" \
         font-size=\"13\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#1e1e2e\"/>\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let colour = if line.starts_with('$') { "#a6e3a1" } else { "#cdd6f4" };
        let line = line.replace('&', "&amp;").replace('<', "&lt;");
        let (x, y) = (2 * WIDTH, (number + 2) * HEIGHT - HEIGHT / 4);
        writeln!(svg, "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\" xml:space=\"preserve\">{line}</text>")
            .unwrap();
    }
    svg + "</svg>\n"
}

#[test]
fn picture_shows_what_the_examples_print() {
    let watching = std::thread::spawn(|| run("watch_job", &[]));
    let drawn = draw(&(run("schedule_job", &["--job-id", "demo"]) + &watching.join().unwrap()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("run.svg");
    if std::env::var_os("UPDATE_PICTURE").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), drawn, "UPDATE_PICTURE=1 draws it anew");
}
