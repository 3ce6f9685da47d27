//! Group sessions in the evenings, one of them full, so that their pages show something.

use anyhow::Result;
use belfry_domain::account::Role;
use belfry_domain::booking::{Actor, Booking, Mode, Party, Status as Standing};
use belfry_domain::event::Told;
use belfry_domain::group_session::{GroupSession, Status};
use belfry_domain::id::{BookingId, GroupSessionId};
use belfry_domain::wall;
use belfry_store::booking::NewBooking;
use chrono::{Days, TimeDelta};

use super::{Host, Stage, offsets};

/// What is offered: the title, what it is about, days ahead, the hour, seats, and how many of them are taken.
const OFFERED: [(&str, &str, u64, u16, i64, usize); 4] = [
    (
        "Back school",
        "Exercises against back pain, for beginners. Bring a mat.",
        3,
        19,
        8,
        3,
    ),
    (
        "Questions and answers",
        "Everybody's questions, one hour, no slides.",
        5,
        20,
        2,
        2,
    ),
    (
        "First steps",
        "What to expect, what to bring, what it costs.",
        8,
        19,
        12,
        1,
    ),
    (
        "Evening talk",
        "A talk of half an hour, then time to ask.",
        12,
        20,
        30,
        5,
    ),
];

impl Stage<'_> {
    /// The first two experts offer sessions when nobody books them otherwise.
    pub(super) async fn sessions(&self, hosts: &[Host], clients: &[Party]) -> Result<()> {
        for (index, (title, about, days, hour, seats, taken)) in OFFERED.into_iter().enumerate() {
            let Some(host) = hosts.get(index % 2) else {
                continue;
            };
            let zone = host.schedule.time_zone;
            let date = wall::local_date(zone, self.now) + Days::new(days);
            let starts_at = wall::at(zone, date, 60 * hour, wall::Edge::Start);
            let online = index % 2 == 1;
            let made = self.now - TimeDelta::days(2);
            let session = GroupSession {
                id: GroupSessionId::at(made),
                expert: host.party.clone(),
                expert_branch: Some(host.branch),
                title: title.to_owned(),
                description: Some(about.to_owned()),
                status: Status::Open,
                starts_at,
                ends_at: starts_at + TimeDelta::minutes(60),
                time_zone: zone,
                mode: if online { Mode::Online } else { Mode::Offline },
                place: (!online).then(|| host.lines.place.to_owned()),
                link: online.then(|| "https://meet.belfry.test/group".to_owned()),
                seats,
                taken: 0,
                auto_confirm: true,
                reason: None,
                version: 1,
                created_at: made,
                updated_at: made,
            };
            let span = (session.starts_at, session.ends_at);
            if self
                .store
                .offer_session(&session, span, None)
                .await?
                .is_ok()
            {
                for client in clients.iter().skip(2).take(taken) {
                    self.seat(&session, client).await?;
                }
            }
        }
        Ok(())
    }

    async fn seat(&self, session: &GroupSession, client: &Party) -> Result<()> {
        let now = self.now - TimeDelta::days(1);
        let new = NewBooking {
            stretch: (session.starts_at, session.ends_at),
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
                id: BookingId::at(now),
                code: String::new(),
                status: Standing::Confirmed,
                expert: session.expert.clone(),
                expert_branch: session.expert_branch,
                client: client.clone(),
                session: Some(session.reference()),
                starts_at: session.starts_at,
                ends_at: session.ends_at,
                time_zone: session.time_zone,
                promised_start: None,
                mode: session.mode,
                place: session.place.clone(),
                link: session.link.clone(),
                note: None,
                reason: None,
                sequence: 0,
                version: 1,
                created_at: now,
                updated_at: now,
                confirmed_at: Some(now),
                review: None,
                series: None,
            },
        };
        // A client who is busy elsewhere at that time leaves the seat free.
        let _ = self.store.insert_booking(&new).await?;
        Ok(())
    }
}
