-- Experts and the rules that say when they can be booked.

CREATE TABLE experts (
    user_id        uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    headline       text NOT NULL,
    tags           jsonb NOT NULL,
    time_zone      text NOT NULL,
    weekly         jsonb NOT NULL,
    booking_rules  jsonb NOT NULL,
    presence       text NOT NULL CHECK (presence IN ('online', 'busy', 'offline')),
    presence_since timestamptz NOT NULL,
    stars_sum      bigint NOT NULL,
    review_count   bigint NOT NULL,
    version        bigint NOT NULL
);

CREATE TABLE schedule_overrides (
    expert_id uuid NOT NULL REFERENCES experts (user_id) ON DELETE CASCADE,
    date      date NOT NULL,
    intervals jsonb NOT NULL,
    PRIMARY KEY (expert_id, date)
);

CREATE TABLE time_off (
    id         uuid PRIMARY KEY,
    expert_id  uuid NOT NULL REFERENCES experts (user_id) ON DELETE CASCADE,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL CHECK (ends_at > starts_at),
    reason     text,
    created_at timestamptz NOT NULL
);
CREATE INDEX time_off_by_expert ON time_off (expert_id, ends_at);
