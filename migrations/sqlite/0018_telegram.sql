-- Telegram: how a chat becomes somebody's, and what was said in it.

-- One code per person; whoever sends it to the bot within minutes has their chat connected. The chat is kept
-- with the code, so that a repeat of the same message is no second use.
CREATE TABLE telegram_codes (
    user_id    BLOB PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    code_hash  BLOB NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at    TEXT,
    chat       TEXT,
    CONSTRAINT telegram_codes_hash UNIQUE (code_hash)
);

-- Telegram gives an update again until it hears that it was taken.
CREATE TABLE telegram_updates (
    update_id INTEGER PRIMARY KEY,
    taken_at  TEXT NOT NULL,
    tries     INTEGER NOT NULL,
    done_at   TEXT
);
CREATE INDEX telegram_updates_by_age ON telegram_updates (taken_at);

-- What the bot asked back and waits to be answered: the reason of a step on a booking.
CREATE TABLE telegram_questions (
    chat       TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    question   TEXT NOT NULL,
    asked_at   TEXT NOT NULL,
    PRIMARY KEY (chat, message_id)
);
CREATE INDEX telegram_questions_by_age ON telegram_questions (asked_at);
