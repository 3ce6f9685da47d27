-- The code that shows a guest's bookings: at most one at a time, by its number. The code itself follows from that and
-- the house's secret, and is nowhere.
CREATE TABLE guest_codes (
    user_id    UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    tries      BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

INSERT INTO rules (id, version, current, document, created_at) VALUES
    ('guest.code_asked', 1, true, '{"on": "guest.code_asked", "audience": "holder", "condition": null, "kind": "guest.code_asked", "category": "account", "class": "transactional", "critical": true, "inbox": false, "channels": ["email"], "own": ["email"], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "inbox", "enabled": true}', '2026-11-26T00:00:00+00:00');
