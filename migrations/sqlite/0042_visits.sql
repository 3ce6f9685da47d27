-- The waiting queues of branches: a visit is one person's time at a branch, its periods say how it went.

-- What was called out last, and the lock under which somebody joins.
CREATE TABLE queues (
    branch_id BLOB PRIMARY KEY REFERENCES branches (id),
    date      TEXT NOT NULL,
    number    INTEGER NOT NULL
);

CREATE TABLE visits (
    id               BLOB PRIMARY KEY,
    branch_id        BLOB NOT NULL REFERENCES branches (id),
    number           INTEGER NOT NULL,
    state            TEXT NOT NULL CHECK (state IN
        ('waiting', 'offered', 'called', 'serving', 'done', 'left', 'no_show', 'timed_out', 'transferred')),
    client_id        BLOB REFERENCES users (id),
    name             TEXT NOT NULL,
    -- Of the secret by which somebody without an account finds their visit.
    secret_hash      BLOB,
    booking_id       BLOB,
    -- The one expert they wait for, and what theirs must be able to do.
    wanted_id        BLOB REFERENCES experts (user_id),
    skill            TEXT,
    note             TEXT,
    minutes          INTEGER NOT NULL,
    expert_id        BLOB REFERENCES experts (user_id),
    -- The order of the line.
    rank             INTEGER NOT NULL,
    placed_at        TEXT NOT NULL,
    tie              BLOB NOT NULL,
    joined_at        TEXT NOT NULL,
    not_before       TEXT,
    times_out_at     TEXT NOT NULL,
    offer_expires_at TEXT,
    called_at        TEXT,
    started_at       TEXT,
    ended_at         TEXT,
    misses           INTEGER NOT NULL,
    previous_id      BLOB,
    next_id          BLOB,
    version          INTEGER NOT NULL,
    CONSTRAINT visits_expert CHECK (state NOT IN ('offered', 'called', 'serving') OR expert_id IS NOT NULL),
    CONSTRAINT visits_offer CHECK ((state = 'offered') = (offer_expires_at IS NOT NULL))
);
-- An expert has one person at a time, and nobody stands in one line twice.
CREATE UNIQUE INDEX visits_one_at_a_time ON visits (expert_id) WHERE state IN ('offered', 'called', 'serving');
CREATE UNIQUE INDEX visits_in_line_once ON visits (branch_id, client_id) WHERE state IN ('waiting', 'offered', 'called', 'serving');
CREATE UNIQUE INDEX visits_by_booking ON visits (booking_id) WHERE state IN ('waiting', 'offered', 'called', 'serving');
CREATE INDEX visits_in_line ON visits (branch_id) WHERE state IN ('waiting', 'offered', 'called', 'serving');
CREATE INDEX visits_by_branch ON visits (branch_id, joined_at, id);
CREATE INDEX visits_by_client ON visits (client_id, joined_at, id) WHERE client_id IS NOT NULL;
CREATE INDEX visits_by_expert ON visits (expert_id, ended_at) WHERE expert_id IS NOT NULL;
CREATE INDEX visits_ended ON visits (ended_at) WHERE ended_at IS NOT NULL;

-- How long somebody was in which state, with whom, and who brought it about.
CREATE TABLE visit_periods (
    visit_id   BLOB NOT NULL REFERENCES visits (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    state      TEXT NOT NULL,
    expert_id  BLOB,
    began_at   TEXT NOT NULL,
    ended_at   TEXT,
    actor_id   BLOB,
    actor_name TEXT NOT NULL,
    actor_role TEXT NOT NULL,
    PRIMARY KEY (visit_id, version)
);

INSERT INTO rules (id, version, current, document, created_at) VALUES
    ('visit.joined.client', 1, TRUE, '{"on": "visit.joined", "audience": "client", "condition": null, "kind": "visit.joined", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": [], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('visit.offered.client', 1, TRUE, '{"on": "visit.offered", "audience": "client", "condition": null, "kind": "visit.offered", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["push", "telegram"], "own": [], "fallback": ["sms", "email"], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('visit.called.client', 1, TRUE, '{"on": "visit.called", "audience": "client", "condition": null, "kind": "visit.called", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["push", "telegram"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('visit.called.expert', 1, TRUE, '{"on": "visit.called", "audience": "expert", "condition": null, "kind": "visit.called", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('visit.served.client', 1, TRUE, '{"on": "visit.served", "audience": "client", "condition": null, "kind": "visit.served", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": [], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('visit.left.expert', 1, TRUE, '{"on": "visit.left", "audience": "expert", "condition": null, "kind": "visit.left", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["push"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('visit.no_show.client', 1, TRUE, '{"on": "visit.no_show", "audience": "client", "condition": null, "kind": "visit.no_show", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["push", "telegram"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('visit.timed_out.client', 1, TRUE, '{"on": "visit.timed_out", "audience": "client", "condition": null, "kind": "visit.timed_out", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["push", "telegram"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00'),
    ('visit.transferred.client', 1, TRUE, '{"on": "visit.transferred", "audience": "client", "condition": null, "kind": "visit.transferred", "category": "booking", "class": "transactional", "critical": false, "inbox": true, "channels": ["push", "telegram"], "own": [], "fallback": [], "delay_minutes": 0, "calendar": null, "page": "visit", "enabled": true}', '2026-11-26T00:00:00+00:00');
UPDATE versions SET version = version + 1 WHERE name = 'rules';
