//! The dialects, held against the documents that they speak by: names, types, statuses and shapes of errors.

mod sign_in;

use serde_json::Value;

/// The names of an object, in the order of the alphabet.
pub fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        object.as_object().unwrap_or_else(|| panic!("{object}")).keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
