//! The one integration binary: the real parts in-process, by subject.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test says what went wrong by panicking; support is one crate with its users"
)]

mod architecture;
mod attacks;
mod authorize;
mod bad_input;
mod client_jose;
mod concurrency;
mod coverage;
mod dialects;
mod federation;
mod invitations;
mod logout;
mod openid;
mod recovery;
mod registration;
mod storage;
mod support;
