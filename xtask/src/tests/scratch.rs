//! A scratch workspace, in which tests compile rendered clients and the code of their users.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::workspace::repository;

/// The dependencies of this workspace's members, by member and section of the manifest.
///
/// Cargo unites the features of all that it builds at once. With these, the dependencies of the scratch
/// workspace have the features that `cargo test --workspace` gives them, and are not compiled again.
const DEPENDENCIES: [(&str, &str); 6] = [
    ("jobs-api", "dev-dependencies"),
    ("tests", "dev-dependencies"),
    ("tests/emulator", "dependencies"),
    ("tests/emulator", "dev-dependencies"),
    ("xtask", "dependencies"),
    ("xtask", "dev-dependencies"),
];

/// A Cargo workspace below the target directory of the running test, whose build artifacts it shares.
pub(crate) struct Scratch {
    target: PathBuf,
    files: BTreeMap<PathBuf, String>,
    members: Vec<String>,
}

/// What became of the crates of a scratch workspace.
pub(crate) struct Built {
    /// The errors of the compiler by target.
    pub(crate) errors: BTreeMap<String, Vec<String>>,
    /// The programs by name.
    programs: BTreeMap<String, PathBuf>,
}

impl Scratch {
    /// Creates a workspace with the dependencies and the lock file of this one.
    pub(crate) fn new() -> Self {
        // The test is `deps/xtask-…` in the folder of a profile, wherever the caller builds.
        let target = env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
        let mut scratch = Self { target, files: BTreeMap::new(), members: Vec::new() };
        scratch.add_file("Cargo.lock", read("Cargo.lock"));
        for (member, section) in DEPENDENCIES {
            let name = format!("{}-{section}", member.replace('/', "-"));
            let names: &[&str] = if section == "dependencies" { &["features", section] } else { &[section] };
            let manifest = sections(member, names).replace("[dev-dependencies]", "[dependencies]");
            // Those of the workspace itself are neither there nor needed.
            let foreign = manifest.lines().filter(|line| !line.starts_with("jobs-"));
            let foreign: Vec<&str> = foreign.collect();
            scratch.add_crate(&name, &foreign.join("\n"), [("src/lib.rs".to_owned(), String::new())]);
        }
        scratch
    }

    /// Adds a crate with these files; `manifest` is what follows the section `package`.
    pub(crate) fn add_crate(
        &mut self,
        name: &str,
        manifest: &str,
        files: impl IntoIterator<Item = (String, String)>,
    ) {
        let package =
            format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{manifest}");
        self.add_file(&format!("{name}/Cargo.toml"), package);
        for (file, text) in files {
            self.add_file(&format!("{name}/{file}"), text);
        }
        self.members.push(name.to_owned());
    }

    fn add_file(&mut self, path: &str, text: String) {
        self.files.insert(self.root().join(path), text);
    }

    fn root(&self) -> PathBuf {
        self.target.join("scratch")
    }

    /// Compiles every crate, one that others depend on before those.
    pub(crate) fn build(mut self) -> Built {
        let members = format!("members = {:?}", self.members);
        let manifest = read("Cargo.toml");
        let lines = manifest.lines().filter(|line| !line.starts_with("default-members = "));
        let lines = lines.map(|line| if line.starts_with("members = ") { &members } else { line });
        let manifest = lines.collect::<Vec<_>>().join("\n");
        self.add_file("Cargo.toml", manifest);
        self.write();

        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--workspace", "--keep-going", "--offline", "--message-format=json"]);
        cargo.current_dir(self.root()).env("CARGO_TARGET_DIR", &self.target);
        // Cargo describes this crate to the running test. A build script that asks for such a variable would
        // run again, here and at the next build of the caller.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        let output = cargo.output().unwrap();
        let built = Built::read(&String::from_utf8_lossy(&output.stdout));
        assert!(
            output.status.success() || !built.errors.is_empty(),
            "cargo failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        built
    }

    /// Writes the files that differ, which spares the others a rebuild, and removes those of an earlier run.
    fn write(&self) {
        for path in files_below(&self.root()) {
            if !self.files.contains_key(&path) {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, text) in &self.files {
            if fs::read_to_string(path).ok().as_ref() != Some(text) {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
    }
}

impl Built {
    /// Reads the messages of Cargo.
    fn read(messages: &str) -> Self {
        let mut built = Self { errors: BTreeMap::new(), programs: BTreeMap::new() };
        for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let target = message["target"]["name"].as_str().unwrap_or_default().to_owned();
            if message["message"]["level"] == "error" {
                let text = message["message"]["rendered"].as_str().unwrap_or_default().to_owned();
                built.errors.entry(target).or_default().push(text);
            } else if let Some(program) = message["executable"].as_str() {
                built.programs.insert(target, program.into());
            }
        }
        built
    }

    /// Runs a program, and returns what it prints.
    pub(crate) fn run(&self, name: &str) -> String {
        let program = self.programs.get(name).unwrap_or_else(|| panic!("{:#?}", self.errors));
        let output = Command::new(program).output().unwrap();
        assert!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Returns the text of a file of this workspace.
fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// Returns sections of the manifest of a member.
pub(crate) fn sections(member: &str, names: &[&str]) -> String {
    let manifest = read(Path::new(member).join("Cargo.toml"));
    let section = |name: &&str| {
        let (_, rest) = manifest.split_once(&format!("\n[{name}]\n"))?;
        Some(format!("[{name}]\n{}\n", rest.split("\n[").next()?))
    };
    names.iter().filter_map(section).collect()
}

/// Returns the files in `folder` of this workspace, with their paths from there.
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
    let folder = repository().join(folder);
    let with_text = |path: PathBuf| {
        let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    files_below(&folder).into_iter().map(with_text).collect()
}

/// Returns the files in a folder and below it.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
