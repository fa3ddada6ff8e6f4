//! Aggregate functions, with GROUP BY.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::evaluate::json_number;
use super::operand::Document;
use super::statement::Aggregate;
use super::statement_grammar::AggregateFunction;
use crate::limits::GROUPS;

/// Groups of an aggregate query while its documents are read.
#[derive(Debug)]
pub(crate) struct Aggregation<'a> {
    aggregate: &'a Aggregate,
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// Values of the columns of GROUP BY.
    key: Vec<Option<Value>>,
    totals: Vec<Total>,
}

/// Running result of one function.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    count: u64,
    sum: f64,
    least: Option<f64>,
    greatest: Option<f64>,
}

impl<'a> Aggregation<'a> {
    pub(crate) fn new(aggregate: &'a Aggregate) -> Self {
        let mut groups = BTreeMap::new();
        if aggregate.group_by.is_empty() {
            // Without groups there is one result, even of no document.
            groups.insert(String::new(), Group { key: Vec::new(), totals: totals(aggregate) });
        }
        Self { aggregate, groups }
    }

    /// Adds a document; the error is meant for the caller.
    pub(crate) fn add(&mut self, document: &impl Document) -> Result<(), String> {
        let key = self.aggregate.group_by.iter();
        let key: Vec<_> = key.map(|path| document.member(path).map(|value| value.into_json())).collect();
        let name = if key.is_empty() { String::new() } else { format!("{key:?}") };
        if self.groups.len() == GROUPS && !self.groups.contains_key(&name) {
            return Err(format!("The query has more than {GROUPS} groups"));
        }
        let aggregate = self.aggregate;
        let group = self.groups.entry(name).or_insert_with(|| Group { key, totals: totals(aggregate) });
        for ((column, _), total) in self.aggregate.columns.iter().zip(&mut group.totals) {
            let value = document.member(&column.path);
            let number = value.as_ref().and_then(|value| value.as_f64());
            total.count += u64::from(column.path.is_empty() || value.is_some());
            if let Some(number) = number {
                total.sum += number;
                total.least = Some(total.least.map_or(number, |least| least.min(number)));
                total.greatest = Some(total.greatest.map_or(number, |greatest| greatest.max(number)));
            }
        }
        Ok(())
    }

    /// Returns a row for each group.
    pub(crate) fn into_rows(self) -> Vec<Value> {
        let Self { aggregate, groups } = self;
        groups.into_values().map(|group| group.into_row(aggregate)).collect()
    }
}

fn totals(aggregate: &Aggregate) -> Vec<Total> {
    vec![Total::default(); aggregate.columns.len()]
}

impl Group {
    fn into_row(self, aggregate: &Aggregate) -> Value {
        let mut row = Map::new();
        for ((column, function), total) in aggregate.columns.iter().zip(self.totals) {
            let value = match function {
                None => {
                    let position = aggregate.group_by.iter().position(|path| *path == column.path);
                    position.and_then(|position| self.key.get(position)?.clone())
                }
                Some(function) => total.value(*function),
            };
            if let Some(value) = value {
                row.insert(column.name.clone(), value);
            }
        }
        Value::Object(row)
    }
}

impl Total {
    /// Returns the function's result; `None` for that of no number.
    fn value(self, function: AggregateFunction) -> Option<Value> {
        let numbers = self.least.map(|_| self);
        match function {
            AggregateFunction::Count => Some(self.count.into()),
            AggregateFunction::Sum => Some(json_number(self.sum)),
            AggregateFunction::Average => numbers.map(|total| json_number(total.sum / total.count as f64)),
            AggregateFunction::Minimum => self.least.map(json_number),
            AggregateFunction::Maximum => self.greatest.map(json_number),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::statement::{Projection, Statement};
    use super::*;

    fn rows(query: &str) -> Vec<Value> {
        let twins = [("a", Some(1)), ("a", Some(4)), ("b", Some(-2)), ("b", None)];
        let twins = twins.map(|(tag, t)| match t {
            Some(t) => json!({ "tags": { "g": tag }, "properties": { "reported": { "t": t } } }),
            None => json!({ "tags": { "g": tag } }),
        });
        let statement = Statement::parse(query).unwrap();
        let Projection::Aggregate(aggregate) = &statement.projection else { panic!("an aggregate") };
        let mut aggregation = Aggregation::new(aggregate);
        twins.iter().try_for_each(|twin| aggregation.add(twin)).unwrap();
        aggregation.into_rows()
    }

    #[test]
    fn functions_work_on_all_documents_without_groups() {
        let query = "SELECT COUNT() AS n, COUNT(properties.reported.t) AS with, SUM(properties.reported.t) AS s, \
                     AVG(properties.reported.t) AS a, MIN(properties.reported.t) AS lo, \
                     MAX(properties.reported.t) AS hi FROM devices";
        assert_eq!(rows(query), [json!({ "n": 4, "with": 3, "s": 3, "a": 1, "lo": -2, "hi": 4 })]);
    }

    #[test]
    fn groups_have_a_row_each() {
        let query =
            "SELECT tags.g AS g, COUNT() AS n, AVG(properties.reported.t) AS a FROM devices GROUP BY tags.g";
        assert_eq!(
            rows(query),
            [json!({ "g": "a", "n": 2, "a": 2.5 }), json!({ "g": "b", "n": 2, "a": -2 })]
        );
    }
}
