-- Telegram: how a chat becomes somebody's, and what was said in it.

-- One code per person; whoever sends it to the bot within minutes has their chat connected. The chat is kept
-- with the code, so that a repeat of the same message is no second use.
CREATE TABLE telegram_codes (
    user_id    uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    code_hash  bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    chat       text,
    CONSTRAINT telegram_codes_hash UNIQUE (code_hash)
);

-- Telegram gives an update again until it hears that it was taken.
CREATE TABLE telegram_updates (
    update_id bigint PRIMARY KEY,
    taken_at  timestamptz NOT NULL,
    tries     bigint NOT NULL,
    done_at   timestamptz
);
CREATE INDEX telegram_updates_by_age ON telegram_updates (taken_at);

-- What the bot asked back and waits to be answered: the reason of a step on a booking.
CREATE TABLE telegram_questions (
    chat       text NOT NULL,
    message_id bigint NOT NULL,
    question   jsonb NOT NULL,
    asked_at   timestamptz NOT NULL,
    PRIMARY KEY (chat, message_id)
);
CREATE INDEX telegram_questions_by_age ON telegram_questions (asked_at);
