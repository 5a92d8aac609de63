//! Clients that register and manage themselves.

mod admission;
mod management;
mod metadata;
mod pages;
mod pairwise;

use serde_json::{Value, json};

/// The least that a client registers.
fn least() -> Value {
    json!({"redirect_uris": ["https://app.example/cb"]})
}

/// The least and these members.
fn with(more: Value) -> Value {
    let (Value::Object(mut all), Value::Object(more)) = (least(), more) else { panic!("objects") };
    all.extend(more);
    Value::Object(all)
}
