-- Servers of others that hear of events.

CREATE TABLE webhooks (
    id             BLOB PRIMARY KEY,
    url            TEXT NOT NULL,
    description    TEXT NOT NULL,
    -- A list of event types, or of their beginnings with a star.
    events         TEXT NOT NULL,
    -- Newest first; the others sign along until their end.
    secrets        TEXT NOT NULL,
    enabled        BOOLEAN NOT NULL,
    -- Why it was switched off by itself.
    disabled_cause TEXT CHECK (disabled_cause IN ('gone', 'failing')),
    -- Since when every attempt has failed.
    failing_since  TEXT,
    created_by     BLOB NOT NULL,
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL,
    version        INTEGER NOT NULL
);
CREATE INDEX deliveries_of_webhooks ON deliveries (rule_id, created_at, id) WHERE user_id IS NULL;

INSERT INTO rules (id, version, current, document, created_at) VALUES
    ('webhook.disabled.administrators', 1, TRUE, '{"on": "webhook.disabled", "audience": "administrators", "condition": null, "kind": "webhook.disabled", "category": "account", "class": "service", "critical": true, "inbox": true, "channels": ["email"], "own": ["email"], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "inbox", "enabled": true}', '2026-11-25T00:00:00+00:00');
