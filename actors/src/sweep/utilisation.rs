//! How much of the experts' open hours is booked, worked out by the full sweep and kept in narrow rows (B9): whoever
//! looks at the figures reads these, however many bookings, experts and nodes there are.

use belfry_domain::Instant;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::slot::open_minutes;
use belfry_domain::wall;
use belfry_store::utilisation::Measured;
use belfry_store::{Store, StoreError};
use chrono::Days;
use chrono_tz::Tz;

use super::{BATCH, Sweep};

/// Over how many dates it is told, today being the first.
const SPANS: [u64; 2] = [1, 7];

impl Sweep {
    /// Measures every branch, and answers how many there are. Doing it twice, or on two nodes, changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn measure_branches(&self, now: Instant) -> Result<u64, StoreError> {
        let (store, mut after) = (&self.world.store, None);
        self.in_batches(now, async || {
            let branches = store.branch_zones(after, BATCH).await?;
            for (branch, zone) in &branches {
                measure(store, *branch, *zone, now).await?;
                after = Some(*branch);
            }
            Ok(branches.len() as u64)
        })
        .await
    }
}

async fn measure(
    store: &Store,
    branch: BranchId,
    zone: Tz,
    now: Instant,
) -> Result<(), StoreError> {
    let today = wall::local_date(zone, now);
    let from = wall::day_bounds(zone, today).0;
    let members = store.branch_members(branch).await?;
    let experts: Vec<UserId> = members.into_iter().map(|member| member.id).collect();
    let schedules = store.schedules(&experts, from).await?;
    for days in SPANS {
        let end = today.checked_add_days(Days::new(days)).unwrap_or(today);
        let until = wall::day_bounds(zone, end).0;
        let open = schedules.values();
        let found = Measured {
            branch,
            days: days.cast_signed(),
            booked_minutes: store.booked_minutes(&experts, (from, until)).await?,
            open_minutes: open.map(|hours| open_minutes(hours, from, until)).sum(),
        };
        store.note_utilisation(&found, now).await?;
    }
    Ok(())
}
