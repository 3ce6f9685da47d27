//! Figures over time, for administrators and the managers of branches (C5.5, C6.1).

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::account::Role;
use belfry_domain::field::FieldError;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::wall;
use belfry_store::report::{WeekRow, WeeksWanted};
use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::csv;
use crate::http::expert::date;
use crate::http::input::{Faults, Query};
use crate::http::named::NamedOut;
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

/// The first page of the console.
pub mod overview;

/// Weeks that are told at once, at most.
const MOST_WEEKS: i64 = 106;
/// Weeks that are told when nobody says which.
const USUAL_WEEKS: u64 = 12;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WeeksQuery {
    /// A date of the first week; twelve weeks before the last one when left out.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// A date of the last week, at most 106 weeks later; this week when left out.
    #[param(value_type = Option<NaiveDate>)]
    until: Option<String>,
    /// Admins; a manager has the own branch.
    branch_id: Option<Uuid>,
    expert_id: Option<Uuid>,
    limit: Option<i64>,
    after: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WeeksFileQuery {
    /// A date of the first week; twelve weeks before the last one when left out.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// A date of the last week, at most 106 weeks later; this week when left out.
    #[param(value_type = Option<NaiveDate>)]
    until: Option<String>,
    /// Admins; a manager has the own branch.
    branch_id: Option<Uuid>,
    expert_id: Option<Uuid>,
}

/// How many bookings have which status.
#[derive(Clone, Copy, Default, Serialize, ToSchema)]
pub struct CountsOut {
    pub(super) pending: i64,
    pub(super) confirmed: i64,
    pub(super) in_progress: i64,
    pub(super) rejected: i64,
    pub(super) cancelled: i64,
    pub(super) completed: i64,
    pub(super) missed: i64,
}

/// The bookings of an expert in a week, by their starts on the expert's clock.
#[derive(Serialize, ToSchema)]
pub struct WeekOut {
    /// ISO 8601.
    #[schema(example = "2026-W48")]
    week: String,
    /// Its Monday.
    starts_on: NaiveDate,
    expert: NamedOut,
    /// The branch that the expert belonged to when the week was reckoned.
    branch: Option<NamedOut>,
    counts: CountsOut,
    total: i64,
    /// Of those that took the expert's time, or will: all but those called off.
    booked_minutes: i64,
}

impl From<WeekRow> for WeekOut {
    fn from(row: WeekRow) -> Self {
        let counts = CountsOut {
            pending: row.pending,
            confirmed: row.confirmed,
            in_progress: row.in_progress,
            rejected: row.rejected,
            cancelled: row.cancelled,
            completed: row.completed,
            missed: row.missed,
        };
        let branch = row.branch_id.zip(row.branch_name);
        Self {
            week: iso_week(row.week),
            starts_on: row.week,
            expert: NamedOut {
                id: row.expert_id,
                name: row.expert_name,
            },
            branch: branch.map(|(id, name)| NamedOut { id, name }),
            counts,
            total: counts.total(),
            booked_minutes: row.booked_minutes,
        }
    }
}

impl CountsOut {
    pub(super) fn total(self) -> i64 {
        self.pending
            + self.confirmed
            + self.in_progress
            + self.rejected
            + self.cancelled
            + self.completed
            + self.missed
    }
}

fn iso_week(monday: NaiveDate) -> String {
    let week = monday.iso_week();
    format!("{}-W{:02}", week.year(), week.week())
}

/// The branch that the caller may look at: any or all for admins, the own one for managers.
///
/// # Errors
/// `forbidden`.
pub(super) fn branch_of(signed: &Signed, asked: Option<Uuid>) -> Result<Option<BranchId>, Problem> {
    let asked = asked.map(BranchId::from);
    match (signed.0.role, signed.0.branch_id) {
        (Role::Admin, _) => Ok(asked),
        (Role::Manager, Some(own)) if asked.is_none_or(|asked| asked == own) => Ok(Some(own)),
        _ => Err(Problem::new("forbidden")),
    }
}

fn wanted(app: &App, signed: &Signed, query: &WeeksFileQuery) -> Result<WeeksWanted, Problem> {
    let branch = branch_of(signed, query.branch_id)?;
    let today = wall::local_date(signed.0.time_zone, app.world.clock.now());
    let mut faults = Faults::default();
    let from = faults.take_some(query.from.as_deref(), |text| date("/from", text));
    let until = faults.take_some(query.until.as_deref(), |text| date("/until", text));
    faults.check()?;
    let until = wall::monday_of(until.unwrap_or(today));
    let usual = until.checked_sub_days(Days::new(7 * (USUAL_WEEKS - 1)));
    let from = from.map(wall::monday_of).or(usual).unwrap_or(until);
    let weeks = (until - from).num_weeks();
    if from > until {
        let detail = "The last week is before the first.";
        return Err(Problem::field("/until", FieldError::INVALID, detail));
    }
    if weeks >= MOST_WEEKS {
        let detail = format!("At most {MOST_WEEKS} weeks are told at once.");
        return Err(Problem::field("/until", FieldError::OUT_OF_RANGE, detail));
    }
    Ok(WeeksWanted {
        from,
        until,
        branch,
        expert: query.expert_id.map(UserId::from),
    })
}

/// Bookings by ISO week, expert and status, latest week first; admins, and managers for their branch. The scheduler
/// makes a week anew after a booking of it changed, every ten minutes unless configured otherwise.
#[utoipa::path(get, path = "/api/v1/admin/reports/weekly", tag = "Administration", params(WeeksQuery),
    responses((status = 200, body = Page<WeekOut>)))]
pub async fn weekly(
    app: Data<App>,
    signed: Signed,
    query: Query<WeeksQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let weeks = WeeksFileQuery {
        from: query.from,
        until: query.until,
        branch_id: query.branch_id,
        expert_id: query.expert_id,
    };
    let wanted = wanted(&app, &signed, &weeks)?;
    let limit = limit(query.limit)?;
    let after = cursor::<(NaiveDate, UserId)>(query.after.as_deref())?;
    let store = &app.world.store;
    let found = store.weekly_bookings(&wanted, after, limit + 1).await?;
    let key = |row: &WeekRow| (row.week, UserId::from(row.expert_id));
    Ok(HttpResponse::Ok().json(page(found, limit, key, WeekOut::from)))
}

/// The same as a file for spreadsheets (RFC 4180); admins, and managers for their branch.
#[utoipa::path(get, path = "/api/v1/admin/reports/weekly.csv", tag = "Administration", params(WeeksFileQuery),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub async fn weekly_file(
    app: Data<App>,
    signed: Signed,
    query: Query<WeeksFileQuery>,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted(&app, &signed, &query.0)?;
    let mut file = csv::File::new(&[
        "week",
        "starts_on",
        "branch",
        "expert",
        "pending",
        "confirmed",
        "in_progress",
        "rejected",
        "cancelled",
        "completed",
        "missed",
        "total",
        "booked_minutes",
    ]);
    let mut after = None;
    loop {
        let rows = app
            .world
            .store
            .weekly_bookings(&wanted, after, ROWS)
            .await?;
        after = rows
            .last()
            .map(|row| (row.week, UserId::from(row.expert_id)));
        let more = rows.len() as i64 == ROWS;
        for row in rows {
            let out = WeekOut::from(row);
            let counts = out.counts;
            let numbers = [
                counts.pending,
                counts.confirmed,
                counts.in_progress,
                counts.rejected,
                counts.cancelled,
                counts.completed,
                counts.missed,
                out.total,
                out.booked_minutes,
            ];
            let mut cells = vec![
                out.week,
                out.starts_on.to_string(),
                out.branch.map(|branch| branch.name).unwrap_or_default(),
                out.expert.name,
            ];
            cells.extend(numbers.iter().map(i64::to_string));
            file.row(&cells);
        }
        if !more {
            break;
        }
    }
    Ok(csv::answer("weekly.csv").body(file.bytes()))
}

/// Rows read at once for a file.
const ROWS: i64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_has_the_year_that_iso_gives_it() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(iso_week(date("2026-12-28")), "2026-W53");
        assert_eq!(iso_week(date("2027-01-04")), "2027-W01");
        assert_eq!(date("2026-12-28").weekday(), chrono::Weekday::Mon);
    }
}
