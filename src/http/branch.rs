//! Branches: what they say of themselves, when somebody there is free (B1, B6, B7).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_actors::branch::{BranchQuery, View};
use belfry_domain::branch::{self, Branch, BranchSettings, Opening, Strategy};
use belfry_domain::field::FieldError;
use belfry_domain::id::BranchId;
use belfry_domain::schedule::{Override, Window};
use belfry_domain::{account, text};
use belfry_store::branch::BranchFilter;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, MOST_TRIES, unless_known, versioned};
use crate::http::expert::{date, number};
use crate::http::idempotency::{Created, once};
use crate::http::input::{Body, Faults, Id, Query, given, nullable};
use crate::http::openapi::shape::{
    BranchCountsShape, BranchSettingsShape, BranchSlotsShape, OverrideShape, StrategyShape,
    WindowShape,
};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

/// A day of a branch.
pub mod day;
/// How a branch fares.
pub mod statistics;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Text in name or address.
    #[param(max_length = 100)]
    pub query: Option<String>,
    /// Also branches that are not active.
    pub closed: Option<bool>,
    pub limit: Option<i64>,
    pub after: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SlotsQuery {
    /// The first date; today when left out.
    #[param(format = Date)]
    pub from: Option<String>,
    /// 7 when left out.
    #[param(minimum = 1, maximum = 62)]
    pub days: Option<i64>,
    /// IANA zone of the dates; the branch's when left out.
    #[param(example = "Asia/Ho_Chi_Minh")]
    pub time_zone: Option<String>,
    /// Length; the branch's own when left out.
    #[param(minimum = 1, maximum = 1440)]
    pub minutes: Option<i64>,
    /// Only experts who have this among their tags.
    #[param(max_length = 40)]
    pub skill: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BranchIn {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(example = "Asia/Ho_Chi_Minh")]
    time_zone: String,
    #[schema(max_length = 300)]
    address: Option<String>,
    /// With the country code.
    #[schema(example = "+842812345678")]
    phone: Option<String>,
    /// `null`: no hours of its own, so those of its experts count.
    #[schema(value_type = Option<Vec<WindowShape>>, max_items = 168)]
    weekly: Option<Vec<Window>>,
    /// Dates that do not follow the week.
    #[schema(value_type = Option<Vec<OverrideShape>>, max_items = 400)]
    overrides: Option<Vec<Override>>,
    settings: Option<SettingsIn>,
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BranchEdit {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, example = "Asia/Ho_Chi_Minh")]
    time_zone: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, max_length = 300)]
    address: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, example = "+842812345678")]
    phone: Option<Option<String>>,
    /// Administrators only. A branch that is not active is closed.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    active: Option<bool>,
    /// `null`: no hours of its own, so those of its experts count.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<WindowShape>>, max_items = 168)]
    weekly: Option<Option<Vec<Window>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<OverrideShape>, required = false, max_items = 400)]
    overrides: Option<Vec<Override>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = SettingsIn, required = false)]
    settings: Option<SettingsIn>,
}

/// How a branch is booked; what is left out stays as it is, or has its default.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsIn {
    #[schema(minimum = 1, maximum = 1440)]
    default_minutes: Option<u16>,
    #[schema(minimum = 1, maximum = 730)]
    horizon_days: Option<u16>,
    #[schema(minimum = 0, maximum = 1051200)]
    min_notice_minutes: Option<u32>,
    #[schema(minimum = 1, maximum = 10080)]
    queue_timeout_minutes: Option<u32>,
    /// 0: the branch has no queue.
    #[schema(minimum = 0, maximum = 1000)]
    most_waiting: Option<u16>,
    #[schema(minimum = 1, maximum = 120)]
    offer_minutes: Option<u16>,
    /// `null`: no limit.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    max_load: Option<Option<u16>>,
    #[schema(minimum = 0, maximum = 1440)]
    presence_minutes: Option<u32>,
    #[schema(value_type = Option<StrategyShape>)]
    strategy: Option<Strategy>,
    #[schema(minimum = 1, maximum = 365)]
    half_life_days: Option<u16>,
}

impl SettingsIn {
    fn over(self, before: &BranchSettings) -> BranchSettings {
        BranchSettings {
            default_minutes: self.default_minutes.unwrap_or(before.default_minutes),
            horizon_days: self.horizon_days.unwrap_or(before.horizon_days),
            min_notice_minutes: self.min_notice_minutes.unwrap_or(before.min_notice_minutes),
            queue_timeout_minutes: self
                .queue_timeout_minutes
                .unwrap_or(before.queue_timeout_minutes),
            most_waiting: self.most_waiting.unwrap_or(before.most_waiting),
            offer_minutes: self.offer_minutes.unwrap_or(before.offer_minutes),
            max_load: self.max_load.unwrap_or(before.max_load),
            presence_minutes: self.presence_minutes.unwrap_or(before.presence_minutes),
            strategy: self.strategy.unwrap_or(before.strategy),
            half_life_days: self.half_life_days.unwrap_or(before.half_life_days),
        }
    }
}

/// A branch.
#[derive(Serialize, ToSchema)]
pub struct BranchOut {
    #[schema(value_type = Uuid)]
    pub id: BranchId,
    pub name: String,
    pub address: String,
    pub phone: Option<String>,
    pub time_zone: &'static str,
    pub active: bool,
    /// `null`: no hours of its own, so those of its experts count.
    #[schema(value_type = Option<Vec<WindowShape>>)]
    pub weekly: Option<Vec<Window>>,
    /// Dates that do not follow the week.
    #[schema(value_type = Vec<OverrideShape>)]
    pub overrides: Vec<Override>,
    #[schema(value_type = BranchSettingsShape)]
    pub settings: BranchSettings,
    /// Mean stars of its experts, `null` before the first review.
    pub rating: Option<f64>,
    pub review_count: i64,
    pub version: i64,
}

impl From<Branch> for BranchOut {
    fn from(branch: Branch) -> Self {
        let dates = branch.opening.overrides.clone().into_iter();
        Self {
            id: branch.id,
            rating: branch.rating(),
            overrides: dates
                .map(|(date, intervals)| Override { date, intervals })
                .collect(),
            name: branch.name,
            address: branch.address,
            phone: branch.phone,
            time_zone: branch.opening.time_zone.name(),
            active: branch.opening.active,
            weekly: branch.opening.weekly,
            settings: branch.settings,
            review_count: branch.review_count,
            version: branch.version,
        }
    }
}

/// What the audit log keeps: everything that can be edited.
fn audited(branch: &Branch) -> Value {
    let mut shown = serde_json::to_value(BranchOut::from(branch.clone())).unwrap_or_default();
    if let Some(members) = shown.as_object_mut() {
        for derived in ["id", "rating", "review_count", "version"] {
            members.remove(derived);
        }
    }
    shown
}

/// The branch with this id, or `not-found`.
///
/// # Errors
/// `not-found`, or the store's own.
pub async fn branch(app: &App, id: BranchId) -> Result<Branch, Problem> {
    let found = app.world.store.branch(id).await?;
    found.ok_or_else(|| Problem::new("not-found"))
}

/// Lists branches by name.
#[utoipa::path(get, path = "/api/v1/branches", tag = "Branches", params(ListQuery),
    responses((status = 200, body = Page<BranchOut>)), security(()))]
pub async fn list(app: Data<App>, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(found(&app, query.0).await?))
}

/// The branches that are asked for.
///
/// # Errors
/// What is wrong with the question, or the store's own.
pub async fn found(app: &App, query: ListQuery) -> Result<Page<BranchOut>, Problem> {
    let limit = limit(query.limit)?;
    let after = cursor::<(String, BranchId)>(query.after.as_deref())?;
    let mut faults = Faults::default();
    let filter = BranchFilter {
        query: faults.take_some(query.query.as_deref(), |v| {
            text::checked("/query", v, 0, 100, false)
        }),
        closed: query.closed.unwrap_or(false),
    };
    faults.check()?;
    let store = &app.world.store;
    let found = store.list_branches(&filter, after, limit + 1).await?;
    let key = |branch: &Branch| (branch.name.clone(), branch.id);
    Ok(page(found, limit, key, BranchOut::from))
}

/// One branch.
#[utoipa::path(get, path = "/api/v1/branches/{id}", tag = "Branches", params(("id" = Uuid, Path)),
    responses((status = 200, body = BranchOut)), security(()))]
pub async fn get(app: Data<App>, id: Id<BranchId>) -> Result<HttpResponse, Problem> {
    let branch = branch(&app, id.0).await?;
    Ok(versioned(branch.version, &BranchOut::from(branch)))
}

/// Opens a branch; admins.
#[utoipa::path(post, path = "/api/v1/branches", tag = "Branches", params(crate::http::idempotency::KeyHeader), request_body = BranchIn,
    responses((status = 201, body = BranchOut)))]
pub async fn create(
    app: Data<App>,
    signed: Signed,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let make = async |_key| {
        let input: BranchIn = body.read()?;
        let now = app.world.clock.now();
        let mut made = Branch {
            id: BranchId::at(now),
            name: String::new(),
            address: String::new(),
            phone: None,
            opening: Opening::always(chrono_tz::UTC),
            settings: BranchSettings::default(),
            stars_sum: 0,
            review_count: 0,
            version: 1,
        };
        let edit = BranchEdit {
            name: Some(input.name),
            time_zone: Some(input.time_zone),
            address: input.address,
            phone: Some(input.phone),
            active: None,
            weekly: Some(input.weekly),
            overrides: input.overrides,
            settings: input.settings,
        };
        apply(edit, &mut made)?;
        let mut tx = app.world.store.begin().await?;
        belfry_store::branch::insert(&mut tx, &made, now).await?;
        let subject = format!("branch/{}", made.id);
        let entry = signed.entry(now, "branch.opened", subject, (), audited(&made));
        belfry_store::audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(Created::new(&BranchOut::from(made)))
    };
    let lost = async |_| Err(Problem::new("conflict"));
    once(&app, &request, signed.claimant(), &body, make, lost).await
}

/// Changes a branch; the branch's manager and admins. Bookings already made stay.
#[utoipa::path(patch, path = "/api/v1/branches/{id}", tag = "Branches", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = BranchEdit, responses((status = 200, body = BranchOut)))]
pub async fn update(
    app: Data<App>,
    signed: Signed,
    id: Id<BranchId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    if !signed.caller().runs_branch(id.0) {
        return Err(Problem::new("forbidden"));
    }
    for _ in 0..MOST_TRIES {
        let before = branch(&app, id.0).await?;
        if_match.check(before.version)?;
        let edit: BranchEdit = body.read()?;
        if edit.active.is_some_and(|on| on != before.opening.active) {
            signed.admin()?;
        }
        let mut after = before.clone();
        apply(edit, &mut after)?;
        let now = app.world.clock.now();
        let mut tx = app.world.store.begin().await?;
        if !belfry_store::branch::update(&mut tx, &after).await? {
            tx.rollback().await?;
            continue;
        }
        let subject = format!("branch/{}", id.0);
        let (was, is) = (audited(&before), audited(&after));
        let entry = signed.entry(now, "branch.edited", subject, was, is);
        belfry_store::audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        if before.opening == after.opening {
            app.branches.changed(id.0);
        } else {
            app.branches.reopened(id.0).await?;
        }
        // Its line may be open, or closed, that was not.
        app.queues.changed(id.0);
        let branch = branch(&app, id.0).await?;
        return Ok(versioned(branch.version, &BranchOut::from(branch)));
    }
    Err(Problem::new("conflict"))
}

/// Makes of a branch what an edit says, or names everything that is wrong with it.
fn apply(edit: BranchEdit, branch: &mut Branch) -> Result<(), Problem> {
    let mut faults = Faults::default();
    let name = faults.take_some(edit.name.as_deref(), |v| {
        text::checked("/name", v, 1, 100, false)
    });
    let zone = faults.take_some(edit.time_zone.as_deref(), |v| {
        account::time_zone("/time_zone", v)
    });
    let address = faults.take_some(edit.address.as_deref(), |v| {
        text::checked("/address", v, 0, 300, true)
    });
    let phone = edit
        .phone
        .map(|phone| faults.take_some(phone.as_deref(), |v| account::phone("/phone", v)));
    let dates = edit.overrides.map(branch::overrides);
    if let Some(dates) = dates.and_then(|dates| faults.take_all(dates)) {
        branch.opening.overrides = dates;
    }
    if let Some(weekly) = edit.weekly {
        branch.opening.weekly = weekly;
    }
    if let Some(settings) = edit.settings {
        branch.settings = settings.over(&branch.settings);
    }
    faults.extend(branch.opening.validate());
    let wrong = branch.settings.validate().into_iter();
    faults.extend(wrong.map(|fault| fault.under("/settings")).collect());
    faults.check()?;
    if let Some(name) = name {
        branch.name = name;
    }
    if let Some(zone) = zone {
        branch.opening.time_zone = zone;
    }
    if let Some(address) = address {
        branch.address = address;
    }
    if let Some(phone) = phone {
        branch.phone = phone;
    }
    if let Some(active) = edit.active {
        branch.opening.active = active;
    }
    Ok(())
}

/// Starts at which at least one able expert of the branch is free, by day, with how many are. The `ETag` changes
/// exactly when the answer does.
#[utoipa::path(get, path = "/api/v1/branches/{id}/slots", tag = "Branches", params(("id" = Uuid, Path), SlotsQuery),
    responses((status = 200, body = BranchSlotsShape), (status = 304)), security(()))]
pub async fn slots(
    app: Data<App>,
    request: HttpRequest,
    id: Id<BranchId>,
    query: Query<SlotsQuery>,
) -> Result<HttpResponse, Problem> {
    answer(&app, &request, id.0, query.0, View::Slots).await
}

/// How many such starts there are on each day.
#[utoipa::path(get, path = "/api/v1/branches/{id}/days", tag = "Branches", params(("id" = Uuid, Path), SlotsQuery),
    responses((status = 200, body = BranchCountsShape), (status = 304)), security(()))]
pub async fn days(
    app: Data<App>,
    request: HttpRequest,
    id: Id<BranchId>,
    query: Query<SlotsQuery>,
) -> Result<HttpResponse, Problem> {
    answer(&app, &request, id.0, query.0, View::Counts).await
}

async fn answer(
    app: &App,
    request: &HttpRequest,
    id: BranchId,
    query: SlotsQuery,
    view: View,
) -> Result<HttpResponse, Problem> {
    let query = asked(query, view)?;
    let answer = app.branches.slots(id, query).await?;
    Ok(unless_known(request, &answer.etag, &answer.body))
}

/// Checks a question for free slots of a branch.
///
/// # Errors
/// Everything that is wrong with it.
pub fn asked(query: SlotsQuery, view: View) -> Result<BranchQuery, Problem> {
    let mut faults = Faults::default();
    let from = faults.take_some(query.from.as_deref(), |v| date("/from", v));
    let time_zone = faults.take_some(query.time_zone.as_deref(), |v| {
        account::time_zone("/time_zone", v)
    });
    let days = faults.take(number("/days", query.days.unwrap_or(7), 1, 62));
    let minutes = faults.take_some(query.minutes, |v| number("/minutes", v, 1, 1440));
    let skill = faults.take_some(query.skill.as_deref(), |v| skill("/skill", v));
    faults.check()?;
    Ok(BranchQuery {
        from,
        days: days.unwrap_or(7),
        time_zone,
        minutes,
        skill: skill.flatten(),
        view,
    })
}

/// Checks a skill; an empty one asks for none.
///
/// # Errors
/// What is wrong with it, at `pointer`.
pub fn skill(pointer: &str, value: &str) -> Result<Option<String>, FieldError> {
    let skill = text::checked(pointer, value, 0, 40, false)?;
    Ok(Some(skill).filter(|skill| !skill.is_empty()))
}
