//! The report: as a table, or as JSON.

use std::fmt;

use chrono::Utc;
use serde::Serialize;
use serde_json::{Value, json};

use crate::facts::{Findings, Verdict, facts};
use crate::target::Target;

/// One line of the doctor.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) check: &'static str,
    /// Whether it is as it must be; `None` if that is not known.
    pub(crate) is_ok: Option<bool>,
    pub(crate) detail: String,
}

/// The findings, without secrets and without the hub's name.
pub(crate) struct Report<'a> {
    target: &'a Target,
    pub(crate) doctor: Vec<Line>,
    pub(crate) findings: Findings,
}

impl<'a> Report<'a> {
    pub(crate) fn new(target: &'a Target) -> Self {
        Self { target, doctor: Vec::new(), findings: Findings::default() }
    }

    /// Returns true if no line of the doctor failed and no fact differs.
    pub(crate) fn holds(&self) -> bool {
        self.doctor.iter().all(|line| line.is_ok != Some(false))
            && facts().all(|(fact, _)| !matches!(self.findings.of(fact), Verdict::Differs(_)))
    }

    pub(crate) fn to_json(&self) -> Value {
        let facts = facts().map(|(fact, statement)| {
            let mut row = json!(self.findings.of(fact));
            row["fact"] = json!(fact);
            row["statement"] = json!(statement);
            row
        });
        json!({
            "hub": self.target.label(),
            "checked": Utc::now().to_rfc3339(),
            "doctor": self.doctor,
            "facts": facts.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { check, is_ok, detail } in &self.doctor {
            let state = is_ok.map_or("unknown", |is_ok| if is_ok { "ok" } else { "FAILED" });
            writeln!(f, "{check:<14} {state:<8} {detail}")?;
        }
        for (fact, statement) in facts() {
            let (verdict, seen) = match self.findings.of(fact) {
                Verdict::Holds(seen) => ("holds", seen),
                Verdict::Differs(seen) => ("DIFFERS", seen),
                Verdict::NotTested(reason) => ("not tested", reason),
            };
            write!(f, "\n{fact:<30} {verdict:<11} {statement}")?;
            if !seen.is_empty() {
                write!(f, ": {seen}")?;
            }
        }
        Ok(())
    }
}
