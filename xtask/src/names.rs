//! The Rust names that the generator makes of names in the spec.

use heck::{ToPascalCase as _, ToSnakeCase as _};

/// Names a type: `job-status` gives `JobStatus`.
pub(crate) fn type_name(name: &str) -> String {
    to_ident(name, |name| name.to_pascal_case())
}

/// Names a method, an argument or a field: `x-ms-continuation` gives `x_ms_continuation`, `type` gives `type_`.
pub(crate) fn value_name(name: &str) -> String {
    to_ident(name, |name| name.to_snake_case())
}

fn to_ident(name: &str, to_case: impl Fn(&str) -> String) -> String {
    let words = name.replace('\'', "").replace(|c: char| c != '_' && !c.is_alphanumeric(), "-");
    let cased = to_case(&words);
    let ident = match cased.chars().next() {
        None => to_case("x"),
        Some(first) if first.is_alphabetic() || first == '_' => cased,
        Some(_) => format!("_{cased}"),
    };
    // A keyword gets a trailing underscore.
    if syn::parse_str::<syn::Ident>(&ident).is_ok() { ident } else { format!("{ident}_") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_generator() {
        let types = ["JobStatus", "job-status", "3des", "self", ""].map(type_name);
        assert_eq!(types, ["JobStatus", "JobStatus", "_3des", "Self_", "X"]);
        let values = ["x-ms-continuation", "type", "x509Thumbprint", "$metadata"].map(value_name);
        assert_eq!(values, ["x_ms_continuation", "type_", "x509_thumbprint", "metadata"]);
    }
}
