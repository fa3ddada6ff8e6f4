//! Scratch workspaces in which tests compile rendered clients and the code of their users.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A Cargo workspace below the target directory, whose build artifacts it shares.
pub(crate) struct Scratch {
    root: PathBuf,
    members: Vec<String>,
}

impl Scratch {
    /// Creates an empty workspace with the dependencies and the lock file of this one.
    pub(crate) fn new(name: &str) -> Self {
        let root = repository().join("target/scratch").join(name);
        let _ = fs::remove_dir_all(root.join("src"));
        fs::create_dir_all(&root).unwrap();
        fs::copy(repository().join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        Self { root, members: Vec::new() }
    }

    /// Copies the crate at `path`, relative to the repository.
    pub(crate) fn copy_crate(&mut self, path: &str) {
        copy_folder(&repository().join(path), &self.root.join(path));
        self.members.push(path.to_owned());
    }

    /// Adds a crate with these `files`; `dependencies` are lines of its manifest.
    pub(crate) fn add_crate(
        &mut self,
        name: &str,
        dependencies: &str,
        files: &[(impl AsRef<str>, impl AsRef<str>)],
    ) {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n"
        );
        self.write(&format!("{name}/Cargo.toml"), &manifest);
        for (file, source) in files {
            self.write(&format!("{name}/{}", file.as_ref()), source.as_ref());
        }
        self.members.push(name.to_owned());
    }

    /// Writes the file at `path` unless it holds this text already, which spares a rebuild.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if fs::read_to_string(&path).ok().as_deref() != Some(text) {
            fs::write(path, text).unwrap();
        }
    }

    /// Compiles the packages, and returns the errors by target.
    pub(crate) fn check(&self, packages: &[&str]) -> BTreeMap<String, Vec<String>> {
        let mut command = self.cargo("check");
        command.args(["--keep-going", "--message-format=json"]);
        packages.iter().for_each(|package| {
            command.args(["--package", package]);
        });
        let output = command.output().unwrap();
        let errors = compiler_errors(&String::from_utf8_lossy(&output.stdout));
        assert!(
            output.status.success() || !errors.is_empty(),
            "cargo failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        errors
    }

    /// Documents a package without its dependencies, and fails with the warnings of rustdoc.
    pub(crate) fn document(&self, package: &str, features: &[&str]) {
        let mut command = self.cargo("doc");
        command.args(["--no-deps", "--no-default-features", "--package", package]).args(features);
        let output = command.env("RUSTDOCFLAGS", "--deny warnings").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs the program of a package, and returns what it prints.
    pub(crate) fn run(&self, package: &str) -> String {
        let output = self.cargo("run").args(["--quiet", "--package", package]).output().unwrap();
        assert!(output.status.success(), "{package} failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command of Cargo in the workspace, without the network.
    fn cargo(&self, command: &str) -> Command {
        let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
        let members = format!("members = {:?}", self.members);
        let lines = manifest.lines().map(|line| if line.starts_with("members = ") { &members } else { line });
        self.write("Cargo.toml", &lines.collect::<Vec<_>>().join("\n"));
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([command, "--offline"]);
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", repository().join("target"));
        cargo
    }
}

fn compiler_errors(messages: &str) -> BTreeMap<String, Vec<String>> {
    let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if message["message"]["level"] == "error" {
            let target = message["target"]["name"].as_str().unwrap_or_default().to_owned();
            let text = message["message"]["rendered"].as_str().unwrap_or_default().to_owned();
            errors.entry(target).or_default().push(text);
        }
    }
    errors
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(to).unwrap() {
        let entry = entry.unwrap();
        if !from.join(entry.file_name()).exists() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if fs::read(entry.path()).ok() != fs::read(&target).ok() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
