//! HTTP: the server, what surrounds every request, the routes and their pages.
//!
//! The only room that names axum and hyper. It decides nothing: an endpoint reads, calls one use case and answers.

pub mod dialects;
pub mod extract;
pub mod middleware;
pub mod oidc;
pub mod operations;
pub mod pages;
pub mod respond;
pub mod router;
pub mod server;
pub mod site;
pub mod trouble;
