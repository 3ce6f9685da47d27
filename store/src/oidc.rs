//! Who accounts are to an OpenID Connect provider, and the ways there that were come back from.

use belfry_domain::Instant;
use belfry_domain::account::Account;
use belfry_domain::id::{OidcLinkId, UserId};
use belfry_domain::oidc::Identity;
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{Store, StoreError, Tx, account, guest};

const COLUMNS: &str = "id, user_id, issuer, subject, email, linked_at, used_at";

/// An account as a provider knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OidcLink {
    pub id: OidcLinkId,
    pub user_id: UserId,
    pub issuer: String,
    pub subject: String,
    /// As the provider gave it last.
    pub email: Option<String>,
    pub linked_at: Instant,
    pub used_at: Instant,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    issuer: String,
    subject: String,
    email: Option<String>,
    linked_at: Instant,
    used_at: Instant,
}

impl From<Row> for OidcLink {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            issuer: row.issuer,
            subject: row.subject,
            email: row.email,
            linked_at: row.linked_at,
            used_at: row.used_at,
        }
    }
}

impl Store {
    /// Notes that somebody came back from the provider by the way with this hash; `false` when somebody has before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn return_from_oidc(
        &self,
        state_hash: &[u8],
        now: Instant,
    ) -> Result<bool, StoreError> {
        let done = on_write!(self, |pool| {
            sqlx::query::<DB>(
                "INSERT INTO oidc_returns (state_hash, at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(state_hash)
            .bind(now)
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok(done == 1)
    }

    /// The link of the provider's name for a person.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oidc_link(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<OidcLink>, StoreError> {
        let row: Option<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM oidc_links WHERE issuer = $1 AND subject = $2"
            ))
            .bind(issuer)
            .bind(subject)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(OidcLink::from))
    }

    /// The links of an account, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oidc_links_of(&self, user: UserId) -> Result<Vec<OidcLink>, StoreError> {
        let rows: Vec<Row> = on_read!(self, |pool| {
            sqlx::query_as::<DB, Row>(formatcp!(
                "SELECT {COLUMNS} FROM oidc_links WHERE user_id = $1 ORDER BY id"
            ))
            .bind(user.uuid())
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(OidcLink::from).collect())
    }

    /// Whether an account can be signed in to by a password.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_password(&self, user: UserId) -> Result<bool, StoreError> {
        let row: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>("SELECT id FROM users WHERE id = $1 AND password_hash <> ''")
                .bind(user.uuid())
                .fetch_optional(pool)
                .await?
        });
        Ok(row.is_some())
    }
}

/// Makes an account the one of whoever the provider says has come; `false` when either is linked already.
///
/// # Errors
/// When the database fails.
pub async fn link(
    tx: &mut Tx,
    user: UserId,
    who: &Identity,
    now: Instant,
) -> Result<bool, StoreError> {
    let done = on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "INSERT INTO oidc_links ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $6) \
             ON CONFLICT DO NOTHING"
        ))
        .bind(OidcLinkId::at(now).uuid())
        .bind(user.uuid())
        .bind(&who.issuer)
        .bind(&who.subject)
        .bind(&who.email)
        .bind(now)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    Ok(done == 1)
}

/// Opens an account without a password for whoever the provider says has come, whose address is proved by that; what was
/// booked by it without an account becomes theirs. `false` when the address or the person has an account already.
///
/// # Errors
/// When the database fails.
pub async fn open(
    tx: &mut Tx,
    opened: &Account,
    who: &Identity,
    now: Instant,
) -> Result<bool, StoreError> {
    if !account::insert(tx, opened, "").await? || !link(tx, opened.id, who, now).await? {
        return Ok(false);
    }
    guest::claim(tx, opened.id, now).await?;
    Ok(true)
}

/// Notes that somebody signed in by a link; `false` when there is no such link any more.
///
/// # Errors
/// When the database fails.
pub async fn used(
    tx: &mut Tx,
    user: UserId,
    who: &Identity,
    now: Instant,
) -> Result<bool, StoreError> {
    let done = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE oidc_links SET used_at = $4, email = COALESCE($5, email) \
             WHERE user_id = $1 AND issuer = $2 AND subject = $3",
        )
        .bind(user.uuid())
        .bind(&who.issuer)
        .bind(&who.subject)
        .bind(now)
        .bind(&who.email)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    Ok(done == 1)
}

/// Ends a link of an account that has a password; answers the link, or nothing when there is none, or no password.
///
/// # Errors
/// When the database fails.
pub async fn unlink(
    tx: &mut Tx,
    user: UserId,
    id: OidcLinkId,
) -> Result<Option<OidcLink>, StoreError> {
    let row: Option<Row> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, Row>(formatcp!(
            "DELETE FROM oidc_links WHERE id = $2 AND user_id = \
               (SELECT id FROM users WHERE id = $1 AND password_hash <> '') RETURNING {COLUMNS}"
        ))
        .bind(user.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *c)
        .await?
    });
    Ok(row.map(OidcLink::from))
}
