//! Whose turn it is: those who wait for one expert, in order, with what decides what they can be offered.

use std::collections::BTreeMap;

use belfry_domain::gate::Quiet;
use belfry_domain::slot::Taken;
use belfry_domain::waiting::Waiter;

use super::*;
use crate::preference::{COLUMNS, PreferenceRow};

#[derive(FromRow)]
struct WaiterRow {
    id: Uuid,
    client_id: Uuid,
    client_name: String,
    #[sqlx(flatten)]
    wish: WishRow,
    #[sqlx(flatten)]
    chosen: PreferenceRow,
    client_zone: String,
}

impl Store {
    /// Those who wait for a slot of an expert, longest first. Disabled accounts cannot answer and are passed over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiters(
        &self,
        expert: UserId,
        now: Instant,
        limit: i64,
    ) -> Result<Vec<Waiter>, StoreError> {
        let rows = on_read!(self, |pool| {
            sqlx::query_as::<DB, WaiterRow>(formatcp!(
                "SELECT w.id, w.client_id, c.name AS client_name, w.minutes, w.from_date, w.until_date, w.earliest, \
                   w.latest, w.time_zone, w.mode, w.note, c.time_zone AS client_zone, {COLUMNS} \
                 FROM waiting_list w JOIN users c ON c.id = w.client_id \
                   LEFT JOIN preferences p ON p.user_id = w.client_id \
                 WHERE w.expert_id = $1 AND w.status = 'waiting' AND w.session_id IS NULL AND w.closes_at > $2 \
                   AND c.disabled = FALSE \
                 ORDER BY w.joined_at, w.id LIMIT $3"
            ))
            .bind(expert.uuid())
            .bind(now)
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        let waiter = |row: WaiterRow| {
            let zone = row.client_zone.parse().map_err(StoreError::unreadable)?;
            Ok(Waiter {
                id: row.id.into(),
                client: Party {
                    id: row.client_id.into(),
                    name: row.client_name,
                },
                wish: row.wish.try_into()?,
                quiet: Quiet::of(row.chosen.into_preferences().quiet_hours, zone),
            })
        };
        rows.into_iter().map(waiter).collect()
    }

    /// What is taken of these people's own time and ends after `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn busy(
        &self,
        people: &[UserId],
        now: Instant,
    ) -> Result<BTreeMap<UserId, Vec<Taken>>, StoreError> {
        let ids = IdList(people.iter().map(|person| person.uuid()).collect());
        let rows: Vec<(Uuid, Instant, Instant)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT subject_id, starts_at, ends_at FROM occupancies WHERE subject_id {} AND ends_at > $2 \
                   AND (expires_at IS NULL OR expires_at > $2)",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(ids)
            .bind(now)
            .fetch_all(pool)
            .await?
        });
        let mut busy = BTreeMap::<UserId, Vec<Taken>>::new();
        for (person, starts_at, ends_at) in rows {
            let taken = Taken { starts_at, ends_at };
            busy.entry(person.into()).or_default().push(taken);
        }
        Ok(busy)
    }

    /// Experts whom somebody waits for, from `after` on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn awaited_experts(
        &self,
        after: Option<UserId>,
        now: Instant,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let rows: Vec<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT DISTINCT expert_id FROM waiting_list WHERE status = 'waiting' AND closes_at > $1 \
                   AND ($2 IS NULL OR expert_id > $2) ORDER BY expert_id LIMIT $3",
            )
            .bind(now)
            .bind(after.map(UserId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(id,)| id.into()).collect())
    }

    /// When the next offer runs out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_offer_end(&self) -> Result<Option<Instant>, StoreError> {
        let (end,): (Option<Instant>,) = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT MIN(offer_expires_at) FROM waiting_list WHERE status = 'offered'",
            )
            .fetch_one(pool)
            .await?
        });
        Ok(end)
    }

    /// Lets those leave an expert's list who have found a place on their dates, or a seat of their session, by themselves
    /// since they joined.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leave_waiting_if_booked(
        &self,
        expert: UserId,
        now: Instant,
    ) -> Result<u64, StoreError> {
        const BOOKED: &str = "w.expert_id = $1 AND w.status = 'waiting' AND EXISTS \
               (SELECT 1 FROM bookings b WHERE b.client_id = w.client_id AND b.expert_id = w.expert_id \
                  AND b.status IN ('pending', 'confirmed') AND b.session_id IS NOT DISTINCT FROM w.session_id \
                  AND (w.session_id IS NOT NULL OR (b.starts_at >= w.opens_at AND b.starts_at < w.closes_at)) \
                  AND b.created_at >= w.joined_at)";
        let any: Option<(Uuid,)> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT w.id FROM waiting_list w WHERE {BOOKED} LIMIT 1"
            ))
            .bind(expert.uuid())
            .fetch_optional(pool)
            .await?
        });
        if any.is_none() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let ids: Vec<(Uuid,)> = on_tx!(&mut tx, |c| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT w.id FROM waiting_list w WHERE {BOOKED} {}",
                <DB as Dialect>::SKIP_LOCKED
            ))
            .bind(expert.uuid())
            .fetch_all(&mut *c)
            .await?
        });
        let ids: Vec<Uuid> = ids.into_iter().map(|(id,)| id).collect();
        let mut left = 0;
        for before in by_ids(&mut tx, ids).await? {
            step(&mut tx, before, Status::Left, None, Actor::system(), now).await?;
            left += 1;
        }
        tx.commit().await?;
        Ok(left)
    }
}
