//! Visits as they are answered.

use belfry_actors::queue::{Forecast, closed};
use belfry_domain::Instant;
use belfry_domain::booking::Party;
use belfry_domain::branch::Branch;
use belfry_domain::queue::estimate::Estimate;
use belfry_domain::queue::{State, Visit, ahead};
use belfry_store::queue::{Counts, VisitPeriod};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::App;
use crate::http::booking::{ActorOut, PartyOut};
use crate::http::named::NamedOut;
use crate::http::openapi::shape::VisitStateShape;
use crate::http::problem::Problem;

/// How long somebody will wait who does not leave, as far as it can be told.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct EstimateOut {
    /// In half of all cases they are called by then.
    pub p50_at: DateTime<Utc>,
    /// In nine of ten cases.
    pub p90_at: DateTime<Utc>,
    /// The same in minutes from now.
    pub p50_minutes: i64,
    pub p90_minutes: i64,
}

impl EstimateOut {
    /// What is known of it at `now`; `None` where it may not come to it before everybody has gone.
    fn of(estimate: &Estimate, made_at: Instant, now: Instant) -> Option<Self> {
        let at = |minutes: f64| made_at + TimeDelta::seconds((minutes * 60.0) as i64);
        let (p50_at, p90_at) = (at(estimate.p50_minutes?), at(estimate.p90_minutes?));
        let minutes = |at: Instant| ((at - now).as_seconds_f64() / 60.0).max(0.0).round() as i64;
        Some(Self {
            p50_at: p50_at.max(now),
            p90_at: p90_at.max(now),
            p50_minutes: minutes(p50_at),
            p90_minutes: minutes(p90_at),
        })
    }

    fn for_visit(forecast: &Forecast, visit: &Visit, now: Instant) -> Option<Self> {
        let estimate = forecast.of(visit)?;
        Self::of(estimate, forecast.made_at, now)
    }
}

/// One person's time at a branch.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct VisitOut {
    pub id: Uuid,
    /// What is called out: 1, 2, 3 … on each date of the branch.
    pub number: i64,
    pub branch: NamedOut,
    #[schema(value_type = VisitStateShape, example = "waiting")]
    pub state: State,
    /// What they are called by at the branch.
    pub name: String,
    /// The account, if they have one.
    pub client: Option<PartyOut>,
    /// Who is kept for them, or had them.
    pub expert: Option<PartyOut>,
    /// The one expert they wait for, if it must be one.
    pub wanted_expert: Option<PartyOut>,
    /// The appointment they came for.
    pub booking_id: Option<Uuid>,
    pub skill: Option<String>,
    pub note: Option<String>,
    /// How long it is expected to take.
    pub minutes: u16,
    /// How many come before them, until they are called.
    pub ahead: i64,
    /// How long they still wait; `null` when they no longer do, or when it cannot be told.
    pub estimate: Option<EstimateOut>,
    /// Offers they let pass.
    pub misses: i64,
    pub joined_at: DateTime<Utc>,
    /// Not their turn before.
    pub not_before: Option<DateTime<Utc>>,
    /// When they will have waited as long as the branch lets anybody wait.
    pub times_out_at: DateTime<Utc>,
    /// Until when their expert is kept for them.
    pub offer_expires_at: Option<DateTime<Utc>>,
    pub called_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// The visit at another branch that this one goes on from.
    pub transferred_from: Option<Uuid>,
    /// The visit at another branch that goes on from this one.
    pub transferred_to: Option<Uuid>,
    /// Opens the visit as a bearer token; only in the answer to whoever joined without an account.
    pub secret: Option<String>,
    pub version: i64,
}

impl VisitOut {
    fn new(visit: Visit, ahead: i64, estimate: Option<EstimateOut>) -> Self {
        let party = |party: Option<Party>| party.map(PartyOut::from);
        Self {
            id: visit.id.uuid(),
            number: visit.number,
            branch: NamedOut {
                id: visit.branch.id.uuid(),
                name: visit.branch.name,
            },
            state: visit.state,
            name: visit.name,
            client: party(visit.client),
            expert: party(visit.expert),
            wanted_expert: party(visit.wanted),
            booking_id: visit.booking_id.map(|id| id.uuid()),
            skill: visit.skill,
            note: visit.note,
            minutes: visit.minutes,
            ahead,
            estimate,
            misses: visit.misses,
            joined_at: visit.joined_at,
            not_before: visit.not_before,
            times_out_at: visit.times_out_at,
            offer_expires_at: visit.offer_expires_at,
            called_at: visit.called_at,
            started_at: visit.started_at,
            ended_at: visit.ended_at,
            transferred_from: visit.previous_id.map(|id| id.uuid()),
            transferred_to: visit.next_id.map(|id| id.uuid()),
            secret: None,
            version: visit.version,
        }
    }

    /// A visit with where it stands now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn shown(app: &App, visit: Visit) -> Result<Self, Problem> {
        let now = app.world.clock.now();
        let waits = matches!(visit.state, State::Waiting | State::Offered);
        if !waits {
            return Ok(Self::new(visit, 0, None));
        }
        let store = &app.world.store;
        let branch = super::branch(app, visit.branch.id).await?;
        let line = store.queue_line(branch.id, now).await?;
        let forecast = app.queues.forecast(&branch, &line).await?;
        Ok(Self::standing(&visit, &line, &forecast, now))
    }

    /// A visit where it stands in the line.
    pub fn standing(visit: &Visit, line: &[Visit], forecast: &Forecast, now: Instant) -> Self {
        let estimate = EstimateOut::for_visit(forecast, visit, now);
        Self::new(visit.clone(), ahead(line, visit), estimate)
    }

    /// The same with the secret that opens it.
    pub(super) fn opened_by(self, secret: String) -> Self {
        Self {
            secret: Some(secret),
            ..self
        }
    }
}

/// How the waiting queue of a branch stands.
#[derive(Serialize, ToSchema)]
pub struct QueueOut {
    pub branch_id: Uuid,
    /// Whether somebody may join now.
    pub open: bool,
    /// Why nobody may: `inactive`, `off`, `hours` or `full`.
    pub reason: Option<&'static str>,
    pub waiting: i64,
    pub called: i64,
    pub serving: i64,
    /// How long somebody would wait who joins now and takes whoever is free; `null` when nobody may, or when it cannot
    /// be told.
    pub estimate: Option<EstimateOut>,
    /// Those who are served, called, asked or waiting, in this order.
    pub board: Vec<BoardOut>,
    /// The same visits with everything about them; `null` for who is not staff of the branch.
    pub visits: Option<Vec<VisitOut>>,
}

/// A number on the board.
#[derive(Serialize, ToSchema)]
pub struct BoardOut {
    pub number: i64,
    #[schema(value_type = VisitStateShape, example = "called")]
    pub state: State,
    pub expert: Option<PartyOut>,
}

/// Why nobody may join the line now; `None` when they may.
pub fn unjoinable(branch: &Branch, line: &[Visit], now: Instant) -> Option<&'static str> {
    let most = i64::from(branch.settings.most_waiting);
    let full = Counts::of(line).waiting >= most;
    closed(branch, now).or(full.then_some("full"))
}

impl QueueOut {
    /// The open visits of the branch, whose waits were foretold; with everything about them for its staff.
    pub fn new(
        branch: &Branch,
        line: &[Visit],
        forecast: &Forecast,
        staff: bool,
        now: Instant,
    ) -> Self {
        let counts = Counts::of(line);
        let reason = unjoinable(branch, line, now);
        let board = line.iter().map(|visit| BoardOut {
            number: visit.number,
            state: visit.state,
            expert: visit.expert.clone().map(PartyOut::from),
        });
        let board = board.collect();
        let visits = staff.then(|| {
            let stands = |visit| VisitOut::standing(visit, line, forecast, now);
            line.iter().map(stands).collect()
        });
        let newcomer = EstimateOut::of(&forecast.newcomer, forecast.made_at, now);
        Self {
            branch_id: branch.id.uuid(),
            open: reason.is_none(),
            reason,
            waiting: counts.waiting,
            called: counts.called,
            serving: counts.serving,
            estimate: newcomer.filter(|_| reason.is_none()),
            board,
            visits,
        }
    }
}

/// How a visit went so far, oldest first.
#[derive(Serialize, ToSchema)]
pub struct VisitHistoryOut {
    pub items: Vec<VisitPeriodOut>,
}

/// One state, from when to when.
#[derive(Serialize, ToSchema)]
pub struct VisitPeriodOut {
    pub at: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    #[schema(value_type = VisitStateShape, example = "waiting")]
    pub state: &'static str,
    pub expert: Option<NamedOut>,
    pub actor: ActorOut,
}

impl VisitHistoryOut {
    pub(super) fn new(periods: Vec<VisitPeriod>) -> Self {
        let item = |period: VisitPeriod| VisitPeriodOut {
            at: period.began_at,
            until: period.ended_at,
            state: period.state.parse().map_or("", State::as_str),
            expert: period
                .expert_id
                .zip(period.expert_name)
                .map(|(id, name)| NamedOut { id, name }),
            actor: ActorOut::new(period.actor_id, period.actor_name, period.actor_role),
        };
        Self {
            items: periods.into_iter().map(item).collect(),
        }
    }
}
