//! HTTP: router, extractors, middleware, endpoints, hosted pages, server.

pub mod pages;
