//! Everything about one person, to be given to them or forgotten (C1.9).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belfry_domain::Instant;
use belfry_domain::id::{BookingId, UserId};
use const_format::formatcp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use sqlx::{Column, Row, TypeInfo, ValueRef};
use uuid::Uuid;

use crate::db::Dialect;
use crate::{Store, StoreError, Tx};

/// Most rows of a section; a person has far fewer.
const MOST_ROWS: &str = "LIMIT 50000";

/// What there is about a person: the name of a section, and the query that reads it by the person's id.
const SECTIONS: &[(&str, &str)] = &[
    (
        "account",
        "SELECT id, email, name, role, branch_id, phone, gender, description, locale, time_zone, \
         email_verified, disabled, created_at, updated_at FROM users WHERE id = $1",
    ),
    (
        "picture",
        "SELECT content_type, bytes FROM avatars WHERE user_id = $1",
    ),
    (
        "expert",
        "SELECT headline, tags, time_zone, weekly, booking_rules, presence, presence_since, \
         presence_seen_at, presence_lapsed, stars_sum, review_count FROM experts WHERE user_id = $1",
    ),
    (
        "schedule_overrides",
        "SELECT date, intervals FROM schedule_overrides WHERE expert_id = $1 ORDER BY date",
    ),
    (
        "time_off",
        "SELECT id, starts_at, ends_at, reason, created_at FROM time_off WHERE expert_id = $1 ORDER BY starts_at",
    ),
    (
        "bookings",
        "SELECT b.id, b.code, b.status, e.name AS expert, b.starts_at, b.ends_at, b.time_zone, b.mode, b.place, \
           b.link, b.note, b.reason, b.session_id, b.series_id, b.series_number, b.created_at, b.updated_at, b.confirmed_at \
         FROM bookings b JOIN users e ON e.id = b.expert_id WHERE b.client_id = $1 ORDER BY b.starts_at",
    ),
    (
        "series",
        "SELECT s.id, e.name AS expert, s.rule, s.time_zone, s.starts_at, s.minutes, s.made, s.created_at \
         FROM series s JOIN users e ON e.id = s.expert_id WHERE s.client_id = $1 ORDER BY s.created_at",
    ),
    (
        "waiting",
        "SELECT w.id, w.status, e.name AS expert, w.minutes, w.from_date, w.until_date, w.earliest, w.latest, \
           w.time_zone, w.mode, w.note, w.session_id, w.joined_at, w.ended_at \
         FROM waiting_list w JOIN users e ON e.id = w.expert_id WHERE w.client_id = $1 ORDER BY w.joined_at",
    ),
    (
        "visits",
        "SELECT v.id, b.name AS branch, v.number, v.state, v.name, v.booking_id, v.skill, v.note, v.minutes, v.joined_at, \
           v.called_at, v.started_at, v.ended_at FROM visits v JOIN branches b ON b.id = v.branch_id \
         WHERE v.client_id = $1 ORDER BY v.joined_at",
    ),
    (
        "visits_as_expert",
        "SELECT id, number, state, called_at, started_at, ended_at FROM visits WHERE expert_id = $1 ORDER BY joined_at",
    ),
    (
        "booking_steps",
        "SELECT h.booking_id, h.at, h.actor_id, h.actor_role, h.event, h.from_status, h.to_status, h.reason, \
           h.changes FROM booking_history h JOIN bookings b ON b.id = h.booking_id \
         WHERE b.client_id = $1 ORDER BY h.id",
    ),
    // What clients wrote is theirs.
    (
        "bookings_as_expert",
        "SELECT id, code, status, starts_at, ends_at, mode, created_at FROM bookings WHERE expert_id = $1 \
         ORDER BY starts_at",
    ),
    (
        "assignments",
        "SELECT booking_id, branch_id, strategy, skill, attempt, decided_at FROM assignments WHERE expert_id = $1 \
         ORDER BY decided_at",
    ),
    (
        "reviews",
        "SELECT r.booking_id, r.stars, r.text, r.created_at FROM reviews r \
           JOIN bookings b ON b.id = r.booking_id WHERE b.client_id = $1 ORDER BY r.created_at",
    ),
    (
        "group_sessions",
        "SELECT id, title, description, status, starts_at, ends_at, mode, place, link, seats, taken, reason, created_at \
         FROM group_sessions WHERE expert_id = $1 ORDER BY starts_at",
    ),
    (
        "holds",
        "SELECT id, expert_id, session_id, starts_at, ends_at, expires_at FROM holds WHERE client_id = $1",
    ),
    (
        "preferences",
        "SELECT channels, categories, quiet_from, quiet_until, digest, updated_at FROM preferences \
         WHERE user_id = $1",
    ),
    (
        "devices_and_chats",
        "SELECT id, channel, address, label, created_at, last_seen_at, ended_at, ended_cause FROM addresses \
         WHERE user_id = $1 ORDER BY created_at",
    ),
    (
        "sessions",
        "SELECT family_id, created_at, expires_at, spent_at, revoked_at FROM refresh_tokens WHERE user_id = $1 \
         ORDER BY created_at",
    ),
    (
        "sign_ins",
        "SELECT id, issuer, subject, email, linked_at, used_at FROM oidc_links WHERE user_id = $1 ORDER BY id",
    ),
    (
        "api_keys",
        "SELECT id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at FROM api_keys \
         WHERE user_id = $1 ORDER BY id",
    ),
    (
        "following",
        "SELECT subject_id, created_at FROM followers WHERE user_id = $1 ORDER BY created_at",
    ),
    (
        "notifications",
        "SELECT id, category, kind, title, body, data, read_at, created_at FROM notifications \
         WHERE user_id = $1 ORDER BY \"offset\"",
    ),
    (
        "messages",
        "SELECT id, channel, address, kind, subject, content, status, sent_at, created_at FROM deliveries \
         WHERE user_id = $1 ORDER BY id",
    ),
    (
        "changes",
        "SELECT at, action, subject, before, after FROM audit_log WHERE actor_id = $1 ORDER BY id",
    ),
    (
        "suppressed_addresses",
        "SELECT s.channel, s.address, s.cause, s.detail, s.at FROM suppressions s JOIN users u ON u.id = $1 \
         WHERE (s.channel = 'email' AND s.address = u.email) OR (s.channel = 'sms' AND s.address = u.phone)",
    ),
];

/// Columns that hold documents. SQLite keeps them as text.
const DOCUMENTS: [&str; 12] = [
    "after",
    "before",
    "booking_rules",
    "categories",
    "changes",
    "channels",
    "content",
    "data",
    "intervals",
    "scopes",
    "tags",
    "weekly",
];

impl Store {
    /// Everything about a person, section by section; `None` when there is no such person.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn everything_about(&self, person: UserId) -> Result<Option<Value>, StoreError> {
        let mut all = Map::new();
        for (name, query) in SECTIONS {
            let text = format!("{query} {MOST_ROWS}");
            let rows: Vec<Value> = match &self.db {
                crate::db::Db::Sqlite { read, .. } => {
                    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
                        .bind(person.uuid())
                        .fetch_all(read.lend(self.bounds, self.patient))
                        .await?;
                    rows.iter().map(of_sqlite).collect::<Result<_, _>>()?
                }
                crate::db::Db::Postgres(lender) => {
                    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
                        .bind(person.uuid())
                        .fetch_all(lender.lend(self.bounds, self.patient))
                        .await?;
                    rows.iter().map(of_postgres).collect::<Result<_, _>>()?
                }
            };
            if *name == "account" && rows.is_empty() {
                return Ok(None);
            }
            all.insert((*name).to_owned(), Value::Array(rows));
        }
        Ok(Some(Value::Object(all)))
    }

    /// Bookings that are still ahead or under way, as client or as expert.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_bookings_of(&self, person: UserId) -> Result<Vec<BookingId>, StoreError> {
        let rows: Vec<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT id FROM bookings WHERE (client_id = $1 OR expert_id = $1) \
                   AND status IN ('pending', 'confirmed', 'in_progress') ORDER BY starts_at",
            )
            .bind(person.uuid())
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(id,)| id.into()).collect())
    }

    /// Whether something happened to a booking of which nobody was told yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_untold(&self, booking: BookingId) -> Result<bool, StoreError> {
        let row: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT id FROM events WHERE subject = $1 AND planned_at IS NULL LIMIT 1",
            )
            .bind(format!("booking/{booking}"))
            .fetch_optional(pool)
            .await?
        });
        Ok(row.is_some())
    }

    /// Whether somebody else runs the house, too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_other_admin(&self, than: UserId) -> Result<bool, StoreError> {
        let row: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT id FROM users WHERE role = 'admin' AND NOT disabled AND id <> $1 LIMIT 1",
            )
            .bind(than.uuid())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.is_some())
    }
}

/// What goes, by the person's id. Bookings, their steps and the stars of reviews stay, because others need them, without
/// a name, a word or an address; what was sent to others about them goes with its age.
const FORGOTTEN: [&str; 31] = [
    "DELETE FROM avatars WHERE user_id = $1",
    "DELETE FROM refresh_tokens WHERE user_id = $1",
    "DELETE FROM oidc_links WHERE user_id = $1",
    "DELETE FROM api_keys WHERE user_id = $1",
    "DELETE FROM telegram_questions WHERE chat IN \
       (SELECT address FROM addresses WHERE user_id = $1 AND channel = 'telegram')",
    "DELETE FROM telegram_codes WHERE user_id = $1",
    "DELETE FROM addresses WHERE user_id = $1",
    "DELETE FROM calendar_feeds WHERE user_id = $1",
    // With the busy time in them.
    "DELETE FROM calendar_imports WHERE expert_id = $1",
    "DELETE FROM expert_holidays WHERE expert_id = $1",
    "DELETE FROM preferences WHERE user_id = $1",
    "DELETE FROM followers WHERE user_id = $1",
    "DELETE FROM digest_windows WHERE user_id = $1",
    "DELETE FROM decisions WHERE user_id = $1",
    "DELETE FROM deliveries WHERE user_id = $1",
    "DELETE FROM notifications WHERE user_id = $1",
    "UPDATE waiting_list SET note = NULL WHERE client_id = $1",
    "UPDATE waiting_history SET actor_name = '' WHERE actor_id = $1",
    "UPDATE visits SET note = NULL, name = '' WHERE client_id = $1",
    "UPDATE visit_periods SET actor_name = '' WHERE actor_id = $1",
    "DELETE FROM guest_codes WHERE user_id = $1",
    "DELETE FROM occupancies WHERE kind = 'hold' AND source_id IN (SELECT id FROM holds WHERE client_id = $1)",
    // With a seat, if that is what was held.
    "UPDATE group_sessions SET taken = taken - (SELECT COUNT(*) FROM holds h \
         WHERE h.session_id = group_sessions.id AND h.client_id = $1) \
       WHERE id IN (SELECT session_id FROM holds WHERE client_id = $1 AND session_id IS NOT NULL)",
    "DELETE FROM holds WHERE client_id = $1",
    "UPDATE group_sessions SET description = NULL, place = NULL, link = NULL, reason = NULL WHERE expert_id = $1",
    "UPDATE time_off SET reason = NULL WHERE expert_id = $1",
    "UPDATE experts SET headline = '', presence = 'offline', presence_seen_at = NULL, presence_lapsed = NULL, \
       version = version + 1 WHERE user_id = $1",
    "UPDATE reviews SET text = NULL WHERE booking_id IN (SELECT id FROM bookings WHERE client_id = $1)",
    "UPDATE booking_history SET reason = NULL, \
       changes = CASE WHEN event = 'booking.edited' THEN changes_of_nothing ELSE changes END \
     WHERE booking_id IN (SELECT id FROM bookings WHERE client_id = $1)",
    "UPDATE booking_history SET actor_name = '' WHERE actor_id = $1 AND booking_id IN \
       (SELECT id FROM bookings WHERE client_id = $1 UNION SELECT id FROM bookings WHERE expert_id = $1)",
    "UPDATE bookings SET note = NULL, reason = NULL, place = NULL, link = NULL, \
       guest_name = NULL, guest_phone = NULL, version = version + 1 \
     WHERE client_id = $1",
];

/// As [`Store::has_other_admin`], keeping all of them as they are until the commit.
///
/// # Errors
/// When the database fails.
pub async fn another_admin_stays(tx: &mut Tx, than: UserId) -> Result<bool, StoreError> {
    let admins: Vec<(Uuid,)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT id FROM users WHERE role = 'admin' AND NOT disabled ORDER BY id {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .fetch_all(&mut *c)
        .await?
    });
    Ok(admins.iter().any(|(id,)| *id != than.uuid()))
}

/// Forgets a person for good, in the transaction of its audit entry. What they are called from now on is `name`.
///
/// # Errors
/// When the database fails.
pub async fn erase(
    tx: &mut Tx,
    person: UserId,
    name: &str,
    now: Instant,
) -> Result<(), StoreError> {
    let known: Option<(String, Option<String>)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(
            "SELECT COALESCE(guest_email, email), phone FROM users WHERE id = $1",
        )
        .bind(person.uuid())
        .fetch_optional(&mut *c)
        .await?
    });
    let Some((email, phone)) = known else {
        return Ok(());
    };
    for (channel, address) in [("email", Some(email)), ("sms", phone)] {
        if let Some(address) = address {
            rename(tx, channel, &address, &hashed(&address)).await?;
            on_tx!(tx, |c| {
                sqlx::query::<DB>("DELETE FROM soft_bounces WHERE channel = $1 AND address = $2")
                    .bind(channel)
                    .bind(&address)
                    .execute(&mut *c)
                    .await?;
            });
        }
    }
    for text in FORGOTTEN {
        let nothing = match tx {
            Tx::Sqlite(_) => "'null'",
            Tx::Postgres(_) => "'null'::jsonb",
        };
        let text = text.replace("changes_of_nothing", nothing);
        on_tx!(tx, |c| {
            sqlx::query::<DB>(sqlx::AssertSqlSafe(text))
                .bind(person.uuid())
                .execute(&mut *c)
                .await?;
        });
    }
    on_tx!(tx, |c| {
        sqlx::query::<DB>("DELETE FROM idempotency_keys WHERE caller = $1")
            .bind(person.to_string())
            .execute(&mut *c)
            .await?;
        sqlx::query::<DB>(
            "UPDATE users SET email = $2, guest_email = NULL, name = $3, password_hash = '', role = 'user', branch_id = NULL, \
               phone = NULL, gender = NULL, description = '', avatar_tag = NULL, email_verified = $4, \
               disabled = $5, auth_epoch = auth_epoch + 1, version = version + 1, updated_at = $6, erased_at = $6 \
             WHERE id = $1",
        )
        .bind(person.uuid())
        .bind(format!("{person}@erased.invalid"))
        .bind(name)
        .bind(false)
        .bind(true)
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Holds against an address again what was held against it before its owner was forgotten.
///
/// # Errors
/// When the database fails.
pub(crate) async fn remember(tx: &mut Tx, channel: &str, address: &str) -> Result<(), StoreError> {
    rename(tx, channel, &hashed(address), address).await
}

async fn rename(tx: &mut Tx, channel: &str, from: &str, to: &str) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE suppressions SET address = $3, detail = '' WHERE channel = $1 AND address = $2 \
               AND NOT EXISTS (SELECT 1 FROM suppressions WHERE channel = $1 AND address = $3)",
        )
        .bind(channel)
        .bind(from)
        .bind(to)
        .execute(&mut *c)
        .await?;
        // Where the other name is held against already, this one need not stay.
        sqlx::query::<DB>("DELETE FROM suppressions WHERE channel = $1 AND address = $2")
            .bind(channel)
            .bind(from)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// What is kept of an address that must not be kept.
fn hashed(address: &str) -> String {
    let digest = Sha256::digest(address.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn of_bytes(name: &str, bytes: &[u8]) -> Value {
    match Uuid::from_slice(bytes) {
        Ok(id) if name != "bytes" => json!(id),
        _ => json!(STANDARD.encode(bytes)),
    }
}

fn of_sqlite(row: &SqliteRow) -> Result<Value, StoreError> {
    let mut shown = Map::new();
    for column in row.columns() {
        let (name, place) = (column.name(), column.ordinal());
        let raw = row.try_get_raw(place)?;
        let value = if raw.is_null() {
            Value::Null
        } else {
            match (raw.type_info().name(), column.type_info().name()) {
                (_, "BOOLEAN") | ("BOOLEAN", _) => json!(row.try_get::<bool, _>(place)?),
                ("BLOB", _) => of_bytes(name, &row.try_get::<Vec<u8>, _>(place)?),
                ("INTEGER", _) => json!(row.try_get::<i64, _>(place)?),
                _ => {
                    let text: String = row.try_get_unchecked(place)?;
                    match DOCUMENTS
                        .contains(&name)
                        .then(|| serde_json::from_str(&text))
                    {
                        Some(Ok(document)) => document,
                        _ => json!(text),
                    }
                }
            }
        };
        shown.insert(name.to_owned(), value);
    }
    Ok(Value::Object(shown))
}

fn of_postgres(row: &PgRow) -> Result<Value, StoreError> {
    let mut shown = Map::new();
    for column in row.columns() {
        let (name, place) = (column.name(), column.ordinal());
        let value = if row.try_get_raw(place)?.is_null() {
            Value::Null
        } else {
            match column.type_info().name() {
                "BOOL" => json!(row.try_get::<bool, _>(place)?),
                "INT8" => json!(row.try_get::<i64, _>(place)?),
                "UUID" => json!(row.try_get::<Uuid, _>(place)?),
                "BYTEA" => of_bytes(name, &row.try_get::<Vec<u8>, _>(place)?),
                "JSONB" => row.try_get::<Json<Value>, _>(place)?.0,
                "TIMESTAMPTZ" => json!(row.try_get::<Instant, _>(place)?),
                "DATE" => json!(row.try_get::<chrono::NaiveDate, _>(place)?),
                _ => json!(row.try_get::<String, _>(place)?),
            }
        };
        shown.insert(name.to_owned(), value);
    }
    Ok(Value::Object(shown))
}
