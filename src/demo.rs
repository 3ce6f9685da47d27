//! People and bookings to look at: experts in several zones, weeks of history in every status, a full
//! agenda ahead. Only an empty database is filled.

use anyhow::Result;
use belfry_domain::Instant;
use belfry_domain::account::{Account, Role};
use belfry_domain::booking::{Actor, Booking, Mode, Party, Review, Status, Step};
use belfry_domain::event::Told;
use belfry_domain::expert::Presence;
use belfry_domain::id::{BookingId, BranchId, UserId};
use belfry_domain::schedule::Schedule;
use belfry_domain::wall::{self, Edge};
use belfry_store::booking::{Change, NewBooking};
use belfry_store::{Store, account, branch, event, expert};
use chrono::{Days, NaiveDate, TimeDelta};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::config::Settings;
use crate::password::Passwords;

/// Who is in the demo, and what they say.
mod cast;
/// Servers that hear of events, and addresses that take nothing any more.
mod outside;
/// What an administrator has to look after.
mod paperwork;
/// Who waits at the branches.
mod queue;
/// Bookings that repeat.
mod series;
/// Group sessions.
mod session;
/// Who waits for a place.
mod waiting;

/// The password of every demo account.
const PASSWORD: &str = "belfry-demo-2026";
/// Days of history and of bookings ahead.
const DAYS_BACK: u64 = 35;
const DAYS_AHEAD: u64 = 21;
/// Events older than this are history: nobody is told of them any more.
const FRESH: TimeDelta = TimeDelta::hours(18);

/// What to type to look around.
pub fn logins() -> String {
    format!(
        "Demo log-ins, all with the password {PASSWORD}:\n  \
         admin@belfry.test   manager@belfry.test\n  \
         expert1@belfry.test … expert{}@belfry.test\n  \
         client1@belfry.test … client{}@belfry.test",
        cast::EXPERTS.len(),
        cast::CLIENTS.len()
    )
}

/// Fills the store, if nobody is in it yet.
///
/// # Errors
/// When the database or password hashing fails.
pub async fn fill(store: &Store, settings: &Settings, now: Instant) -> Result<()> {
    if !store.list_accounts(None, None, None, 1).await?.is_empty() {
        return Ok(());
    }
    let hash = Passwords::new(1, 1)?.hash(PASSWORD).await?;
    let mut stage = Stage {
        store,
        settings,
        hash,
        now,
        made: now - TimeDelta::days(60),
        random: StdRng::seed_from_u64(2026),
    };
    // Some thousand small transactions; a machine that dies in the middle of them leaves nothing to be missed.
    store.wait_for_disk(false).await?;
    stage.people().await?;
    Ok(store.wait_for_disk(true).await?)
}

struct Stage<'a> {
    store: &'a Store,
    settings: &'a Settings,
    hash: String,
    now: Instant,
    /// When the next account was made; each a little later than the one before.
    made: Instant,
    random: StdRng,
}

/// An expert on stage.
struct Host {
    party: Party,
    branch: BranchId,
    schedule: Schedule,
    lines: &'static cast::Expert,
}

impl Stage<'_> {
    async fn people(&mut self) -> Result<()> {
        let mut branches = Vec::new();
        for (index, (name, time_zone)) in cast::BRANCHES.into_iter().enumerate() {
            let id = BranchId::at(self.made);
            let branch = cast::branch(id, index, name, time_zone.parse().unwrap_or(chrono_tz::UTC));
            let mut tx = self.store.begin().await?;
            branch::insert(&mut tx, &branch, self.made).await?;
            tx.commit().await?;
            branches.push(id);
        }
        let admin = self
            .account(
                "admin@belfry.test",
                "Ada Admin",
                Role::Admin,
                None,
                "en",
                "Europe/London",
            )
            .await?;
        self.account(
            "manager@belfry.test",
            "Minh Manager",
            Role::Manager,
            Some(branches[0]),
            "vi",
            "Asia/Ho_Chi_Minh",
        )
        .await?;
        let mut clients = Vec::new();
        for (index, (name, locale, zone)) in cast::CLIENTS.iter().enumerate() {
            let email = format!("client{}@belfry.test", index + 1);
            let id = self
                .account(&email, name, Role::User, None, locale, zone)
                .await?;
            clients.push(Party {
                id,
                name: (*name).to_owned(),
            });
        }
        let mut hosts = Vec::new();
        for (index, lines) in cast::EXPERTS.iter().enumerate() {
            hosts.push(self.expert(index, lines, branches[lines.branch]).await?);
        }
        for host in &hosts {
            self.bookings(host, &clients).await?;
        }
        self.sessions(&hosts, &clients).await?;
        self.series(&hosts, &clients).await?;
        self.waiting(&hosts, &clients).await?;
        self.queues(&hosts, &branches).await?;
        outside::add(self.store, admin, self.now).await?;
        let experts = hosts.iter().map(|host| host.party.id);
        paperwork::keep(self.store, admin, experts, self.now).await?;
        self.store.roll_up_weeks(self.now).await?;
        Ok(())
    }

    async fn account(
        &mut self,
        email: &str,
        name: &str,
        role: Role,
        branch_id: Option<BranchId>,
        locale: &str,
        zone: &str,
    ) -> Result<UserId> {
        self.made += TimeDelta::minutes(37);
        let account = Account {
            id: UserId::at(self.made),
            email: email.to_owned(),
            name: name.to_owned(),
            role,
            branch_id,
            phone: None,
            gender: None,
            description: String::new(),
            locale: locale.to_owned(),
            time_zone: zone.parse().unwrap_or(chrono_tz::UTC),
            avatar_tag: None,
            email_verified: true,
            guest: false,
            disabled: false,
            auth_epoch: 0,
            version: 1,
            created_at: self.made,
        };
        let mut tx = self.store.begin().await?;
        account::insert(&mut tx, &account, &self.hash).await?;
        tx.commit().await?;
        Ok(account.id)
    }

    async fn expert(
        &mut self,
        index: usize,
        lines: &'static cast::Expert,
        branch: BranchId,
    ) -> Result<Host> {
        let email = format!("expert{}@belfry.test", index + 1);
        let id = self
            .account(
                &email,
                lines.name,
                Role::Expert,
                Some(branch),
                lines.locale,
                lines.zone,
            )
            .await?;
        let schedule = lines.schedule();
        let mut tx = self.store.begin().await?;
        let rules = &self.settings.booking.rules;
        expert::insert(&mut tx, id, schedule.time_zone, rules, self.made).await?;
        tx.commit().await?;
        self.store.put_schedule(id, &schedule, None).await?;
        let tags: Vec<String> = lines.tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.store
            .update_expert(
                id,
                Some(lines.headline),
                Some(lines.about),
                Some(&tags),
                None,
            )
            .await?;
        let presence = [Presence::Online, Presence::Busy, Presence::Offline][index % 3];
        self.store
            .set_presence(id, presence, self.now - TimeDelta::minutes(12))
            .await?;
        Ok(Host {
            party: Party {
                id,
                name: lines.name.to_owned(),
            },
            branch,
            schedule,
            lines,
        })
    }

    async fn bookings(&mut self, host: &Host, clients: &[Party]) -> Result<()> {
        let zone = host.schedule.time_zone;
        let today = wall::local_date(zone, self.now);
        let first = today - Days::new(DAYS_BACK);
        for date in first.iter_days().take((DAYS_BACK + DAYS_AHEAD) as usize) {
            for from in host.lines.starts(date) {
                let busy = if date < today { 0.45 } else { 0.3 };
                if !self.random.random_bool(busy) {
                    continue;
                }
                let starts_at = wall::at(zone, date, from, Edge::Start);
                let client = clients
                    .choose(&mut self.random)
                    .unwrap_or(&clients[0])
                    .clone();
                self.booking(host, client, starts_at, date).await?;
            }
        }
        let mut tx = self.store.begin().await?;
        event::mark_planned_before(&mut tx, self.now - FRESH, self.now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn booking(
        &mut self,
        host: &Host,
        client: Party,
        starts_at: Instant,
        date: NaiveDate,
    ) -> Result<()> {
        let minutes = i64::from(host.schedule.rules.default_minutes().unwrap_or(60));
        let lead = TimeDelta::minutes(self.random.random_range(26 * 60..6 * 24 * 60));
        // Bookings ahead were made within the last days, those behind some days before their start.
        let created_at = (starts_at - lead)
            .min(self.now - TimeDelta::minutes(self.random.random_range(5..2800)));
        let online = self.random.random_bool(0.6);
        let booking = Booking {
            id: BookingId::at(created_at),
            code: String::new(),
            status: Status::Pending,
            expert: host.party.clone(),
            expert_branch: Some(host.branch),
            client: client.clone(),
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(minutes),
            time_zone: host.schedule.time_zone,
            promised_start: None,
            mode: if online { Mode::Online } else { Mode::Offline },
            place: (!online).then(|| host.lines.place.to_owned()),
            link: online.then(|| format!("https://meet.belfry.test/{}", date.format("%m%d"))),
            note: cast::NOTES
                .choose(&mut self.random)
                .map(|note| (*note).to_owned()),
            reason: None,
            sequence: 0,
            version: 1,
            created_at,
            updated_at: created_at,
            confirmed_at: None,
            review: None,
            series: None,
            session: None,
        };
        let ahead = starts_at > self.now;
        let new = NewBooking {
            stretch: (booking.starts_at, booking.ends_at),
            holder: client.id,
            holds: Vec::new(),
            offers: Vec::new(),
            session_version: None,
            needs_offer: false,
            caps: Vec::new(),
            assignment: None,
            guest: None,
            reminder_offsets: if ahead {
                offsets(self.settings)
            } else {
                Vec::new()
            },
            told: Told::by(Actor::person(client.id, client.name.clone(), Role::User)),
            key: None,
            booking,
        };
        // A client who is busy elsewhere at that time leaves the slot free.
        let Ok(booking) = self.store.insert_booking(&new).await? else {
            return Ok(());
        };
        self.fate(host, booking, ahead).await
    }

    /// What became of a booking.
    async fn fate(&mut self, host: &Host, booking: Booking, ahead: bool) -> Result<()> {
        let expert = Actor::person(host.party.id, host.party.name.clone(), Role::Expert);
        let client = Actor::person(booking.client.id, booking.client.name.clone(), Role::User);
        let answered = booking.created_at + TimeDelta::minutes(self.random.random_range(2..90));
        let id = booking.id;
        match self.random.random_range(0..100) {
            0..=9 => {
                self.step(id, Step::Reject, expert, Some(cast::NO), answered)
                    .await?
            }
            10..=19 => {
                self.step(id, Step::Cancel, client, Some(cast::CHANGED), answered)
                    .await?
            }
            20..=29 if !ahead => {
                let reason = Some("Nobody confirmed it before its start.");
                self.step(id, Step::Miss, Actor::system(), reason, booking.starts_at)
                    .await?;
            }
            20..=49 if ahead => {}
            _ => {
                self.step(id, Step::Confirm, expert.clone(), None, answered)
                    .await?;
                if !ahead {
                    self.outcome(booking, expert).await?;
                }
            }
        }
        Ok(())
    }

    async fn outcome(&mut self, booking: Booking, expert: Actor) -> Result<()> {
        let after = booking.ends_at.min(self.now);
        if self.random.random_bool(0.12) {
            let reason = Some("Did not come.");
            return self
                .step(booking.id, Step::Miss, expert, reason, after)
                .await;
        }
        self.step(booking.id, Step::Complete, expert, None, after)
            .await?;
        if self.random.random_bool(0.5) {
            let (stars, text) = *cast::REVIEWS
                .choose(&mut self.random)
                .unwrap_or(&cast::REVIEWS[0]);
            let review = Review {
                stars,
                text: (!text.is_empty()).then(|| text.to_owned()),
                created_at: (after + TimeDelta::minutes(95)).min(self.now),
            };
            let told = Told::by(Actor::person(
                booking.client.id,
                booking.client.name,
                Role::User,
            ));
            let written = self
                .store
                .review_booking(booking.id, &review, |_| Ok(told.clone()), None)
                .await?;
            written?;
        }
        Ok(())
    }

    async fn step(
        &self,
        id: BookingId,
        step: Step,
        actor: Actor,
        reason: Option<&str>,
        at: Instant,
    ) -> Result<()> {
        let at = at.min(self.now);
        let decide = |before: &Booking| {
            let after = before.stepped(before.status.after(step)?, reason, at);
            let told = Told {
                reason: reason.map(str::to_owned),
                ..Told::by(actor.clone())
            };
            Ok(Change::of(after, step.event(), told))
        };
        self.store.change_booking(id, None, decide, at).await??;
        Ok(())
    }
}

fn offsets(settings: &Settings) -> Vec<i64> {
    settings
        .reminders
        .offsets_minutes
        .iter()
        .map(|minutes| i64::from(*minutes))
        .collect()
}
