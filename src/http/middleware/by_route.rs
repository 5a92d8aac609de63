//! A setting that some routes have of their own.

use std::collections::HashMap;

/// One value for all routes, and others by route template.
#[derive(Debug, Clone)]
pub struct ByRoute<T> {
    default: T,
    own: HashMap<String, T>,
}

impl<T: Copy> ByRoute<T> {
    /// The same value for every route.
    pub fn all(default: T) -> Self {
        Self { default, own: HashMap::new() }
    }

    /// Gives the route with this template, as the router has it, a value of its own.
    #[must_use]
    pub fn with(mut self, route: &str, value: T) -> Self {
        self.own.insert(route.to_owned(), value);
        self
    }

    /// The value for a route; `None` is a path that no route has.
    pub fn of(&self, route: Option<&str>) -> T {
        route.and_then(|route| self.own.get(route)).copied().unwrap_or(self.default)
    }
}
