//! `.github/SECURITY.md`: each promise names tests that exist.

use crate::facts::{sources, tests, workspace};

#[test]
fn every_promise_of_security_names_tests_that_exist() {
    let paper = std::fs::read_to_string(workspace().join(".github/SECURITY.md")).unwrap();
    let sources = sources(&workspace().join("tests"));
    let tests = tests(&sources);
    let promises: Vec<&str> = paper.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(promises.len() > 5, "{promises:?}");
    for promise in promises {
        let named: Vec<&str> = promise.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test holds {promise}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name}");
        }
    }
}
