//! HTTP: the server, what surrounds every request, the routes and their pages.
//!
//! The only room that names axum and hyper. It decides nothing: an endpoint reads, calls one use case and answers.

pub mod middleware;
pub mod server;
