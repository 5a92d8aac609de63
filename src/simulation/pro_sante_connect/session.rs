//! The single sign-on session at the provider.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Chosen, Method, Psc};
use crate::base::Timestamp;

/// Who signed in, how, and when. It lives half an hour without use and four hours at most.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) person: Arc<Map<String, Value>>,
    pub(super) method: Method,
    pub(super) acr: String,
    pub(super) started: Timestamp,
    /// Clients that got tokens in it; they are told when it ends.
    pub(super) clients: Vec<String>,
}

impl Session {
    pub(super) fn subject(&self) -> &str {
        self.person.get("sub").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Psc {
    /// Begins a session and gives its id.
    pub(super) fn begin_session(&self, chosen: &Chosen) -> (String, Session) {
        let now = self.desk.now();
        let session = Session {
            person: Arc::clone(&chosen.person),
            method: chosen.method,
            acr: chosen.acr.clone(),
            started: now,
            clients: Vec::new(),
        };
        let sid = self.desk.uuid();
        self.sessions.put(&sid, session.clone(), now);
        (sid, session)
    }

    /// Remembers that a client has tokens of a session, and that the session is used.
    pub(super) fn touch_session(&self, sid: &str, client_id: &str) {
        let now = self.desk.now();
        self.sessions.with(sid, now, |session| {
            if !session.clients.iter().any(|known| known == client_id) {
                session.clients.push(client_id.to_owned());
            }
        });
        self.sessions.renew(sid, now);
    }
}
