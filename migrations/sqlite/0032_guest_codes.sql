-- The code that shows a guest's bookings: at most one at a time, by its number. The code itself follows from that and
-- the house's secret, and is nowhere.
CREATE TABLE guest_codes (
    user_id    BLOB PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    expires_at TEXT NOT NULL
);

INSERT INTO rules (id, version, current, document, created_at) VALUES
    ('guest.code_asked', 1, TRUE, '{"on": "guest.code_asked", "audience": "holder", "condition": null, "kind": "guest.code_asked", "category": "account", "class": "transactional", "critical": true, "inbox": false, "channels": ["email"], "own": ["email"], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "inbox", "enabled": true}', '2026-11-26T00:00:00+00:00');
