//! Taken time: the one table in which a person's time is gone, and the holds that take it for a moment.
//!
//! Writes come first and the row count answers: nothing is read to decide whether a stretch is free.

use std::collections::BTreeSet;

use belfry_domain::Instant;
use belfry_domain::booking::{Booking, BookingError, Hold};
use belfry_domain::id::{GroupSessionId, HoldId, UserId, WaitingId};
use belfry_domain::slot::Engaged;
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::booking::Decided;
use crate::db::{Dialect, IdList};
use crate::idempotency::{self, IdempotencyKey};
use crate::rows::Rows;
use crate::{Store, StoreError, Tx, crash, group_session};

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
    /// The start of the slot, for a hold that is an offer.
    pub offered: Option<Instant>,
}

#[derive(FromRow)]
struct OccupancyRow {
    source_id: Uuid,
    starts_at: Instant,
    ends_at: Instant,
    expires_at: Option<Instant>,
    client_id: Option<Uuid>,
    held_from: Option<Instant>,
    waiting_id: Option<Uuid>,
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
                "SELECT o.source_id, o.starts_at, o.ends_at, o.expires_at, h.client_id, \
                   h.starts_at AS held_from, h.waiting_id \
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
                    offered: row.held_from.filter(|_| row.waiting_id.is_some()),
                })
                .collect())
        })
    }

    /// What an expert does in the stretches that are taken between `from` and `to`, without buffers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn engagements(
        &self,
        expert: UserId,
        (from, to): (Instant, Instant),
        now: Instant,
    ) -> Result<Vec<Engaged>, StoreError> {
        on_read!(self, |pool| {
            let rows: Vec<(Instant, Instant, String)> = sqlx::query_as::<DB, _>(
                "SELECT COALESCE(b.starts_at, h.starts_at, g.starts_at, o.starts_at), \
                   COALESCE(b.ends_at, h.ends_at, g.ends_at, o.ends_at), o.kind \
                 FROM occupancies o LEFT JOIN bookings b ON b.id = o.source_id \
                   LEFT JOIN holds h ON h.id = o.source_id LEFT JOIN group_sessions g ON g.id = o.source_id \
                 WHERE o.subject_id = $1 AND o.ends_at > $2 AND o.starts_at < $3 \
                   AND (o.expires_at IS NULL OR o.expires_at > $4)",
            )
            .bind(expert.uuid())
            .bind(from)
            .bind(to)
            .bind(now)
            .fetch_all(pool)
            .await?;
            Ok(rows
                .into_iter()
                .map(|(starts_at, ends_at, kind)| Engaged {
                    starts_at,
                    ends_at,
                    held: kind == "hold",
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
        let wanted = Stretch {
            source: hold.id.uuid(),
            subject: hold.expert_id,
            starts_at: stretch.0,
            ends_at: stretch.1,
            expires_at: Some(hold.expires_at),
            service: false,
        };
        if !take(&mut tx, &wanted, now).await? {
            return Ok(Err(BookingError::SlotTaken));
        }
        write_hold(&mut tx, hold, None, None).await?;
        if let Some(key) = &new.key {
            idempotency::made(&mut tx, key, hold.id.uuid()).await?;
        }
        crash::point("hold.before_commit");
        tx.commit().await?;
        crash::point("hold.committed");
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

    /// Lets go of a hold of `client`; answers whether there was one. An offer is none that can be let go of here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_hold(&self, id: HoldId, client: UserId) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let offered: Option<(Uuid,)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>("SELECT id FROM holds WHERE id = $1 AND waiting_id IS NOT NULL")
                .bind(id.uuid())
                .fetch_optional(&mut *c)
                .await?
        });
        let released = offered.is_none() && drop_hold(&mut tx, id, client).await?;
        tx.commit().await?;
        Ok(released)
    }
}

/// Writes down whose the time is that a hold has taken, or the seat of `session`; `offered` to whom on a waiting list,
/// if to anybody.
pub(crate) async fn write_hold(
    tx: &mut Tx,
    hold: &Hold,
    offered: Option<WaitingId>,
    session: Option<GroupSessionId>,
) -> Result<(), StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "INSERT INTO holds (id, expert_id, client_id, starts_at, ends_at, expires_at, waiting_id, session_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(hold.id.uuid())
        .bind(hold.expert_id.uuid())
        .bind(hold.client_id.uuid())
        .bind(hold.starts_at)
        .bind(hold.ends_at)
        .bind(hold.expires_at)
        .bind(offered.map(WaitingId::uuid))
        .bind(session.map(GroupSessionId::uuid))
        .execute(&mut *c)
        .await?;
    });
    Ok(())
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
            // What was offered is no choice of theirs.
            "SELECT COUNT(*) FROM holds WHERE client_id = $1 AND expires_at > $2 AND waiting_id IS NULL",
        )
        .bind(client.uuid())
        .bind(now)
        .fetch_one(&mut *c)
        .await?;
        Ok(count)
    })
}

/// A stretch of somebody's time that a booking or a hold wants.
pub(crate) struct Stretch {
    /// The booking or the hold.
    pub source: Uuid,
    pub subject: UserId,
    pub starts_at: Instant,
    pub ends_at: Instant,
    /// Set for holds.
    pub expires_at: Option<Instant>,
    /// Somebody who walked in is served then.
    pub service: bool,
}

impl Stretch {
    /// What [`take_all`] knows it by.
    pub fn key(&self) -> (Uuid, Uuid) {
        (self.source, self.subject.uuid())
    }

    fn kind(&self) -> &'static str {
        match self.expires_at {
            Some(_) => "hold",
            None if self.service => "service",
            None => "booking",
        }
    }
}

/// The time that a booking takes of the expert, buffers inside, and of the client, each with the refusal of
/// who has none left. The expert's time of a seat is its session's.
pub(crate) fn both_sides(
    booking: &Booking,
    stretch: (Instant, Instant),
) -> Vec<(Stretch, BookingError)> {
    let side = |subject, (starts_at, ends_at)| Stretch {
        source: booking.id.uuid(),
        subject,
        starts_at,
        ends_at,
        expires_at: None,
        service: false,
    };
    let span = (booking.starts_at, booking.ends_at);
    let expert = (side(booking.expert.id, stretch), BookingError::SlotTaken);
    let client = (side(booking.client.id, span), BookingError::ClientBusy);
    match booking.session {
        None => vec![expert, client],
        Some(_) => vec![client],
    }
}

/// Takes a stretch; `false` when any of it is gone. An expired hold in the way is swept in the same
/// transaction.
pub(crate) async fn take(tx: &mut Tx, stretch: &Stretch, now: Instant) -> Result<bool, StoreError> {
    let taken = take_all(tx, std::iter::once(stretch)).await?;
    Ok(!taken.is_empty() || take_over(tx, stretch, now).await?)
}

/// Takes what [`take_all`] could not, if nothing but expired holds stands in the way.
pub(crate) async fn take_over(
    tx: &mut Tx,
    stretch: &Stretch,
    now: Instant,
) -> Result<bool, StoreError> {
    on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "DELETE FROM occupancies WHERE subject_id = $1 AND ends_at > $2 AND starts_at < $3 \
               AND expires_at <= $4",
        )
        .bind(stretch.subject.uuid())
        .bind(stretch.starts_at)
        .bind(stretch.ends_at)
        .bind(now)
        .execute(&mut *c)
        .await?;
    });
    // Also when nothing was swept here: somebody else may just have swept what stood in the way.
    let taken = take_all(tx, std::iter::once(stretch)).await?;
    Ok(!taken.is_empty())
}

/// Takes each stretch of which nothing is gone and answers their keys.
///
/// They are taken in the order of people and time, so that two writers that want some of the same wait for
/// each other instead of crossing.
pub(crate) async fn take_all<'a>(
    tx: &mut Tx,
    stretches: impl Iterator<Item = &'a Stretch>,
) -> Result<BTreeSet<(Uuid, Uuid)>, StoreError> {
    let mut ordered: Vec<&Stretch> = stretches.collect();
    ordered.sort_by_key(|stretch| (stretch.subject, stretch.starts_at));
    let all = || ordered.iter();
    let taken = Rows::into("occupancies")
        .ids("source_id", all().map(|stretch| stretch.source))
        .ids("subject_id", all().map(|stretch| stretch.subject.uuid()))
        .instants("starts_at", all().map(|stretch| stretch.starts_at))
        .instants("ends_at", all().map(|stretch| stretch.ends_at))
        .texts("kind", all().map(|stretch| stretch.kind()))
        .instants("expires_at", all().map(|stretch| stretch.expires_at))
        .on_conflict("ON CONFLICT DO NOTHING")
        .insert_returning("source_id, subject_id", tx)
        .await?;
    Ok(taken.into_iter().collect())
}

/// Gives back all time that the bookings or holds took.
pub(crate) async fn free(
    tx: &mut Tx,
    sources: impl Iterator<Item = Uuid>,
) -> Result<(), StoreError> {
    let sources = IdList(sources.collect());
    if sources.0.is_empty() {
        return Ok(());
    }
    on_tx!(tx, |c| {
        sqlx::query::<DB>(formatcp!(
            "DELETE FROM occupancies WHERE source_id {}",
            <DB as Dialect>::ID_IN_1
        ))
        .bind(sources)
        .execute(&mut *c)
        .await?;
    });
    Ok(())
}

/// Lets go of a hold inside the transaction that books its time.
pub(crate) async fn drop_hold(tx: &mut Tx, id: HoldId, client: UserId) -> Result<bool, StoreError> {
    let dropped: Option<(Option<Uuid>,)> = on_tx!(tx, |c| {
        sqlx::query_as::<DB, _>(
            "DELETE FROM holds WHERE id = $1 AND client_id = $2 RETURNING session_id",
        )
        .bind(id.uuid())
        .bind(client.uuid())
        .fetch_optional(&mut *c)
        .await?
    });
    match dropped {
        None => return Ok(false),
        // A seat was held, and no time of the expert's.
        Some((Some(session),)) => group_session::give_back(tx, session).await?,
        Some((None,)) => free(tx, std::iter::once(id.uuid())).await?,
    }
    Ok(true)
}
