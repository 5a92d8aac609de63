//! The contract of storage, on every engine.

mod people;
