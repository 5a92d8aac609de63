//! The desk of whoever tests with a simulation: what it is, what is armed, what was called.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::asked::Asked;
use super::desk::Desk;
use super::failure::Failure;
use super::{pages, reply};

const LOOK: &str = include_str!("../../static/guichet.css");
const BANNER: &str = include_str!("../../static/simulation.css");

/// The routes that every simulation has.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/simulation/failure", post(arm))
        .route("/simulation/failures", get(list))
        .route("/simulation/calls", get(calls))
        .route(pages::STYLE_PATH, get(style))
        .with_state(desk)
}

/// `failure=token:hang` arms one, `times=3` for so many calls; without `failure`, all are disarmed.
async fn arm(State(desk): State<Arc<Desk>>, asked: Asked) -> Response {
    let Some(name) = asked.either("failure") else {
        desk.disarm();
        return list(State(desk)).await;
    };
    let times = asked.either("times").map(str::parse::<u32>);
    match (Failure::parse(name), times) {
        (None, _) => reply::refused("invalid_request", "unknown failure; see /simulation/failures"),
        (_, Some(Err(_))) => reply::refused("invalid_request", "times is not a number"),
        (Some(failure), times) => {
            desk.arm(failure, times.and_then(Result::ok));
            list(State(desk)).await
        }
    }
}

async fn list(State(desk): State<Arc<Desk>>) -> Response {
    let all: Vec<Value> =
        Failure::all().map(|failure| json!({"name": failure.to_string(), "about": failure.about()})).collect();
    let armed: Vec<Value> =
        desk.armed().into_iter().map(|(failure, times)| json!({"name": failure.to_string(), "times": times})).collect();
    reply::json(&json!({"armed": armed, "failures": all}))
}

async fn calls(State(desk): State<Arc<Desk>>) -> Response {
    reply::json(&json!(desk.calls()))
}

async fn style() -> Response {
    let mut response = reply::body(StatusCode::OK, "text/css; charset=utf-8", format!("{LOOK}\n{BANNER}"));
    response.headers_mut().remove(CACHE_CONTROL);
    reply::with_header(response, CACHE_CONTROL, "max-age=300")
}
