//! A booking that repeats, in the evenings, when nobody books otherwise.

use std::ops::Range;

use anyhow::Result;
use belfry_domain::account::Role;
use belfry_domain::booking::{Actor, Booking, Mode, Party, Status};
use belfry_domain::event::Told;
use belfry_domain::id::{BookingId, SeriesId};
use belfry_domain::series::{Ends, Every, Rule, Series, SeriesPlace};
use belfry_domain::wall::{self, Edge};
use belfry_store::booking::NewBooking;
use chrono::{Days, TimeDelta};

use super::{Host, Stage, offsets};

/// In how many days the first one may be, and how many there are.
const FIRST: Range<u64> = 4..11;
const TIMES: u16 = 5;
const MINUTES: u16 = 60;

impl Stage<'_> {
    /// The third expert sees the fourth client every week, from the first evening on that suits them both.
    pub(super) async fn series(&self, hosts: &[Host], clients: &[Party]) -> Result<()> {
        let (Some(host), Some(client)) = (hosts.get(2), clients.get(3)) else {
            return Ok(());
        };
        for days in FIRST {
            if self.series_in(days, host, client).await? {
                break;
            }
        }
        Ok(())
    }

    /// Whether both were free at all of its times.
    async fn series_in(&self, days: u64, host: &Host, client: &Party) -> Result<bool> {
        let zone = host.schedule.time_zone;
        let date = wall::local_date(zone, self.now) + Days::new(days);
        let first = wall::at(zone, date, 60 * 20, Edge::Start);
        let rule = Rule {
            every: Every::Week,
            interval: 1,
            weekdays: Vec::new(),
            ends: Ends::After(TIMES),
        };
        let made = self.now - TimeDelta::hours(3);
        let series = Series {
            id: SeriesId::at(made),
            expert: host.party.clone(),
            client: client.clone(),
            rule: rule.rrule(date),
            time_zone: zone,
            starts_at: first,
            minutes: MINUTES,
            made: i64::from(TIMES),
            created_at: made,
        };
        let starts = rule.starts(zone, first).into_iter().zip(1..);
        let news = starts.map(|(starts_at, number)| {
            let ends_at = starts_at + TimeDelta::minutes(i64::from(MINUTES));
            NewBooking {
                stretch: (starts_at, ends_at),
                holder: client.id,
                holds: Vec::new(),
                session_version: None,
                offers: Vec::new(),
                needs_offer: false,
                caps: Vec::new(),
                assignment: None,
                guest: None,
                reminder_offsets: offsets(self.settings),
                told: Told::by(Actor::person(client.id, client.name.clone(), Role::User)),
                key: None,
                booking: Booking {
                    id: BookingId::at(made),
                    code: String::new(),
                    status: Status::Confirmed,
                    expert: host.party.clone(),
                    expert_branch: Some(host.branch),
                    client: client.clone(),
                    session: None,
                    series: Some(SeriesPlace {
                        id: series.id,
                        number,
                        of: series.made,
                    }),
                    starts_at,
                    ends_at,
                    time_zone: zone,
                    promised_start: None,
                    mode: Mode::Online,
                    place: None,
                    link: None,
                    note: Some("The same hour every week, please.".to_owned()),
                    reason: None,
                    sequence: 0,
                    version: 1,
                    created_at: made,
                    updated_at: made,
                    confirmed_at: Some(made),
                    review: None,
                },
            }
        });
        let news: Vec<NewBooking> = news.collect();
        let made = self.store.insert_series(&series, &news, None).await?;
        Ok(made.is_ok())
    }
}
