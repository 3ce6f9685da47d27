-- Experts and the rules that say when they can be booked.

CREATE TABLE experts (
    user_id        BLOB PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    headline       TEXT NOT NULL,
    tags           TEXT NOT NULL,
    time_zone      TEXT NOT NULL,
    weekly         TEXT NOT NULL,
    booking_rules  TEXT NOT NULL,
    presence       TEXT NOT NULL CHECK (presence IN ('online', 'busy', 'offline')),
    presence_since TEXT NOT NULL,
    stars_sum      INTEGER NOT NULL,
    review_count   INTEGER NOT NULL,
    version        INTEGER NOT NULL
);

CREATE TABLE schedule_overrides (
    expert_id BLOB NOT NULL REFERENCES experts (user_id) ON DELETE CASCADE,
    date      TEXT NOT NULL,
    intervals TEXT NOT NULL,
    PRIMARY KEY (expert_id, date)
);

CREATE TABLE time_off (
    id         BLOB PRIMARY KEY,
    expert_id  BLOB NOT NULL REFERENCES experts (user_id) ON DELETE CASCADE,
    starts_at  TEXT NOT NULL,
    ends_at    TEXT NOT NULL CHECK (ends_at > starts_at),
    reason     TEXT,
    created_at TEXT NOT NULL
);
CREATE INDEX time_off_by_expert ON time_off (expert_id, ends_at);
