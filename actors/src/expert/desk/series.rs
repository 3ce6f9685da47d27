//! Series: what of them can be booked, booking them together, and answering or calling them off together.
//!
//! The actor says which times are free; the database takes all of them in one transaction, or says that somebody was
//! faster, and then the actor reads again and judges anew.

use belfry_domain::Instant;
use belfry_domain::booking::{Actor as Doer, Booking, BookingError, Mode, Party, Side, Step};
use belfry_domain::event::Told;
use belfry_domain::expert::Expert;
use belfry_domain::id::{SeriesId, UserId};
use belfry_domain::schedule::Schedule;
use belfry_domain::series::{Occurrence, Series, SeriesPlace};
use belfry_domain::slot::Slot;
use belfry_store::booking::NewBooking;
use belfry_store::idempotency::IdempotencyKey;
use chrono::TimeDelta;

use super::steps::taken_step;
use super::{Experts, Refused};
use crate::Busy;
use crate::expert::flight::caps_of;
use crate::expert::mailbox::{JudgeSeries, Judged};
use crate::expert::tally_series;

/// How often somebody may be faster.
const MOST_LOOKS: u8 = 3;

/// A wish for bookings that repeat.
#[derive(Clone, Debug)]
pub struct SeriesRequest {
    pub client: Party,
    /// Who asks; their holds of these times are replaced by the bookings.
    pub holder: UserId,
    /// In order.
    pub starts: Vec<Instant>,
    pub minutes: u16,
    /// The `RRULE` that they come from.
    pub rule: String,
    pub mode: Mode,
    pub note: Option<String>,
    /// Whether those that are not free are left out; otherwise they refuse all of it.
    pub skip: bool,
    pub actor: Doer,
    pub key: Option<IdempotencyKey>,
}

/// What a wish for a series came to: what was made, or what stands against it.
pub type Together = Result<(Series, Vec<Booking>), Vec<Occurrence>>;

impl Experts {
    /// Says of each start whether it can be booked for this client, as things stand.
    ///
    /// # Errors
    /// `NoExpert`, `Busy`, or when the database fails.
    pub async fn judge_series(
        &self,
        expert: &Expert,
        request: &SeriesRequest,
    ) -> Result<Vec<Occurrence>, Refused> {
        let judged = self.judge(expert, request).await?.into_iter();
        Ok(judged.map(|one| one.occurrence).collect())
    }

    async fn judge(
        &self,
        expert: &Expert,
        request: &SeriesRequest,
    ) -> Result<Vec<Judged>, Refused> {
        let now = self.world.clock.now();
        let client = request.client.id;
        let busy = self.world.store.busy(&[client], now).await?.remove(&client);
        let busy = busy.unwrap_or_default();
        let asked = |place| JudgeSeries {
            starts: request.starts.clone(),
            minutes: request.minutes,
            holder: request.holder,
            busy: busy.clone(),
            _place: place,
        };
        let judged = self.ask(expert.id, asked).await?;
        judged.ok_or(Refused::NoExpert)
    }

    /// Books all of a series, or those of it that are free, in one transaction.
    ///
    /// # Errors
    /// As [`Experts::judge_series`].
    pub async fn book_series(
        &self,
        expert: &Expert,
        request: &SeriesRequest,
    ) -> Result<Together, Refused> {
        tally_series(self.book_together(expert, request).await)
    }

    async fn book_together(
        &self,
        expert: &Expert,
        request: &SeriesRequest,
    ) -> Result<Together, Refused> {
        let store = &self.world.store;
        for _ in 0..MOST_LOOKS {
            let now = self.world.clock.now();
            let judged = self.judge(expert, request).await?;
            let is_free = |one: &&Judged| one.occurrence.against.is_none();
            let free: Vec<&Judged> = judged.iter().filter(is_free).collect();
            if free.is_empty() || (!request.skip && free.len() < judged.len()) {
                let found = judged.into_iter().map(|one| one.occurrence);
                return Ok(Err(found.collect()));
            }
            let schedule = store.schedule(expert.id, now).await?;
            let (schedule, _) = schedule.ok_or(Refused::NoExpert)?;
            let series = Series {
                id: SeriesId::at(now),
                expert: Party {
                    id: expert.id,
                    name: expert.name.clone(),
                },
                client: request.client.clone(),
                rule: request.rule.clone(),
                time_zone: schedule.time_zone,
                starts_at: free[0].occurrence.slot.starts_at,
                minutes: request.minutes,
                made: free.len() as i64,
                created_at: now,
            };
            let offsets = self.world.settings.now().settings.reminder_offsets();
            let news = free.iter().zip(1..).map(|(judged, number)| {
                let place = SeriesPlace {
                    id: series.id,
                    number,
                    of: series.made,
                };
                NewBooking {
                    holds: judged.holds.clone(),
                    offers: judged.offers.clone(),
                    reminder_offsets: offsets.clone(),
                    ..new_booking(
                        expert,
                        &schedule,
                        request,
                        judged.occurrence.slot,
                        place,
                        now,
                    )
                }
            });
            let news: Vec<NewBooking> = news.collect();
            match store
                .insert_series(&series, &news, request.key.as_ref())
                .await?
            {
                Ok(bookings) => {
                    self.rescheduled(expert.id).await;
                    (self.committed)();
                    return Ok(Ok((series, bookings)));
                }
                // Somebody was faster: what is true now is read before it is judged again.
                Err(BookingError::SlotTaken | BookingError::NotOffered(_)) => {
                    self.entry(expert.id).tell_stale();
                }
                Err(BookingError::ClientBusy) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(Busy("series").into())
    }

    /// Takes a step with every booking of a series from the one with this number on that it may be taken with.
    ///
    /// # Errors
    /// What [`Booking::step`] refuses, where it refuses all of them; `NotFound`.
    pub async fn step_series(
        &self,
        series: &Series,
        from: i64,
        step: Step,
        side: Side,
        doer: Doer,
        reason: Option<String>,
    ) -> Result<Vec<Booking>, Refused> {
        let now = self.world.clock.now();
        let expert = series.expert.id;
        let notice = self.read_cancel_notice(expert).await?;
        let decide = |before: &Booking| {
            taken_step(
                before,
                step,
                side,
                doer.clone(),
                reason.clone(),
                notice,
                now,
            )
        };
        let store = &self.world.store;
        let changed = store.change_series(series.id, from, decide, now).await??;
        self.rescheduled(expert).await;
        (self.committed)();
        Ok(changed)
    }
}

fn new_booking(
    expert: &Expert,
    schedule: &Schedule,
    request: &SeriesRequest,
    slot: Slot,
    place: SeriesPlace,
    now: Instant,
) -> NewBooking {
    let rules = &schedule.rules;
    let span = |minutes: u16| TimeDelta::minutes(i64::from(minutes));
    let (client, mode) = (request.client.clone(), request.mode);
    let booking = Booking {
        series: Some(place),
        note: request.note.clone(),
        ..Booking::made(expert, schedule, client, slot, mode, now)
    };
    NewBooking {
        stretch: (
            slot.starts_at - span(rules.buffer_before_minutes),
            slot.ends_at + span(rules.buffer_after_minutes),
        ),
        holder: request.holder,
        holds: Vec::new(),
        session_version: None,
        offers: Vec::new(),
        needs_offer: false,
        caps: caps_of(rules, schedule.time_zone, slot.starts_at),
        assignment: None,
        guest: None,
        reminder_offsets: Vec::new(),
        told: Told::by(request.actor.clone()),
        key: None,
        booking,
    }
}
