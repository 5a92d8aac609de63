//! Everything that an authorization request may be: response types, pushed requests, request objects.

mod front_channel;
mod password;
mod pushed;
mod request_objects;
mod wishes;

use std::collections::BTreeMap;

use crate::support::app::Answer;
use crate::support::flow::response_of;

/// The parameters of an answer at the client, in the part of the URL that `mark` begins.
#[track_caller]
pub fn said_at(answer: &Answer, redirect_uri: &str, mark: char) -> BTreeMap<String, String> {
    let location = answer.location().unwrap_or_else(|| panic!("no redirect: {answer:?}"));
    assert!(location.starts_with(&format!("{redirect_uri}{mark}")), "{location}");
    assert_eq!(location.matches(['?', '#']).count(), 1, "{location}");
    let all = response_of(answer);
    let names = all.len();
    let said: BTreeMap<_, _> = all.into_iter().collect();
    assert_eq!(said.len(), names, "a name twice: {location}");
    said
}
