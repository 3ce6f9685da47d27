//! Those who book without an account: kept by their address, and found again when somebody proves it.
//!
//! A guest is a person without a password. The address may belong to an account at the same time; neither row knows
//! of the other until whoever has the account proves the address. Then the guest's bookings become the account's.

use belfry_domain::Instant;
use belfry_domain::account::Account;
use belfry_domain::booking::{Booking, Status};
use belfry_domain::event::Event;
use belfry_domain::id::UserId;
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::account::{self, AccountRow, COLUMNS};
use crate::db::Dialect;
use crate::occupancy::{self, Stretch};
use crate::{Store, StoreError, Tx};

/// What else is written and counted when a guest books.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GuestTerms {
    /// As it was typed; nobody has proved it.
    pub phone: Option<String>,
    /// Open bookings that one address may have.
    pub most_open: i64,
}

impl Store {
    /// The guest with the address of `guest`, who is added where there is none. Of one who was there before,
    /// nothing is changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guest(&self, guest: &Account, now: Instant) -> Result<Account, StoreError> {
        match self.insert_guest(guest.id, guest, now).await {
            // Whoever had the id that follows from this address was forgotten for good.
            Err(StoreError::Database(sqlx::Error::Database(error)))
                if error.is_unique_violation() =>
            {
                self.insert_guest(UserId::at(now), guest, now).await
            }
            other => other,
        }
    }

    async fn insert_guest(
        &self,
        id: UserId,
        guest: &Account,
        now: Instant,
    ) -> Result<Account, StoreError> {
        on_write!(self, |pool| {
            sqlx::query_as::<DB, AccountRow>(formatcp!(
                "INSERT INTO users (id, email, guest_email, password_hash, name, role, description, locale, time_zone, \
                   email_verified, disabled, auth_epoch, version, created_at, updated_at) \
                 VALUES ($1, $2, $3, '', $4, $5, '', $6, $7, $8, $8, 0, 1, $9, $9) \
                 ON CONFLICT (email) DO UPDATE SET updated_at = excluded.updated_at RETURNING {COLUMNS}"
            ))
            .bind(id.uuid())
            .bind(key(&guest.email))
            .bind(&guest.email)
            .bind(&guest.name)
            .bind(guest.role.as_str())
            .bind(&guest.locale)
            .bind(guest.time_zone.name())
            .bind(false)
            .bind(now)
            .fetch_one(pool)
            .await?
            .try_into()
        })
    }

    /// The guest with this (lower-case) address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guest_by_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, AccountRow>(formatcp!(
                "SELECT {COLUMNS} FROM users WHERE email = $1"
            ))
            .bind(key(email))
            .fetch_optional(pool)
            .await?
            .map(Account::try_from)
            .transpose()
        })
    }

    /// Makes an account's own what was booked without one by its address, if the address is proved. Answers how
    /// many bookings those were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_guest(&self, owner: UserId, now: Instant) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let claimed = claim(&mut tx, owner, now).await?;
        tx.commit().await?;
        Ok(claimed)
    }
}

impl Store {
    /// Gives a guest a new code in place of the one before; `event` tells of it. Answers nothing where there is no
    /// such guest, or a disabled one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_guest_code(
        &self,
        email: &str,
        event: impl FnOnce(&Account) -> Event,
        expires_at: Instant,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let guest: Option<AccountRow> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(formatcp!(
                "UPDATE users SET version = version + 1, updated_at = $2 \
                 WHERE email = $1 AND guest_email IS NOT NULL AND NOT disabled RETURNING {COLUMNS}"
            ))
            .bind(key(email))
            .bind(now)
            .fetch_optional(&mut *c)
            .await?
        });
        let Some(guest) = guest else {
            return Ok(false);
        };
        let guest = Account::try_from(guest)?;
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "INSERT INTO guest_codes (user_id, number, tries, expires_at) VALUES ($1, $2, 0, $3) \
                 ON CONFLICT (user_id) DO UPDATE SET number = excluded.number, tries = 0, \
                   expires_at = excluded.expires_at",
            )
            .bind(guest.id.uuid())
            .bind(guest.version)
            .bind(expires_at)
            .execute(&mut *c)
            .await?;
        });
        crate::event::append(&mut tx, &[event(&guest)]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes one of so many tries at the code of the guest with this address: whose it is, and which.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn try_guest_code(
        &self,
        email: &str,
        most: i64,
        now: Instant,
    ) -> Result<Option<(UserId, i64)>, StoreError> {
        on_write!(self, |pool| {
            let row: Option<(Uuid, i64)> = sqlx::query_as::<DB, _>(
                "UPDATE guest_codes SET tries = tries + 1 \
                 WHERE user_id = (SELECT id FROM users WHERE email = $1 AND NOT disabled) \
                   AND tries < $2 AND expires_at > $3 RETURNING user_id, number",
            )
            .bind(key(email))
            .bind(most)
            .bind(now)
            .fetch_optional(pool)
            .await?;
            Ok(row.map(|(guest, number)| (guest.into(), number)))
        })
    }

    /// Spends a code that was right; `false` when somebody was faster.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spend_guest_code(&self, guest: UserId, number: i64) -> Result<bool, StoreError> {
        on_write!(self, |pool| {
            let done =
                sqlx::query::<DB>("DELETE FROM guest_codes WHERE user_id = $1 AND number = $2")
                    .bind(guest.uuid())
                    .bind(number)
                    .execute(pool)
                    .await?;
            Ok(done.rows_affected() == 1)
        })
    }
}

/// What stands in place of a guest's address where addresses of accounts stand.
fn key(email: &str) -> String {
    format!("guest:{email}")
}

/// Whether a guest has as many open bookings as one address may, under the guest's lock, so that two cannot both
/// be the last.
pub(crate) async fn has_enough(
    tx: &mut Tx,
    booking: &Booking,
    terms: &GuestTerms,
) -> Result<bool, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "SELECT id FROM users WHERE id = $1 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(booking.client.id.uuid())
        .fetch_optional(&mut *c)
        .await?;
        let (open,): (i64,) = sqlx::query_as::<DB, _>(
            "SELECT COUNT(*) FROM bookings WHERE client_id = $1 AND status IN ('pending', 'confirmed') \
               AND ends_at > $2",
        )
        .bind(booking.client.id.uuid())
        .bind(booking.created_at)
        .fetch_one(&mut *c)
        .await?;
        Ok(open >= terms.most_open)
    })
}

#[derive(FromRow)]
struct Own {
    id: Uuid,
    status: String,
    starts_at: Instant,
    ends_at: Instant,
}

/// See [`Store::claim_guest`]. A booking at a time at which the account has another one stays the guest's: nobody
/// is in two places.
pub(crate) async fn claim(tx: &mut Tx, owner: UserId, now: Instant) -> Result<u64, StoreError> {
    let guest: Option<(Uuid,)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT id FROM users WHERE email = \
               (SELECT 'guest:' || email FROM users WHERE id = $1 AND email_verified) {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(owner.uuid())
        .fetch_optional(&mut *c)
        .await?
    });
    let Some((guest,)) = guest else {
        return Ok(0);
    };
    let bookings: Vec<Own> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(formatcp!(
            "SELECT id, status, starts_at, ends_at FROM bookings WHERE client_id = $1 ORDER BY id {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(guest)
        .fetch_all(&mut *c)
        .await?
    });
    let mut claimed = 0;
    for booking in bookings {
        let status: Status = booking.status.parse().map_err(StoreError::unreadable)?;
        let stretch = Stretch {
            source: booking.id,
            subject: owner,
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
            expires_at: None,
            service: false,
        };
        if status.is_open() && !occupancy::take(tx, &stretch, now).await? {
            continue;
        }
        on_tx!(tx, |c| {
            sqlx::query::<DB>("DELETE FROM occupancies WHERE source_id = $1 AND subject_id = $2")
                .bind(booking.id)
                .bind(guest)
                .execute(&mut *c)
                .await?;
            sqlx::query::<DB>("UPDATE bookings SET client_id = $2 WHERE id = $1")
                .bind(booking.id)
                .bind(owner.uuid())
                .execute(&mut *c)
                .await?;
        });
        claimed += 1;
    }
    Ok(claimed)
}

/// Opens an account for a guest who has proved the address, while the guest is in `epoch`; `None` when the guest is
/// not, or the address has an account already.
pub(crate) async fn open_account(
    tx: &mut Tx,
    guest: UserId,
    epoch: i64,
    password_hash: &str,
    now: Instant,
) -> Result<Option<UserId>, StoreError> {
    let row: Option<AccountRow> = on_tx!(tx, |c| {
        // The link that led here works once.
        sqlx::query_as::<DB, _>(formatcp!(
            "UPDATE users SET auth_epoch = auth_epoch + 1, updated_at = $3 \
             WHERE id = $1 AND auth_epoch = $2 AND guest_email IS NOT NULL AND NOT disabled RETURNING {COLUMNS}"
        ))
        .bind(guest.uuid())
        .bind(epoch)
        .bind(now)
        .fetch_optional(&mut *c)
        .await?
    });
    let Some(row) = row else {
        return Ok(None);
    };
    let account = Account {
        id: UserId::at(now),
        email_verified: true,
        guest: false,
        auth_epoch: 0,
        version: 1,
        created_at: now,
        ..row.try_into()?
    };
    let opened = account::insert(tx, &account, password_hash).await?;
    Ok(opened.then_some(account.id))
}
