//! Who waits at the branches without an appointment, so that desk and board show something.

use anyhow::Result;
use belfry_domain::Instant;
use belfry_domain::booking::Actor;
use belfry_domain::id::{BranchId, VisitId};
use belfry_domain::queue::{BranchRef, Step, Visit};
use belfry_domain::wall;
use belfry_store::queue::{NewVisit, VisitStep};
use chrono::TimeDelta;

use super::{Host, Stage, cast};

/// Who came, how many minutes ago, and what for.
const VISITORS: [(&str, i64, Option<&str>); 4] = [
    ("Thảo", 41, None),
    ("Marcus", 26, Some("A second opinion, if there is time.")),
    ("小林", 14, None),
    ("Aisha", 5, Some("Just a signature.")),
];

/// Long enough to look around.
const TIMEOUT: TimeDelta = TimeDelta::hours(8);

impl Stage<'_> {
    /// The first is with an expert who is busy; the others wait for that very one, so that the line stays as it is
    /// while somebody looks around.
    pub(super) async fn queues(&self, hosts: &[Host], branches: &[BranchId]) -> Result<()> {
        for (branch, (name, zone)) in branches.iter().zip(cast::BRANCHES) {
            let busy = hosts
                .iter()
                .enumerate()
                .find(|(index, host)| host.branch == *branch && index % 3 == 1);
            let Some((_, host)) = busy else {
                continue;
            };
            let branch = BranchRef {
                id: *branch,
                name: name.to_owned(),
            };
            let zone = zone.parse().unwrap_or(chrono_tz::UTC);
            for (place, (name, minutes_ago, note)) in VISITORS.into_iter().enumerate() {
                let at = self.now - TimeDelta::minutes(minutes_ago);
                let visit = NewVisit {
                    visit: arrived(&branch, host, name, note, at),
                    at,
                    date: wall::local_date(zone, at),
                    most: None,
                    secret_hash: None,
                    actor: Actor::system(),
                    key: None,
                };
                let Ok(visit) = self.store.join_queue(&visit).await? else {
                    continue;
                };
                if place == 0 {
                    self.served(host, visit.id, at).await?;
                }
            }
        }
        Ok(())
    }

    async fn served(&self, host: &Host, visit: VisitId, joined_at: Instant) -> Result<()> {
        let expert = host.party.clone();
        for (step, after) in [(Step::Accept { expert }, 20), (Step::Start, 22)] {
            let step = VisitStep::of(visit, step, Actor::system());
            let at = joined_at + TimeDelta::minutes(after);
            // An expert with an appointment right now has nobody else; then this one waits as well.
            if self.store.step_visit(&step, at).await?.is_err() {
                break;
            }
        }
        Ok(())
    }
}

fn arrived(branch: &BranchRef, host: &Host, name: &str, note: Option<&str>, at: Instant) -> Visit {
    let minutes = host.schedule.rules.default_minutes().unwrap_or(30);
    Visit {
        wanted: Some(host.party.clone()),
        note: note.map(str::to_owned),
        ..Visit::walked_in(branch.clone(), name.to_owned(), minutes, TIMEOUT, at)
    }
}
