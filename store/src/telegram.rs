//! Telegram chats: whose they are, which updates were handled, what was asked in them.

use belfry_domain::Instant;
use belfry_domain::channel::{Channel, Way};
use belfry_domain::id::UserId;
use belfry_domain::retention::CHAT_QUESTIONS;
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use crate::address::{self, NewAddress, Which};
use crate::{Store, StoreError, preference};

/// Whether an update is to be handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// By whoever asked; `tries` counts this one.
    Now { tries: i64 },
    /// It was handled.
    Done,
    /// Somebody is at it.
    Elsewhere,
}

impl Store {
    /// Keeps the code with which this person may connect a chat, in place of any older one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_chat_code(
        &self,
        user: UserId,
        code_hash: &[u8],
        expires_at: Instant,
        now: Instant,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO telegram_codes (user_id, code_hash, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (user_id) DO UPDATE SET code_hash = excluded.code_hash, \
                   created_at = excluded.created_at, expires_at = excluded.expires_at, \
                   used_at = NULL, chat = NULL",
            )
            .bind(user.uuid())
            .bind(code_hash)
            .bind(now)
            .bind(expires_at)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Connects a chat to the account whose code this is, which then wants to be told by Telegram. A chat that
    /// was somebody else's is theirs no more, and neither is another chat of the same person. Answers whose it
    /// is now; `None` when the code is unknown, expired or was used from another chat.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connect_chat(
        &self,
        code_hash: &[u8],
        chat: &str,
        label: &str,
        now: Instant,
    ) -> Result<Option<UserId>, StoreError> {
        let mut tx = self.begin().await?;
        let owner: Option<(Uuid,)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(
                "UPDATE telegram_codes SET used_at = COALESCE(used_at, $3), chat = $2 \
                 WHERE code_hash = $1 AND expires_at > $3 AND (used_at IS NULL OR chat = $2) \
                 RETURNING user_id",
            )
            .bind(code_hash)
            .bind(chat)
            .bind(now)
            .fetch_optional(&mut *c)
            .await?
        });
        let Some((owner,)) = owner else {
            tx.rollback().await?;
            return Ok(None);
        };
        let others = Which::AllBut(chat);
        address::end_some(
            &mut tx,
            owner.into(),
            Channel::Telegram,
            others,
            "replaced",
            now,
        )
        .await?;
        // A chat that was blocked and is started again takes messages again.
        let new = NewAddress {
            user_id: owner.into(),
            channel: Channel::Telegram,
            address: chat,
            details: &json!({}),
            label,
        };
        address::put(&mut tx, &new, now).await?;
        preference::switch_on(&mut tx, owner.into(), Way::Telegram, now).await?;
        tx.commit().await?;
        Ok(Some(owner.into()))
    }

    /// Whose chat it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owner_of_chat(&self, chat: &str) -> Result<Option<UserId>, StoreError> {
        let known = self.address(Channel::Telegram, chat).await?;
        Ok(known.map(|known| known.user_id))
    }

    /// Disconnects a chat, for a reason that is kept. Answers whether it was connected.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_chat(
        &self,
        chat: &str,
        cause: &'static str,
        now: Instant,
    ) -> Result<bool, StoreError> {
        match self.owner_of_chat(chat).await? {
            Some(owner) => self.end_chats(owner, Some(chat), cause, now).await,
            None => Ok(false),
        }
    }

    /// Disconnects one chat of a person, or each. A code that is under way is void.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_chats(
        &self,
        user: UserId,
        chat: Option<&str>,
        cause: &'static str,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>("DELETE FROM telegram_codes WHERE user_id = $1")
                .bind(user.uuid())
                .execute(&mut *c)
                .await?;
        });
        let which = chat.map_or(Which::All, Which::Only);
        let ended = address::end_some(&mut tx, user, Channel::Telegram, which, cause, now).await?;
        tx.commit().await?;
        Ok(ended > 0)
    }

    /// Keeps where a chat has moved, unless somebody has that one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn move_chat(&self, old: &str, new: &str, now: Instant) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "UPDATE addresses SET address = $3, last_seen_at = $4 \
                 WHERE channel = $1 AND address = $2 AND NOT EXISTS \
                   (SELECT 1 FROM addresses WHERE channel = $1 AND address = $3)",
            )
            .bind(Channel::Telegram.as_str())
            .bind(old)
            .bind(new)
            .bind(now)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Takes an update in order to handle it. One that was taken after `since` and is not done is left to whoever
    /// has it; one from before is taken over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_update(
        &self,
        update: i64,
        since: Instant,
        now: Instant,
    ) -> Result<Taken, StoreError> {
        let tries: Option<(i64,)> = on_write!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "INSERT INTO telegram_updates (update_id, taken_at, tries) VALUES ($1, $3, 1) \
                 ON CONFLICT (update_id) DO UPDATE SET taken_at = excluded.taken_at, \
                   tries = telegram_updates.tries + 1 \
                 WHERE telegram_updates.done_at IS NULL AND telegram_updates.taken_at <= $2 \
                 RETURNING tries",
            )
            .bind(update)
            .bind(since)
            .bind(now)
            .fetch_optional(pool)
            .await?
        });
        if let Some((tries,)) = tries {
            return Ok(Taken::Now { tries });
        }
        let row: Option<(Option<Instant>,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>("SELECT done_at FROM telegram_updates WHERE update_id = $1")
                .bind(update)
                .fetch_optional(pool)
                .await?
        });
        Ok(match row {
            Some((Some(_),)) => Taken::Done,
            _ => Taken::Elsewhere,
        })
    }

    /// Marks an update as handled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_update(&self, update: i64, now: Instant) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>("UPDATE telegram_updates SET done_at = $2 WHERE update_id = $1")
                .bind(update)
                .bind(now)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// Keeps what the message `message` in a chat asks.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_question(
        &self,
        chat: &str,
        message: i64,
        question: &Value,
        now: Instant,
    ) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO telegram_questions (chat, message_id, question, asked_at) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (chat, message_id) DO NOTHING",
            )
            .bind(chat)
            .bind(message)
            .bind(Json(question))
            .bind(now)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// What a message asks, while it may be answered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn question(
        &self,
        chat: &str,
        message: i64,
        now: Instant,
    ) -> Result<Option<Value>, StoreError> {
        let row: Option<(Json<Value>,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT question FROM telegram_questions \
                 WHERE chat = $1 AND message_id = $2 AND asked_at >= $3",
            )
            .bind(chat)
            .bind(message)
            .bind(now - CHAT_QUESTIONS)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|(question,)| question.0))
    }

    /// Forgets a question that was answered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_question(&self, chat: &str, message: i64) -> Result<(), StoreError> {
        on_write!(self, |pool| {
            sqlx::query::<DB>("DELETE FROM telegram_questions WHERE chat = $1 AND message_id = $2")
                .bind(chat)
                .bind(message)
                .execute(pool)
                .await?;
        });
        Ok(())
    }
}
