//! How a branch fares, for its manager and administrators (B8).

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::Instant;
use belfry_domain::assignment::decisive;
use belfry_domain::branch::Branch;
use belfry_domain::field::FieldError;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::queue::estimate::Score;
use belfry_domain::slot::open_minutes;
use belfry_domain::wall;
use belfry_store::statistics::{ExpertFigures, Given};
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::csv;
use crate::http::expert::date;
use crate::http::input::{Faults, Id, Query};
use crate::http::named::NamedOut;
use crate::http::openapi::shape::{PartShape, StrategyShape};
use crate::http::problem::Problem;
use crate::http::report::CountsOut;

/// Dates that are told at once, at most, and when nobody says which.
const MOST_DAYS: i64 = 92;
const USUAL_DAYS: u64 = 28;
/// Reviews that are shown with their words.
const MOST_WORDS: i64 = 10;
/// Bookings whose assignment is looked into, the latest first.
const MOST_GIVEN: i64 = 500;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// The first date; when left out, 28 dates end with the last one.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The last date, at most 91 days later; today when left out. Dates are those of the branch's clock.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<String>,
}

/// How a branch fared.
#[derive(Serialize, ToSchema)]
pub struct StatisticsOut {
    branch: NamedOut,
    /// On whose clock the dates are.
    time_zone: String,
    from: NaiveDate,
    to: NaiveDate,
    /// Bookings that start on these dates.
    bookings: CountsOut,
    /// Every date listed.
    days: Vec<DayOut>,
    /// Whoever works there, or had something on these dates, by name.
    experts: Vec<ExpertStatisticsOut>,
    cancelled: SidesOut,
    /// How long before their start these bookings were made, on average; `null` without any.
    mean_lead_minutes: Option<i64>,
    reviews: ReviewsOut,
    assignments: AssignmentsOut,
    estimates: EstimatesOut,
}

/// How well waits in the queue were foretold, of those who were called on these dates.
#[derive(Serialize, ToSchema)]
pub struct EstimatesOut {
    /// Estimates that were told.
    count: u32,
    /// Minutes between the middle estimate and the wait, on average; `null` without any.
    mean_error_minutes: Option<f64>,
    /// The share of waits, 0 to 1, that were no longer than was told for nine of ten.
    within_p90: Option<f64>,
}

impl From<Score> for EstimatesOut {
    fn from(score: Score) -> Self {
        let rounded = |value: Option<f64>| value.map(|value| (value * 1000.0).round() / 1000.0);
        Self {
            count: score.number,
            mean_error_minutes: rounded(score.mean_error_minutes()),
            within_p90: rounded(score.coverage()),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct DayOut {
    date: NaiveDate,
    /// Bookings that start on it.
    counts: CountsOut,
    /// Bookings that were made on it, whenever they start.
    created: i64,
}

/// The bookings of an expert that start on these dates.
#[derive(Serialize, ToSchema)]
pub struct ExpertStatisticsOut {
    expert: NamedOut,
    counts: CountsOut,
    /// Of those that took the expert's time, or will: all but those called off.
    booked_minutes: i64,
    /// Hours of the schedule within those of the branch, without time off.
    open_minutes: i64,
    cancelled: SidesOut,
}

/// By whom bookings were cancelled.
#[derive(Clone, Copy, Default, Serialize, ToSchema)]
pub struct SidesOut {
    by_client: i64,
    by_staff: i64,
    /// By the house itself.
    by_system: i64,
}

/// What was said on these dates.
#[derive(Serialize, ToSchema)]
pub struct ReviewsOut {
    count: i64,
    /// `null` without any.
    mean: Option<f64>,
    /// How many have one star, two, and so on to five.
    #[schema(min_items = 5, max_items = 5)]
    stars: Vec<i64>,
    /// The newest with words, ten at most.
    newest: Vec<SaidOut>,
}

#[derive(Serialize, ToSchema)]
pub struct SaidOut {
    booking_id: Uuid,
    expert: NamedOut,
    client_name: String,
    stars: i64,
    text: String,
    created_at: DateTime<Utc>,
}

/// How the branch gave bookings that start on these dates to its experts, the latest five hundred at most.
#[derive(Serialize, ToSchema)]
pub struct AssignmentsOut {
    /// Bookings for which no expert was named.
    given: i64,
    /// Of those, the ones for which somebody else was asked before and had just been taken.
    passed_on: i64,
    /// Of those, the ones for which a skill was asked for.
    with_skill: i64,
    /// Of those, the ones that only one expert could have.
    only_one: i64,
    by_strategy: Vec<StrategyCount>,
    /// What spoke most for who was chosen, beside whoever would have been next. Where lots were drawn, nothing did.
    decided_by: Vec<PartCount>,
}

#[derive(Serialize, ToSchema)]
pub struct StrategyCount {
    #[schema(value_type = StrategyShape)]
    strategy: String,
    count: i64,
}

#[derive(Serialize, ToSchema)]
pub struct PartCount {
    #[schema(value_type = PartShape)]
    part: String,
    count: i64,
}

impl SidesOut {
    fn of(row: &ExpertFigures) -> Self {
        let (by_client, by_system) = (row.cancelled_by_client, row.cancelled_by_system);
        Self {
            by_client,
            by_staff: row.cancelled - by_client - by_system,
            by_system,
        }
    }

    fn add(&mut self, other: Self) {
        self.by_client += other.by_client;
        self.by_staff += other.by_staff;
        self.by_system += other.by_system;
    }
}

/// How a branch fared: its bookings by date, status and expert, who called off, what was said, whom it gave bookings to
/// and why; the branch's manager and admins. What happened counts for the branch to which its expert belongs now.
#[utoipa::path(get, path = "/api/v1/branches/{id}/statistics", tag = "Branches", params(("id" = Uuid, Path), StatisticsQuery),
    responses((status = 200, body = StatisticsOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<BranchId>,
    query: Query<StatisticsQuery>,
) -> Result<HttpResponse, Problem> {
    let (branch, span) = asked(&app, &signed, id.0, &query.0).await?;
    let (store, bounds) = (&app.world.store, span.bounds(&branch));
    let experts = experts(&app, &branch, bounds).await?;
    let mut days = span.days();
    let mut bookings = CountsOut::default();
    let zone = branch.opening.time_zone;
    for one in store.branch_starts(branch.id, bounds).await? {
        let Ok(status) = one.status.parse() else {
            continue;
        };
        *bookings.of(status) += one.count;
        if let Some(day) = days.get_mut(&wall::local_date(zone, one.at)) {
            *day.counts.of(status) += one.count;
        }
    }
    for (at, count) in store.branch_made(branch.id, bounds).await? {
        if let Some(day) = days.get_mut(&wall::local_date(zone, at)) {
            day.created += count;
        }
    }
    let mut cancelled = SidesOut::default();
    experts
        .iter()
        .for_each(|(one, _)| cancelled.add(one.cancelled));
    let lead: i64 = experts.iter().map(|(_, lead)| lead).sum();
    Ok(HttpResponse::Ok().json(StatisticsOut {
        from: span.from,
        to: span.to,
        time_zone: zone.name().to_owned(),
        days: days.into_values().collect(),
        mean_lead_minutes: lead.checked_div(bookings.total()),
        bookings,
        experts: experts.into_iter().map(|(one, _)| one).collect(),
        cancelled,
        reviews: reviews(&app, branch.id, bounds).await?,
        assignments: assignments(store.branch_given(branch.id, bounds, MOST_GIVEN).await?),
        estimates: store.estimate_score(branch.id, bounds).await?.into(),
        branch: NamedOut {
            id: branch.id.uuid(),
            name: branch.name,
        },
    }))
}

/// The figures of the branch's experts as a file for spreadsheets (RFC 4180); the branch's manager and admins.
#[utoipa::path(get, path = "/api/v1/branches/{id}/statistics.csv", tag = "Branches", params(("id" = Uuid, Path), StatisticsQuery),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub async fn file(
    app: Data<App>,
    signed: Signed,
    id: Id<BranchId>,
    query: Query<StatisticsQuery>,
) -> Result<HttpResponse, Problem> {
    let (branch, span) = asked(&app, &signed, id.0, &query.0).await?;
    let mut file = csv::File::new(&COLUMNS);
    for (one, lead) in experts(&app, &branch, span.bounds(&branch)).await? {
        let (counts, cancelled) = (one.counts, one.cancelled);
        let mean = lead.checked_div(counts.total());
        let share =
            (one.open_minutes > 0).then(|| one.booked_minutes as f64 / one.open_minutes as f64);
        let numbers = [
            counts.pending,
            counts.confirmed,
            counts.in_progress,
            counts.rejected,
            counts.cancelled,
            counts.completed,
            counts.missed,
            counts.total(),
            cancelled.by_client,
            cancelled.by_staff,
            cancelled.by_system,
            one.booked_minutes,
            one.open_minutes,
        ];
        let mut cells = vec![span.from.to_string(), span.to.to_string(), one.expert.name];
        cells.extend(numbers.iter().map(i64::to_string));
        cells.push(share.map(|share| format!("{share:.4}")).unwrap_or_default());
        cells.push(mean.map(|mean| mean.to_string()).unwrap_or_default());
        file.row(&cells);
    }
    Ok(csv::answer("statistics.csv").body(file.bytes()))
}

const COLUMNS: [&str; 18] = [
    "from",
    "to",
    "expert",
    "pending",
    "confirmed",
    "in_progress",
    "rejected",
    "cancelled",
    "completed",
    "missed",
    "total",
    "cancelled_by_client",
    "cancelled_by_staff",
    "cancelled_by_system",
    "booked_minutes",
    "open_minutes",
    "utilisation",
    "mean_lead_minutes",
];

/// The dates that are told, both ends included.
#[derive(Clone, Copy)]
struct Span {
    from: NaiveDate,
    to: NaiveDate,
}

impl Span {
    /// As the branch's clock shows them.
    fn bounds(self, branch: &Branch) -> (Instant, Instant) {
        let zone = branch.opening.time_zone;
        let after = self.to.checked_add_days(Days::new(1)).unwrap_or(self.to);
        (
            wall::day_bounds(zone, self.from).0,
            wall::day_bounds(zone, after).0,
        )
    }

    fn days(self) -> BTreeMap<NaiveDate, DayOut> {
        let dates = self.from.iter_days().take_while(|date| *date <= self.to);
        let empty = |date| DayOut {
            date,
            counts: CountsOut::default(),
            created: 0,
        };
        dates.map(|date| (date, empty(date))).collect()
    }
}

/// The branch and the dates, for somebody who may look.
async fn asked(
    app: &App,
    signed: &Signed,
    id: BranchId,
    query: &StatisticsQuery,
) -> Result<(Branch, Span), Problem> {
    if !signed.caller().runs_branch(id) {
        return Err(Problem::new("forbidden"));
    }
    let mut faults = Faults::default();
    let from = faults.take_some(query.from.as_deref(), |text| date("/from", text));
    let to = faults.take_some(query.to.as_deref(), |text| date("/to", text));
    faults.check()?;
    let branch = super::branch(app, id).await?;
    let today = wall::local_date(branch.opening.time_zone, app.world.clock.now());
    let to = to.unwrap_or(today);
    let usual = to.checked_sub_days(Days::new(USUAL_DAYS - 1));
    let from = from.or(usual).unwrap_or(to);
    if from > to {
        let detail = "The last date is before the first.";
        return Err(Problem::field("/to", FieldError::INVALID, detail));
    }
    if (to - from).num_days() >= MOST_DAYS {
        let detail = format!("At most {MOST_DAYS} days are told at once.");
        return Err(Problem::field("/to", FieldError::OUT_OF_RANGE, detail));
    }
    Ok((branch, Span { from, to }))
}

/// Each with the minutes of lead of all their bookings.
async fn experts(
    app: &App,
    branch: &Branch,
    bounds: (Instant, Instant),
) -> Result<Vec<(ExpertStatisticsOut, i64)>, Problem> {
    let store = &app.world.store;
    let members = store.branch_members(branch.id).await?;
    let mut all: BTreeMap<UserId, (ExpertStatisticsOut, i64)> = BTreeMap::new();
    let nothing = |id: UserId, name: String| ExpertStatisticsOut {
        expert: NamedOut {
            id: id.uuid(),
            name,
        },
        counts: CountsOut::default(),
        booked_minutes: 0,
        open_minutes: 0,
        cancelled: SidesOut::default(),
    };
    for member in members {
        all.insert(member.id, (nothing(member.id, member.name), 0));
    }
    for row in store.branch_experts(branch.id, bounds).await? {
        let id = UserId::from(row.expert_id);
        let one = ExpertStatisticsOut {
            counts: CountsOut {
                pending: row.pending,
                confirmed: row.confirmed,
                in_progress: row.in_progress,
                rejected: row.rejected,
                cancelled: row.cancelled,
                completed: row.completed,
                missed: row.missed,
            },
            booked_minutes: row.booked_minutes,
            cancelled: SidesOut::of(&row),
            ..nothing(id, row.expert_name)
        };
        all.insert(id, (one, row.lead_minutes));
    }
    let ids: Vec<UserId> = all.keys().copied().collect();
    for (id, schedule) in store.schedules(&ids, bounds.0).await? {
        if let Some((one, _)) = all.get_mut(&id) {
            one.open_minutes = open_minutes(&schedule, bounds.0, bounds.1);
        }
    }
    let mut all: Vec<(ExpertStatisticsOut, i64)> = all.into_values().collect();
    all.sort_by(|(one, _), (other, _)| one.expert.name.cmp(&other.expert.name));
    Ok(all)
}

async fn reviews(
    app: &App,
    branch: BranchId,
    bounds: (Instant, Instant),
) -> Result<ReviewsOut, Problem> {
    let store = &app.world.store;
    let mut stars = vec![0; 5];
    for (given, count) in store.branch_stars(branch, bounds).await? {
        let place = usize::try_from(given - 1).ok();
        if let Some(counted) = place.and_then(|place| stars.get_mut(place)) {
            *counted += count;
        }
    }
    let count: i64 = stars.iter().sum();
    let sum: i64 = (1..).zip(&stars).map(|(given, count)| given * count).sum();
    let newest = store.branch_words(branch, bounds, MOST_WORDS).await?;
    Ok(ReviewsOut {
        count,
        mean: (count > 0).then(|| sum as f64 / count as f64),
        stars,
        newest: newest
            .into_iter()
            .map(|said| SaidOut {
                booking_id: said.booking_id,
                expert: NamedOut {
                    id: said.expert_id,
                    name: said.expert_name,
                },
                client_name: said.client_name,
                stars: said.stars,
                text: said.text,
                created_at: said.created_at,
            })
            .collect(),
    })
}

fn assignments(given: Vec<Given>) -> AssignmentsOut {
    let count = |is: fn(&Given) -> bool| given.iter().filter(|one| is(one)).count() as i64;
    let mut strategies: BTreeMap<String, i64> = BTreeMap::new();
    let mut parts: BTreeMap<&str, i64> = BTreeMap::new();
    for one in &given {
        *strategies.entry(one.strategy.clone()).or_default() += 1;
        if let Some(part) = decisive(&one.candidates, one.expert) {
            *parts.entry(part.as_str()).or_default() += 1;
        }
    }
    let strategies = strategies.into_iter();
    let mut decided: Vec<PartCount> = parts
        .into_iter()
        .map(|(part, count)| PartCount {
            part: part.to_owned(),
            count,
        })
        .collect();
    decided.sort_by_key(|one| std::cmp::Reverse(one.count));
    AssignmentsOut {
        given: given.len() as i64,
        passed_on: count(|one| one.attempt > 0),
        with_skill: count(|one| one.skill.is_some()),
        only_one: count(|one| one.attempt == 0 && one.candidates.len() == 1),
        by_strategy: strategies
            .map(|(strategy, count)| StrategyCount { strategy, count })
            .collect(),
        decided_by: decided,
    }
}
