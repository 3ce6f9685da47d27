//! A day of a branch as its manager plans it: who is there when, who is away, which sessions take place, and who has
//! come. The bookings of the day are in the list of bookings.

use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::branch::Branch;
use belfry_domain::group_session::GroupSession;
use belfry_domain::id::{BookingId, BranchId, UserId};
use belfry_domain::schedule::{Schedule, TimeOff};
use belfry_domain::slot::{Stretch, open_stretches, opening_stretches};
use belfry_domain::wall;
use belfry_store::queue::Arrival;
use belfry_store::schedule::TimeOffEntry;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::expert::date;
use crate::http::input::{Faults, Id, Query};
use crate::http::named::NamedOut;
use crate::http::openapi::shape::{PresenceShape, VisitStateShape};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DayQuery {
    /// On the branch's calendar; today when left out.
    #[param(value_type = Option<NaiveDate>)]
    date: Option<String>,
}

/// A day of a branch.
#[derive(Serialize, ToSchema)]
pub struct DaySheetOut {
    branch: NamedOut,
    /// On whose clock the date is.
    time_zone: &'static str,
    date: NaiveDate,
    /// Its first instant.
    starts_at: DateTime<Utc>,
    /// The first instant of the next date.
    ends_at: DateTime<Utc>,
    /// When the branch is open; empty when it is closed, `null` when it has no hours of its own on that date.
    opening: Option<Vec<StretchOut>>,
    /// Whoever works there, by name.
    experts: Vec<DayExpertOut>,
    /// Group sessions that take place, soonest first.
    sessions: Vec<DaySessionOut>,
    /// Those who said on that date that they have come for an appointment.
    arrivals: Vec<ArrivalOut>,
}

#[derive(Serialize, ToSchema)]
pub struct StretchOut {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

/// An expert on a date.
#[derive(Serialize, ToSchema)]
pub struct DayExpertOut {
    expert: NamedOut,
    /// Now, whatever the date.
    #[schema(value_type = PresenceShape)]
    presence: &'static str,
    skills: Vec<String>,
    /// Hours of the schedule within those of the branch. What the expert is away is still in them.
    hours: Vec<StretchOut>,
    /// Whether a public holiday is taken off.
    holiday: bool,
    away: Vec<AwayOut>,
}

/// A stretch without bookings.
#[derive(Serialize, ToSchema)]
pub struct AwayOut {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    cause: Cause,
    /// Of time off, if one was given.
    reason: Option<String>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = AwayCause)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    TimeOff,
    /// A calendar kept elsewhere says so.
    Imported,
}

/// A group session of one of the experts.
#[derive(Serialize, ToSchema)]
pub struct DaySessionOut {
    id: Uuid,
    expert: NamedOut,
    title: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    seats: i64,
    /// Booked, or held for somebody who waits.
    taken: i64,
}

/// Somebody who came for an appointment: their newest visit.
#[derive(Serialize, ToSchema)]
pub struct ArrivalOut {
    booking_id: Uuid,
    visit_id: Uuid,
    /// What is called out.
    number: i64,
    #[schema(value_type = VisitStateShape)]
    state: &'static str,
    came_at: DateTime<Utc>,
}

impl From<Stretch> for StretchOut {
    fn from((starts_at, ends_at): Stretch) -> Self {
        Self { starts_at, ends_at }
    }
}

impl From<GroupSession> for DaySessionOut {
    fn from(session: GroupSession) -> Self {
        Self {
            id: session.id.uuid(),
            expert: NamedOut {
                id: session.expert.id.uuid(),
                name: session.expert.name,
            },
            title: session.title,
            starts_at: session.starts_at,
            ends_at: session.ends_at,
            seats: session.seats,
            taken: session.taken,
        }
    }
}

impl From<(BookingId, Arrival)> for ArrivalOut {
    fn from((booking, arrival): (BookingId, Arrival)) -> Self {
        Self {
            booking_id: booking.uuid(),
            visit_id: arrival.visit.uuid(),
            number: arrival.number,
            state: arrival.state.as_str(),
            came_at: arrival.joined_at,
        }
    }
}

/// A day of a branch: its hours, who is there when and who is away, its sessions, and who has come for an appointment;
/// the branch's manager and admins. `GET /bookings` has its bookings.
#[utoipa::path(get, path = "/api/v1/branches/{id}/day", tag = "Branches", params(("id" = Uuid, Path), DayQuery),
    responses((status = 200, body = DaySheetOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<BranchId>,
    query: Query<DayQuery>,
) -> Result<HttpResponse, Problem> {
    if !signed.caller().runs_branch(id.0) {
        return Err(Problem::new("forbidden"));
    }
    let mut faults = Faults::default();
    let asked = faults.take_some(query.0.date.as_deref(), |text| date("/date", text));
    faults.check()?;
    let branch = super::branch(&app, id.0).await?;
    let zone = branch.opening.time_zone;
    let date = asked.unwrap_or_else(|| wall::local_date(zone, app.world.clock.now()));
    let bounds = wall::day_bounds(zone, date);
    let store = &app.world.store;
    let sessions = store.branch_sessions(branch.id, bounds).await?;
    let arrivals = store.branch_arrivals(branch.id, bounds).await?;
    Ok(HttpResponse::Ok().json(DaySheetOut {
        time_zone: zone.name(),
        date,
        starts_at: bounds.0,
        ends_at: bounds.1,
        opening: opening(&branch, date, bounds),
        experts: experts(&app, branch.id, date, bounds).await?,
        sessions: sessions.into_iter().map(DaySessionOut::from).collect(),
        arrivals: arrivals.into_iter().map(ArrivalOut::from).collect(),
        branch: NamedOut {
            id: branch.id.uuid(),
            name: branch.name,
        },
    }))
}

/// The branch's own hours on a date.
fn opening(branch: &Branch, date: NaiveDate, (from, until): Stretch) -> Option<Vec<StretchOut>> {
    let opening = &branch.opening;
    let own = opening.weekly.is_some() || opening.overrides.contains_key(&date);
    let stretches = || opening_stretches(opening, from, until).into_iter();
    (own || !opening.active).then(|| stretches().map(StretchOut::from).collect())
}

async fn experts(
    app: &App,
    branch: BranchId,
    date: NaiveDate,
    bounds: Stretch,
) -> Result<Vec<DayExpertOut>, Problem> {
    let store = &app.world.store;
    let members = store.branch_members(branch).await?;
    let ids: Vec<UserId> = members.iter().map(|member| member.id).collect();
    let mut schedules = store.schedules(&ids, bounds.0).await?;
    let mut off: HashMap<UserId, Vec<TimeOffEntry>> = HashMap::new();
    for (expert, entry) in store.branch_time_off(branch, bounds).await? {
        off.entry(expert).or_default().push(entry);
    }
    let members = members.into_iter().map(|member| {
        let schedule = schedules.remove(&member.id);
        let schedule = schedule.unwrap_or_else(|| Schedule::empty(chrono_tz::UTC));
        let hours = open_stretches(&schedule, bounds.0, bounds.1).into_iter();
        let own_date = schedule.overrides.contains_key(&date);
        DayExpertOut {
            expert: NamedOut {
                id: member.id.uuid(),
                name: member.name,
            },
            presence: member.presence.as_str(),
            skills: member.skills,
            hours: hours.map(StretchOut::from).collect(),
            holiday: schedule.holidays.contains(&date) && !own_date,
            away: away(
                off.remove(&member.id).unwrap_or_default(),
                &schedule,
                bounds,
            ),
        }
    });
    Ok(members.collect())
}

/// When somebody is away, soonest first.
fn away(off: Vec<TimeOffEntry>, schedule: &Schedule, (from, until): Stretch) -> Vec<AwayOut> {
    let off = off.into_iter().map(|entry| AwayOut {
        starts_at: entry.starts_at,
        ends_at: entry.ends_at,
        cause: Cause::TimeOff,
        reason: entry.reason,
    });
    let touches = |busy: &&TimeOff| busy.starts_at < until && from < busy.ends_at;
    let imported = schedule.imported.iter().filter(touches);
    let imported = imported.map(|busy| AwayOut {
        starts_at: busy.starts_at,
        ends_at: busy.ends_at,
        cause: Cause::Imported,
        reason: None,
    });
    let mut all: Vec<AwayOut> = off.chain(imported).collect();
    all.sort_by_key(|away| away.starts_at);
    all
}
