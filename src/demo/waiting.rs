//! People who wait for a place, so that the waiting lists show something.

use anyhow::Result;
use belfry_domain::account::Role;
use belfry_domain::booking::{Actor, Mode, Party};
use belfry_domain::id::WaitingId;
use belfry_domain::waiting::{Status, Waiting, Wish};
use belfry_domain::wall;
use chrono::{NaiveDate, TimeDelta};

use super::{Host, Stage, cast};

/// Days ahead that are looked through for one on which an expert does not work.
const AHEAD: usize = 14;

impl Stage<'_> {
    /// Some wait for a day on which their expert does not work, so they keep waiting; the first client also for one
    /// with free times, which is offered as soon as the house is open.
    pub(super) async fn waiting(&self, hosts: &[Host], clients: &[Party]) -> Result<()> {
        for (index, host) in hosts.iter().enumerate() {
            let today = wall::local_date(host.schedule.time_zone, self.now);
            let days = today.iter_days().skip(3).take(AHEAD);
            let closed = days.filter(|day| host.lines.starts(*day).is_empty());
            let Some(closed) = closed.max() else {
                continue;
            };
            for (place, client) in clients
                .iter()
                .skip(index % 3)
                .step_by(3)
                .take(3)
                .enumerate()
            {
                self.wish(host, client, (closed, closed), 300 - place as i64)
                    .await?;
            }
        }
        if let ([.., host], [client, ..]) = (hosts, clients) {
            let today = wall::local_date(host.schedule.time_zone, self.now);
            let days = today.iter_days().skip(1).take(AHEAD);
            // From the next working day on: after tomorrow it may be the weekend.
            let mut works = days.filter(|day| !host.lines.starts(*day).is_empty());
            if let Some(from) = works.next() {
                let until = works.next().unwrap_or(from);
                self.wish(host, client, (from, until), 20).await?;
            }
        }
        Ok(())
    }

    async fn wish(
        &self,
        host: &Host,
        client: &Party,
        (from, until): (NaiveDate, NaiveDate),
        minutes_ago: i64,
    ) -> Result<()> {
        let joined_at = self.now - TimeDelta::minutes(minutes_ago);
        let waiting = Waiting {
            id: WaitingId::at(joined_at),
            status: Status::Waiting,
            expert: host.party.clone(),
            expert_branch: Some(host.branch),
            client: client.clone(),
            session: None,
            wish: Wish {
                minutes: host.schedule.rules.default_minutes().unwrap_or(60),
                from,
                until,
                earliest: None,
                latest: None,
                time_zone: host.schedule.time_zone,
                mode: Mode::Online,
                note: cast::NOTES.first().map(|note| (*note).to_owned()),
            },
            offer: None,
            booking_id: None,
            ahead: 0,
            joined_at,
            ended_at: None,
            version: 1,
        };
        let most = i64::from(self.settings.waiting_list.places_per_person);
        let actor = Actor::person(client.id, client.name.clone(), Role::User);
        // Who waits for so many already does without this one.
        let _ = self
            .store
            .join_waiting_list(&waiting, most, actor, None)
            .await?;
        Ok(())
    }
}
