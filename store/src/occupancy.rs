//! Taken time: the one table in which a person's time is gone, and the holds that take it for a moment.
//!
//! Writes come first and the row count answers: nothing is read to decide whether a stretch is free.

use belfry_domain::Instant;
use belfry_domain::booking::{BookingError, Hold};
use belfry_domain::id::{HoldId, UserId};
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::booking::Decided;
use crate::db::Dialect;
use crate::idempotency::{self, IdempotencyKey};
use crate::{Store, StoreError, Tx};

/// A hold to be made.
#[derive(Clone, Debug)]
pub struct NewHold {
    pub hold: Hold,
    /// The expert's time it takes, buffers inside.
    pub stretch: (Instant, Instant),
    /// The person's own holds in the way, which it replaces.
    pub replaced: Vec<HoldId>,
    /// Slots one person may hold at once.
    pub most: i64,
    pub key: Option<IdempotencyKey>,
}

/// A stretch of somebody's time that is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Occupancy {
    /// The booking or hold that took it.
    pub source_id: Uuid,
    pub starts_at: Instant,
    pub ends_at: Instant,
    /// Set for holds.
    pub expires_at: Option<Instant>,
    /// Who holds it, for holds.
    pub holder: Option<UserId>,
}

#[derive(FromRow)]
struct OccupancyRow {
    source_id: Uuid,
    starts_at: Instant,
    ends_at: Instant,
    expires_at: Option<Instant>,
    client_id: Option<Uuid>,
}

impl Store {
    /// What is taken of a person's time and ends after `from`, in order. Expired holds are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn occupancies(
        &self,
        subject: UserId,
        from: Instant,
        now: Instant,
    ) -> Result<Vec<Occupancy>, StoreError> {
        on_read!(self, |pool| {
            let rows = sqlx::query_as::<DB, OccupancyRow>(
                "SELECT o.source_id, o.starts_at, o.ends_at, o.expires_at, h.client_id \
                 FROM occupancies o LEFT JOIN holds h ON h.id = o.source_id \
                 WHERE o.subject_id = $1 AND o.ends_at > $2 AND (o.expires_at IS NULL OR o.expires_at > $3) \
                 ORDER BY o.starts_at",
            )
            .bind(subject.uuid())
            .bind(from)
            .bind(now)
            .fetch_all(pool)
            .await?;
            Ok(rows
                .into_iter()
                .map(|row| Occupancy {
                    source_id: row.source_id,
                    starts_at: row.starts_at,
                    ends_at: row.ends_at,
                    expires_at: row.expires_at,
                    holder: row.client_id.map(UserId::from),
                })
                .collect())
        })
    }

    /// Holds a stretch of an expert's time and lets go of the person's holds that it replaces, or does
    /// nothing at all.
    ///
    /// # Errors
    /// When the database fails. Inside: `TooManyHolds`, `SlotTaken`.
    pub async fn insert_hold(&self, new: &NewHold, now: Instant) -> Decided<()> {
        match self.try_insert_hold(new, now).await {
            Err(error) if error.is_retryable() => self.try_insert_hold(new, now).await,
            other => other,
        }
    }

    async fn try_insert_hold(&self, new: &NewHold, now: Instant) -> Decided<()> {
        let NewHold { hold, stretch, .. } = new;
        let mut tx = self.begin().await?;
        for replaced in &new.replaced {
            drop_hold(&mut tx, *replaced, hold.client_id).await?;
        }
        if count_holds(&mut tx, hold.client_id, now).await? >= new.most {
            return Ok(Err(BookingError::TooManyHolds));
        }
        let (expert, source) = (hold.expert_id, hold.id.uuid());
        if !take(
            &mut tx,
            expert,
            source,
            *stretch,
            Some(hold.expires_at),
            now,
        )
        .await?
        {
            return Ok(Err(BookingError::SlotTaken));
        }
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "INSERT INTO holds (id, expert_id, client_id, starts_at, ends_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(hold.id.uuid())
            .bind(hold.expert_id.uuid())
            .bind(hold.client_id.uuid())
            .bind(hold.starts_at)
            .bind(hold.ends_at)
            .bind(hold.expires_at)
            .execute(&mut *c)
            .await?;
        });
        if let Some(key) = &new.key {
            idempotency::made(&mut tx, key, hold.id.uuid()).await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// The hold with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(&self, id: HoldId) -> Result<Option<Hold>, StoreError> {
        type Row = (Uuid, Uuid, Instant, Instant, Instant);
        on_read!(self, |pool| {
            let row: Option<Row> = sqlx::query_as::<DB, _>(
                "SELECT expert_id, client_id, starts_at, ends_at, expires_at FROM holds WHERE id = $1",
            )
            .bind(id.uuid())
            .fetch_optional(pool)
            .await?;
            Ok(
                row.map(|(expert, client, starts_at, ends_at, expires_at)| Hold {
                    id,
                    expert_id: expert.into(),
                    client_id: client.into(),
                    starts_at,
                    ends_at,
                    expires_at,
                }),
            )
        })
    }

    /// Lets go of a hold of `client`; answers it, or `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_hold(&self, id: HoldId, client: UserId) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let released = drop_hold(&mut tx, id, client).await?;
        tx.commit().await?;
        Ok(released)
    }
}

/// How many slots a person holds, under the person's lock, so that two holds cannot both be the last.
async fn count_holds(tx: &mut Tx, client: UserId, now: Instant) -> Result<i64, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "SELECT id FROM users WHERE id = $1 {}",
            <DB as Dialect>::FOR_UPDATE
        ))
        .bind(client.uuid())
        .fetch_optional(&mut *c)
        .await?;
        let (count,): (i64,) = sqlx::query_as::<DB, _>(
            "SELECT COUNT(*) FROM holds WHERE client_id = $1 AND expires_at > $2",
        )
        .bind(client.uuid())
        .bind(now)
        .fetch_one(&mut *c)
        .await?;
        Ok(count)
    })
}

/// Takes a stretch for `source`; `false` when any of it is gone. An expired hold in the way is swept
/// in the same transaction.
pub(crate) async fn take(
    tx: &mut Tx,
    subject: UserId,
    source: Uuid,
    (starts_at, ends_at): (Instant, Instant),
    expires_at: Option<Instant>,
    now: Instant,
) -> Result<bool, StoreError> {
    if insert(tx, subject, source, (starts_at, ends_at), expires_at).await? {
        return Ok(true);
    }
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "DELETE FROM occupancies WHERE subject_id = $1 AND ends_at > $2 AND starts_at < $3 \
               AND expires_at <= $4",
        )
        .bind(subject.uuid())
        .bind(starts_at)
        .bind(ends_at)
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    // Also when nothing was swept here: somebody else may just have swept what stood in the way.
    insert(tx, subject, source, (starts_at, ends_at), expires_at).await
}

async fn insert(
    tx: &mut Tx,
    subject: UserId,
    source: Uuid,
    (starts_at, ends_at): (Instant, Instant),
    expires_at: Option<Instant>,
) -> Result<bool, StoreError> {
    let kind = if expires_at.is_some() {
        "hold"
    } else {
        "booking"
    };
    let done = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO occupancies (source_id, subject_id, starts_at, ends_at, kind, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(source)
        .bind(subject.uuid())
        .bind(starts_at)
        .bind(ends_at)
        .bind(kind)
        .bind(expires_at)
        .execute(&mut *c)
        .await
        .map(|done| done.rows_affected() == 1)
    });
    match done {
        // SQLite's trigger aborts the statement, and only the statement.
        Err(sqlx::Error::Database(error)) if error.message() == "occupancies_no_overlap" => {
            Ok(false)
        }
        other => Ok(other?),
    }
}

/// Gives back all time that `source` took.
pub(crate) async fn free(tx: &mut Tx, source: Uuid) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>("DELETE FROM occupancies WHERE source_id = $1")
            .bind(source)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// Lets go of a hold inside the transaction that books its time.
pub(crate) async fn drop_hold(tx: &mut Tx, id: HoldId, client: UserId) -> Result<bool, StoreError> {
    let dropped = on_tx!(tx, |c| {
        sqlx::query::<DB>("DELETE FROM holds WHERE id = $1 AND client_id = $2")
            .bind(id.uuid())
            .bind(client.uuid())
            .execute(&mut *c)
            .await?
            .rows_affected()
            == 1
    });
    if dropped {
        free(tx, id.uuid()).await?;
    }
    Ok(dropped)
}
