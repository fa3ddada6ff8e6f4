use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::workspace::{BY_HAND, DEVIATIONS, FACTS, FACTS_PAGE, README, repository};

/// Creates a workspace with `spec` and the current client.
fn workspace(spec: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["spec", "jobs-api/src"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join(SPEC), spec).unwrap();
    for file in [CLIENT, BY_HAND] {
        fs::copy(repository().join(file), root.path().join(file)).unwrap();
    }
    root
}

fn own_spec() -> Value {
    serde_json::from_str(&fs::read_to_string(repository().join(SPEC)).unwrap()).unwrap()
}

/// Our spec with a property gone, another added, and a new status.
fn changed_spec() -> Value {
    let mut spec = own_spec();
    let schemas = &mut spec["components"]["schemas"];
    let properties = schemas["JobResponse"]["properties"].as_object_mut().unwrap();
    properties.remove("failureReason");
    properties.insert("progress".to_owned(), json!({ "type": "integer" }));
    schemas["JobStatus"]["enum"].as_array_mut().unwrap().push("notListed".into());
    spec
}

fn text(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Success(text) | Outcome::Difference(text) => text,
    }
}

#[test]
fn client_is_up_to_date() {
    let options = Options { check: true, ..Options::default() };
    let outcome = run(&repository(), &options).unwrap();
    assert!(matches!(outcome, Outcome::Success(_)), "{}", text(&outcome));
    assert!(text(&outcome).ends_with("nothing changes for users"), "{}", text(&outcome));
}

#[test]
fn stale_client_is_reported_with_its_consequences() {
    let root = workspace(&changed_spec().to_string());
    let before = fs::read_to_string(root.path().join(CLIENT)).unwrap();
    fs::write(
        root.path().join("jobs-api/src/outcome.rs"),
        "fn a(job: &JobResponse) {\n    job.failure_reason;\n}",
    )
    .unwrap();
    let outcome = run(root.path(), &Options { check: true, ..Options::default() }).unwrap();
    let Outcome::Difference(text) = outcome else { panic!("the client passed for current") };
    for line in [
        "+        pub progress: ::std::option::Option<i64>",
        "breaking   JobResponse.failure_reason is gone",
        "additive   JobStatus::NotListed",
        "additive   JobResponse.progress",
        "→ 0.2.0    next CHANGELOG entry:\n### Removed\n- `JobResponse.failure_reason`\n### Added\n",
        "→ by hand:\njobs-api/src/outcome.rs:2 names it (JobResponse.failure_reason)\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_eq!(fs::read_to_string(root.path().join(CLIENT)).unwrap(), before);
}

#[test]
fn stale_tables_are_reported_with_the_remedy() {
    for (page, source, heading) in [
        (README, DEVIATIONS, "| place | published |"),
        (README, BY_HAND, "| when this"),
        (FACTS_PAGE, FACTS, "| fact | known |"),
    ] {
        let root = workspace(&own_spec().to_string());
        for file in [source, DEVIATIONS, page] {
            fs::copy(repository().join(file), root.path().join(file)).unwrap();
        }
        let current = fs::read_to_string(root.path().join(page)).unwrap();
        let edited = current.replace(heading, "| other |");
        assert_ne!(edited, current);
        fs::write(root.path().join(page), &edited).unwrap();

        let check = run(root.path(), &Options { check: true, ..Options::default() }).unwrap();
        let Outcome::Difference(report) = check else { panic!("the table passed for current") };
        let line = format!("{page} does not show {source}: `cargo xtask regen` brings it up to date\n");
        assert!(report.starts_with(&line), "{report}");
        assert_eq!(fs::read_to_string(root.path().join(page)).unwrap(), edited);
        let written = run(root.path(), &Options::default()).unwrap();
        assert!(text(&written).starts_with(&format!("wrote the tables in {page}\n")));
        assert_eq!(fs::read_to_string(root.path().join(page)).unwrap(), current);
    }
}

#[test]
fn check_writes_nothing_and_run_writes_the_client() {
    let root = workspace(&changed_spec().to_string());
    let before = fs::read_to_string(root.path().join(CLIENT)).unwrap();
    let checked = run(root.path(), &Options { check: true, ..Options::default() }).unwrap();
    assert!(text(&checked).starts_with("jobs-api/src/generated.rs is stale\n"), "{}", text(&checked));
    assert_eq!(fs::read_to_string(root.path().join(CLIENT)).unwrap(), before);
    let written = run(root.path(), &Options::default()).unwrap();
    assert!(text(&written).starts_with("wrote jobs-api/src/generated.rs: "));
    assert!(
        fs::read_to_string(root.path().join(CLIENT)).unwrap().contains("Self::NotListed => \"notListed\"")
    );
    let again = run(root.path(), &Options { check: true, ..Options::default() }).unwrap();
    assert!(text(&again).contains("is up to date"));
}

#[test]
fn client_with_the_marks_of_a_merge_is_written_again() {
    let root = workspace(&own_spec().to_string());
    let current = fs::read_to_string(root.path().join(CLIENT)).unwrap();
    let marked = current.replacen("pub mod types", "<<<<<<< HEAD\npub mod types", 1);
    fs::write(root.path().join(CLIENT), marked).unwrap();
    let outcome = run(root.path(), &Options::default()).unwrap();
    assert!(text(&outcome).contains("what changes for users is unknown: "), "{}", text(&outcome));
    assert_eq!(fs::read_to_string(root.path().join(CLIENT)).unwrap(), current);
}

#[test]
fn revisions_are_compared() {
    let root = workspace(&changed_spec().to_string());
    let git = |arguments: &[&str]| {
        let status = Command::new("git").arg("-C").arg(root.path()).args(arguments).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "a"]);
    run(root.path(), &Options::default()).unwrap();
    let against =
        |revision: &str| run(root.path(), &Options { check: true, against: Some(revision.to_owned()) });
    let outcome = against("HEAD").unwrap();
    assert!(text(&outcome).contains("breaking   JobResponse.failure_reason is gone"), "{}", text(&outcome));
    let error = against("nowhere").unwrap_err().to_string();
    assert!(error.starts_with("the revision \"nowhere\" has no jobs-api/src/generated.rs: "), "{error}");
}

#[test]
fn refused_spec_leaves_the_client_untouched() {
    let yaml = "openapi: 3.0.3\ninfo: {}\n";
    for (spec, message) in [
        ("", "spec/openapi.json: is empty"),
        ("{", "spec/openapi.json at line 1, column 1: is not JSON: "),
        (yaml, "spec/openapi.json: is YAML"),
        ("<!doctype html>", "spec/openapi.json: is HTML or XML"),
        ("{}", "spec/openapi.json at .openapi: is missing"),
        (r#"{"swagger": "2.0"}"#, "spec/openapi.json at .swagger: is a Swagger 2 document"),
        (r#"{"openapi": "3.1.0"}"#, "spec/openapi.json at .openapi: is 3.1.0"),
    ] {
        let root = workspace(spec);
        let before = fs::read_to_string(root.path().join(CLIENT)).unwrap();
        let error = run(root.path(), &Options::default()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        assert_eq!(fs::read_to_string(root.path().join(CLIENT)).unwrap(), before);
    }
}

#[test]
fn unreadable_spec_is_named() {
    let root = workspace("{}");
    let spec = root.path().join(SPEC);
    fs::remove_file(&spec).unwrap();
    let error = || run(root.path(), &Options::default()).unwrap_err().to_string();
    assert!(error().starts_with("spec/openapi.json: cannot be read: "), "{}", error());
    fs::create_dir(&spec).unwrap();
    assert!(error().starts_with("spec/openapi.json: cannot be read: "), "{}", error());
}

#[cfg(unix)]
#[test]
fn unwritable_client_is_named() {
    let root = workspace(&own_spec().to_string());
    let client = root.path().join(CLIENT);
    fs::remove_file(&client).unwrap();
    fs::create_dir(&client).unwrap();
    let error = run(root.path(), &Options::default()).unwrap_err().to_string();
    assert!(error.starts_with("jobs-api/src/generated.rs cannot be written: "), "{error}");
}
