-- Notices to applications that a session ended (OpenID Connect Back-Channel Logout 1.0). They are written with the end of
-- the session, and stay a while for the record once they are settled.
CREATE TABLE logout_notices (
    sid UUID NOT NULL,
    client_id BIGINT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id),
    state TEXT NOT NULL,
    queued_at BIGINT NOT NULL,
    -- When the next attempt is due; none once it is settled.
    due_at BIGINT,
    attempts BIGINT NOT NULL,
    last_status BIGINT,
    last_error TEXT,
    settled_at BIGINT,
    PRIMARY KEY (sid, client_id)
);
CREATE INDEX logout_notices_due ON logout_notices (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX logout_notices_settled ON logout_notices (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX logout_notices_client ON logout_notices (client_id);

INSERT INTO epochs (topic, value) VALUES ('logouts', 0);
