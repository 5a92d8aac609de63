//! What surrounds every request.
