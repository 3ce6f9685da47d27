//! Who of several nodes does what only one may do (C5.1).
//!
//! A lease is a row with a holder and an end. Whoever holds it renews it in good time; when a holder dies,
//! its lease runs out and the next one to ask has it. The instants come from the callers' clocks, so a
//! lease must be much longer than those clocks differ.

use belfry_domain::Instant;

use crate::{Store, StoreError};

impl Store {
    /// Takes, keeps or takes over the lease `name` for `holder` until `until`, in one statement. Answers
    /// whether `holder` has it now: no, while somebody else's runs.
    ///
    /// # Errors
    /// When the database fails; then nothing is known about the lease.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        until: Instant,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let taken = on_write!(self, |pool| sqlx::query::<DB>(
            "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE leases.holder = excluded.holder OR leases.until <= $4",
        )
        .bind(name)
        .bind(holder)
        .bind(until)
        .bind(now)
        .execute(pool)
        .await?
        .rows_affected());
        Ok(taken == 1)
    }

    /// Gives the lease back, so that another node need not wait for its end. Somebody else's lease is left
    /// alone.
    ///
    /// # Errors
    /// When the database fails; the lease then runs out by itself.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        on_write!(self, |pool| sqlx::query::<DB>(
            "DELETE FROM leases WHERE name = $1 AND holder = $2"
        )
        .bind(name)
        .bind(holder)
        .execute(pool)
        .await?
        .rows_affected());
        Ok(())
    }
}
