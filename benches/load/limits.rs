//! The limits: what this machine can do at most with the same libraries and no product around them.
//!
//! `load limits` is a process of its own, so that it runs on the same cores as the server under test and its processor
//! time can be told. It is a bare axum router; each route does what no implementation could leave out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_SHA256,
};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use crate::Failure;
use crate::process::processor_seconds;

/// Argon2id as the product computes it by default.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
/// A JWS header and claims of the size of ours.
const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"}"#;
const CLAIMS: &str = r#"{"iss":"http://127.0.0.1:18080","sub":"0123456789abcdef0123456789abcdef","aud":"http://127.0.0.1:18080","client_id":"0123456789abcdef0123456789abcdef","jti":"0123456789abcdefghijkl","iat":1800000000,"exp":1800001800}"#;

struct Keys {
    es256: EcdsaKeyPair,
    rs256: KeyPair,
    eddsa: Ed25519KeyPair,
    public: ParsedPublicKey,
    /// A signature to verify, over [`CLAIMS`].
    signature: Vec<u8>,
}

impl Keys {
    fn make() -> Result<Self, Failure> {
        let failed = |_| Failure::new("a key cannot be made");
        let es256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let rs256 = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let eddsa = Ed25519KeyPair::generate().map_err(failed)?;
        let signature = es256.sign(&SystemRandom::new(), CLAIMS.as_bytes()).map_err(failed)?.as_ref().to_vec();
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, es256.public_key().as_ref())
            .map_err(|_| Failure::new("a key cannot be read"))?;
        Ok(Self { es256, rs256, eddsa, public, signature })
    }

    fn es256(&self) -> String {
        let signed = self.es256.sign(&SystemRandom::new(), CLAIMS.as_bytes());
        compact(signed.map(|signature| signature.as_ref().to_vec()).unwrap_or_default())
    }

    fn eddsa(&self) -> String {
        compact(self.eddsa.sign(CLAIMS.as_bytes()).as_ref().to_vec())
    }

    fn rs256(&self) -> String {
        let mut signature = vec![0; self.rs256.public_modulus_len()];
        let signed = self.rs256.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), CLAIMS.as_bytes(), &mut signature);
        compact(signed.map(|()| signature).unwrap_or_default())
    }

    fn verifies(&self) -> bool {
        self.public.verify_sig(CLAIMS.as_bytes(), &self.signature).is_ok()
    }
}

fn compact(signature: Vec<u8>) -> String {
    format!("{HEADER}.{CLAIMS}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn reply(body: impl Into<Bytes>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.into())
}

/// Serves the limits until it is ended.
pub(crate) async fn serve(listen: SocketAddr) -> Result<(), Failure> {
    let keys = Arc::new(Keys::make()?);
    let fixed = Bytes::from(vec![b'x'; 64 * 1024]);
    let of_size = {
        let fixed = fixed.clone();
        move |size: usize| fixed.slice(..size.min(fixed.len()))
    };
    let posted = of_size.clone();
    let router = Router::new()
        .route("/ready", get(|| async { "ready" }))
        .route("/fixed/{size}", get(move |Path(size): Path<usize>| async move { reply(of_size(size)) }))
        .route("/posted/{size}", post(move |Path(size): Path<usize>, _body: Bytes| async move { reply(posted(size)) }))
        .route("/es256", post(|State(keys): State<Arc<Keys>>, _body: Bytes| async move { reply(keys.es256()) }))
        .route("/eddsa", post(|State(keys): State<Arc<Keys>>, _body: Bytes| async move { reply(keys.eddsa()) }))
        .route("/rs256", post(|State(keys): State<Arc<Keys>>, _body: Bytes| async move { reply(keys.rs256()) }))
        .route(
            "/twice",
            post(|State(keys): State<Arc<Keys>>, _body: Bytes| async move { reply(keys.es256() + &keys.es256()) }),
        )
        .route(
            "/both",
            post(|State(keys): State<Arc<Keys>>, _body: Bytes| async move { reply(keys.es256() + &keys.rs256()) }),
        )
        .route(
            "/verify",
            post(|State(keys): State<Arc<Keys>>, _body: Bytes| async move {
                reply(if keys.verifies() { CLAIMS } else { "" })
            }),
        )
        .with_state(keys);
    let listener = tokio::net::TcpListener::bind(listen).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

/// Hashes passwords on every core it may use: how many for each second of `time`, and the microseconds of processor time of one.
pub(crate) fn hash(time: Duration) -> Result<(f64, f64), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cores).map(|_| std::thread::spawn(move || hash_until(Instant::now() + time))).collect();
    let mut rate = 0.0;
    for thread in threads {
        rate += thread.join().map_err(|_| Failure::new("hashing failed"))??;
    }
    let cpu_us = processor_seconds(std::process::id()) * 1e6 / (rate * time.as_secs_f64());
    Ok((rate, cpu_us))
}

/// The rate of one thread, which allocates its memory once as the product does.
fn hash_until(end: Instant) -> Result<f64, Failure> {
    let failed = |_| Failure::new("hashing failed");
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).map_err(failed)?;
    let mut memory = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; 32];
    let mut once = || argon2.hash_password_into_with_memory(b"a password", b"sixteen bytes 16", &mut out, &mut memory);
    once().map_err(failed)?;
    let (begun, mut done) = (Instant::now(), 0.0);
    while Instant::now() < end {
        once().map_err(failed)?;
        done += 1.0;
    }
    Ok(done / begun.elapsed().as_secs_f64())
}

/// Flushes to the disk under `folder` for each second: what a durable write costs when nothing shares it.
pub(crate) fn flushes(folder: &std::path::Path, time: Duration) -> Result<f64, Failure> {
    use std::io::Write as _;
    let path = folder.join("flush");
    let mut file = std::fs::File::create(&path)?;
    let (begun, mut done) = (Instant::now(), 0.0);
    while begun.elapsed() < time {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        done += 1.0;
    }
    std::fs::remove_file(path)?;
    Ok(done / begun.elapsed().as_secs_f64())
}
