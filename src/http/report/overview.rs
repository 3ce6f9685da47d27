//! What the first page of the console shows: how things stand, and how they went (C6.1).

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::Instant;
use belfry_domain::account::Role;
use belfry_domain::booking::Status;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::DeliveryStatus;
use belfry_domain::field::FieldError;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::slot::open_minutes;
use belfry_domain::wall;
use belfry_store::report::{DayCount, HourCount};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{CountsOut, branch_of};
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::expert::date;
use crate::http::input::Query;
use crate::http::named::NamedOut;
use crate::http::openapi::shape::ChannelShape;
use crate::http::problem::Problem;

/// Days that are told at once, at most, and when nobody says how many.
const MOST_DAYS: i64 = 92;
const USUAL_DAYS: i64 = 28;
/// Experts whose utilisation is told.
const MOST_EXPERTS: i64 = 30;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OverviewQuery {
    /// The first date; when left out, so that today is the last one.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// How many dates.
    #[param(minimum = 1, maximum = 92, default = 28)]
    days: Option<i64>,
    /// Admins; a manager has the own branch.
    branch_id: Option<Uuid>,
}

/// How things stand and how they went.
#[derive(Serialize, ToSchema)]
pub struct OverviewOut {
    from: NaiveDate,
    days: i64,
    today: NaiveDate,
    /// Bookings that start today, on the experts' clocks.
    bookings_today: CountsOut,
    /// Bookings that start in this ISO week.
    bookings_this_week: CountsOut,
    /// Bookings by the date of their start, every date listed.
    bookings: Vec<BookingDayOut>,
    /// Those whose time is booked most from `from` on, at most thirty.
    experts: Vec<UtilisationOut>,
    /// Messages by the date on which they were made, dates and channels without any left out; admins.
    deliveries: Option<Vec<DeliveryDayOut>>,
    /// What waits for somebody; admins.
    waiting: Option<BacklogOut>,
}

#[derive(Serialize, ToSchema)]
pub struct BookingDayOut {
    date: NaiveDate,
    counts: CountsOut,
}

/// What became of the messages of a channel that were made on a date of the caller's clock, to the hour.
#[derive(Serialize, ToSchema)]
pub struct DeliveryDayOut {
    date: NaiveDate,
    #[schema(value_type = ChannelShape)]
    channel: Channel,
    /// Taken by the provider, or kept.
    arrived: i64,
    /// Still to be sent.
    waiting: i64,
    /// Given up, or nobody knows.
    failed: i64,
    /// Not sent, because somebody wanted it so.
    skipped: i64,
}

/// How much of an expert's open hours is booked.
#[derive(Serialize, ToSchema)]
pub struct UtilisationOut {
    expert: NamedOut,
    booked_minutes: i64,
    /// Hours of the schedule without time off.
    open_minutes: i64,
}

/// What waits for somebody; counts stop at ten thousand.
#[derive(Serialize, ToSchema)]
pub struct BacklogOut {
    /// Messages that were given up.
    dead: i64,
    /// Messages of which nobody knows whether they arrived.
    ambiguous: i64,
    /// Events that could not be planned.
    parked: i64,
    /// Events of which nobody was told yet, and the time of the oldest.
    unplanned: i64,
    oldest_unplanned: Option<DateTime<Utc>>,
}

/// How things stand and how they went; admins, and managers for their branch. Each figure is read from a stretch of
/// an index, however much there was before.
#[utoipa::path(get, path = "/api/v1/admin/overview", tag = "Administration", params(OverviewQuery),
    responses((status = 200, body = OverviewOut)))]
pub async fn overview(
    app: Data<App>,
    signed: Signed,
    query: Query<OverviewQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let branch = branch_of(&signed, query.branch_id)?;
    let zone = signed.0.time_zone;
    let now = app.world.clock.now();
    let today = wall::local_date(zone, now);
    let days = match query.days {
        None => USUAL_DAYS,
        Some(days @ 1..=MOST_DAYS) => days,
        Some(_) => return Err(FieldError::out_of_range("/days", 1, MOST_DAYS).into()),
    };
    let count = Days::new(days.unsigned_abs());
    let usual = today.checked_sub_days(Days::new(days.unsigned_abs() - 1));
    let from = query.from.as_deref().map(|text| date("/from", text));
    let from = from.transpose()?.or(usual).unwrap_or(today);
    let until = from.checked_add_days(count).unwrap_or(from);
    let monday = wall::monday_of(today);
    let week = (
        monday,
        monday.checked_add_days(Days::new(7)).unwrap_or(monday),
    );
    let store = &app.world.store;
    let span = by_day(
        &store
            .bookings_by_day(generous((from, until)), branch)
            .await?,
    );
    let this_week = by_day(&store.bookings_by_day(generous(week), branch).await?);
    let counted = |date: NaiveDate| span.get(&date).copied().unwrap_or_default();
    let mut of_week = CountsOut::default();
    for (_, counts) in this_week.range(week.0..week.1) {
        of_week.add(counts);
    }
    let is_admin = signed.0.role == Role::Admin;
    let bounds = (
        wall::day_bounds(zone, from).0,
        wall::day_bounds(zone, until).0,
    );
    let deliveries = match is_admin {
        true => Some(told_by_day(&store.deliveries_by_hour(bounds).await?, zone)),
        false => None,
    };
    let waiting = match is_admin {
        true => Some(waiting(&app, now).await?),
        false => None,
    };
    Ok(HttpResponse::Ok().json(OverviewOut {
        from,
        days,
        today,
        bookings_today: this_week.get(&today).copied().unwrap_or_default(),
        bookings_this_week: of_week,
        bookings: from
            .iter_days()
            .take_while(|date| *date < until)
            .map(|date| BookingDayOut {
                date,
                counts: counted(date),
            })
            .collect(),
        experts: utilisation(&app, bounds, branch).await?,
        deliveries,
        waiting,
    }))
}

/// The instants at which any clock may show these dates.
fn generous((from, until): (NaiveDate, NaiveDate)) -> (Instant, Instant) {
    let at = |date: NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc();
    (
        at(from) - TimeDelta::hours(36),
        at(until) + TimeDelta::hours(36),
    )
}

fn by_day(counted: &[DayCount]) -> BTreeMap<NaiveDate, CountsOut> {
    let mut days: BTreeMap<NaiveDate, CountsOut> = BTreeMap::new();
    for one in counted {
        if let (Ok(date), Ok(status)) = (one.day.parse(), one.status.parse()) {
            *days.entry(date).or_default().of(status) += one.count;
        }
    }
    days
}

impl CountsOut {
    pub(in crate::http) fn of(&mut self, status: Status) -> &mut i64 {
        match status {
            Status::Pending => &mut self.pending,
            Status::Confirmed => &mut self.confirmed,
            Status::InProgress => &mut self.in_progress,
            Status::Rejected => &mut self.rejected,
            Status::Cancelled => &mut self.cancelled,
            Status::Completed => &mut self.completed,
            Status::Missed => &mut self.missed,
        }
    }

    fn add(&mut self, other: &Self) {
        self.pending += other.pending;
        self.confirmed += other.confirmed;
        self.in_progress += other.in_progress;
        self.rejected += other.rejected;
        self.cancelled += other.cancelled;
        self.completed += other.completed;
        self.missed += other.missed;
    }
}

fn told_by_day(hours: &[HourCount], zone: Tz) -> Vec<DeliveryDayOut> {
    let mut days: BTreeMap<(NaiveDate, Channel), DeliveryDayOut> = BTreeMap::new();
    for one in hours {
        let at = format!("{}:00:00Z", one.hour.replace(' ', "T"));
        let (Ok(at), Ok(channel), Ok(status)) = (
            at.parse::<DateTime<Utc>>(),
            one.channel.parse::<Channel>(),
            one.status.parse::<DeliveryStatus>(),
        ) else {
            continue;
        };
        let date = wall::local_date(zone, at);
        let day = days.entry((date, channel)).or_insert(DeliveryDayOut {
            date,
            channel,
            arrived: 0,
            waiting: 0,
            failed: 0,
            skipped: 0,
        });
        *match status {
            DeliveryStatus::Sent | DeliveryStatus::Kept => &mut day.arrived,
            DeliveryStatus::Dead | DeliveryStatus::Ambiguous => &mut day.failed,
            DeliveryStatus::Skipped => &mut day.skipped,
            DeliveryStatus::Standby
            | DeliveryStatus::Pending
            | DeliveryStatus::Sending
            | DeliveryStatus::Retrying => &mut day.waiting,
        } += one.count;
    }
    days.into_values().collect()
}

async fn waiting(app: &App, now: Instant) -> Result<BacklogOut, Problem> {
    let store = &app.world.store;
    let backlog = store.backlog(now).await?;
    let unsent = store.unsent_deliveries().await?;
    Ok(BacklogOut {
        dead: unsent.dead,
        ambiguous: unsent.ambiguous,
        parked: backlog.events_parked,
        unplanned: backlog.events_unplanned,
        oldest_unplanned: backlog.oldest_unplanned,
    })
}

async fn utilisation(
    app: &App,
    (from, until): (Instant, Instant),
    branch: Option<BranchId>,
) -> Result<Vec<UtilisationOut>, Problem> {
    let store = &app.world.store;
    let busiest = store
        .busiest_experts((from, until), branch, MOST_EXPERTS)
        .await?;
    let ids: Vec<UserId> = busiest.iter().map(|one| one.expert_id.into()).collect();
    let schedules = store.schedules(&ids, from).await?;
    let show = |one: belfry_store::report::Booked| {
        let schedule = schedules.get(&UserId::from(one.expert_id));
        UtilisationOut {
            expert: NamedOut {
                id: one.expert_id,
                name: one.expert_name,
            },
            booked_minutes: one.minutes,
            open_minutes: schedule.map_or(0, |schedule| open_minutes(schedule, from, until)),
        }
    };
    Ok(busiest.into_iter().map(show).collect())
}
