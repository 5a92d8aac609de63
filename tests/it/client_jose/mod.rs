//! Signatures and encryption between a client and us: keys that it publishes, its assertions, and the tokens it is sent.
//! josekit stands for the client.

mod answers;
mod assertions;
mod encryption;
mod published_keys;
mod server;
