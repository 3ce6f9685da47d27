//! Experts: the public list and profile, free slots, presence, reviews.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_actors::expert::SlotQuery;
use belfry_domain::account;
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::expert::{Expert, Presence};
use belfry_domain::field::FieldError;
use belfry_domain::id::{BranchId, UserId};
use belfry_domain::{Instant, text};
use belfry_store::booking::ReviewEntry;
use belfry_store::expert::ExpertFilter;
use chrono::{DateTime, NaiveDate, Utc};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::account::avatar_url;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, unless_known, versioned};
use crate::http::input::{Body, Faults, Id, Query, YEARS};
use crate::http::openapi::shape::{BookingRulesShape, PresenceShape, SlotsShape};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Text in name, headline or tags.
    #[param(max_length = 100)]
    query: Option<String>,
    #[param(max_length = 40)]
    tag: Option<String>,
    branch_id: Option<Uuid>,
    limit: Option<i64>,
    after: Option<String>,
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
    /// IANA zone of the dates; the expert's when left out.
    #[param(example = "Asia/Ho_Chi_Minh")]
    pub time_zone: Option<String>,
    /// Length; the expert's first when left out.
    #[param(minimum = 1, maximum = 1440)]
    pub minutes: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    pub limit: Option<i64>,
    pub after: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpertIn {
    #[schema(max_length = 120)]
    headline: Option<String>,
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Of 1 to 40 characters each.
    #[schema(max_items = 20)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresenceIn {
    #[schema(value_type = PresenceShape, example = "online")]
    presence: Presence,
}

#[derive(Serialize, ToSchema)]
pub struct PresenceOut {
    #[schema(value_type = PresenceShape, example = "online")]
    pub presence: Presence,
    pub since: DateTime<Utc>,
}

/// An expert as everybody sees them.
#[derive(Serialize, ToSchema)]
pub struct ExpertOut {
    #[schema(value_type = Uuid)]
    id: UserId,
    name: String,
    headline: String,
    description: String,
    avatar_url: Option<String>,
    tags: Vec<String>,
    time_zone: &'static str,
    /// Mean stars, `null` before the first review.
    rating: Option<f64>,
    review_count: i64,
    #[schema(value_type = PresenceShape, example = "online")]
    presence: Presence,
    #[schema(value_type = BookingRulesShape)]
    booking_rules: BookingRules,
    #[schema(value_type = Option<Uuid>)]
    branch_id: Option<BranchId>,
    /// The next free slot of the default length; in lists only.
    next_free_at: Option<DateTime<Utc>>,
}

impl From<Expert> for ExpertOut {
    fn from(expert: Expert) -> Self {
        Self {
            id: expert.id,
            rating: expert.rating(),
            avatar_url: avatar_url(expert.id, expert.avatar_tag.as_deref()),
            name: expert.name,
            headline: expert.headline,
            description: expert.description,
            tags: expert.tags,
            time_zone: expert.time_zone.name(),
            review_count: expert.review_count,
            presence: expert.presence,
            booking_rules: expert.booking_rules,
            branch_id: expert.branch_id,
            next_free_at: None,
        }
    }
}

/// A review on an expert's page.
#[derive(Serialize, ToSchema)]
pub struct ReviewOut {
    id: Uuid,
    stars: i64,
    text: Option<String>,
    client_name: String,
    created_at: DateTime<Utc>,
}

impl From<ReviewEntry> for ReviewOut {
    fn from(entry: ReviewEntry) -> Self {
        Self {
            id: entry.booking_id,
            stars: entry.stars,
            text: entry.text,
            client_name: entry.client_name,
            created_at: entry.created_at,
        }
    }
}

/// The expert with this id, or `not-found`.
///
/// # Errors
/// `not-found`, or the store's own.
pub async fn expert(app: &App, id: UserId) -> Result<Expert, Problem> {
    app.world
        .store
        .expert(id)
        .await?
        .ok_or_else(|| Problem::new("not-found"))
}

/// The expert with this id, for somebody who answers for them.
///
/// # Errors
/// `not-found`, `forbidden`, or the store's own.
pub async fn run_expert(app: &App, signed: &Signed, id: UserId) -> Result<Expert, Problem> {
    let expert = expert(app, id).await?;
    if signed.caller().runs_expert(id, expert.branch_id) {
        Ok(expert)
    } else {
        Err(Problem::new("forbidden"))
    }
}

/// Lists experts by name.
#[utoipa::path(get, path = "/api/v1/experts", tag = "Experts", params(ListQuery),
    responses((status = 200, body = Page<ExpertOut>)), security(()))]
pub async fn list(app: Data<App>, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<(String, UserId)>(query.after.as_deref())?;
    let mut faults = Faults::default();
    let filter = ExpertFilter {
        query: faults.take_some(query.query.as_deref(), |v| {
            text::checked("/query", v, 0, 100, false)
        }),
        tag: faults.take_some(query.tag.as_deref(), |v| {
            text::checked("/tag", v, 0, 40, false)
        }),
        branch_id: query.branch_id.map(BranchId::from),
    };
    faults.check()?;
    let found = app
        .world
        .store
        .list_experts(&filter, after, limit + 1)
        .await?;
    let mut page: Page<ExpertOut> = page(
        found,
        limit,
        |expert| (expert.name.clone(), expert.id),
        ExpertOut::from,
    );
    let next_free = join_all(
        page.items
            .iter()
            .map(|expert| app.experts.next_free(expert.id)),
    )
    .await;
    for (expert, next_free) in page.items.iter_mut().zip(next_free) {
        expert.next_free_at = next_free.ok().flatten();
    }
    Ok(HttpResponse::Ok().json(page))
}

/// One expert.
#[utoipa::path(get, path = "/api/v1/experts/{id}", tag = "Experts", params(("id" = Uuid, Path)),
    responses((status = 200, body = ExpertOut)), security(()))]
pub async fn get(app: Data<App>, id: Id<UserId>) -> Result<HttpResponse, Problem> {
    let expert = expert(&app, id.0).await?;
    Ok(versioned(expert.version, &ExpertOut::from(expert)))
}

/// Changes an expert's public profile; the expert, the expert's manager, admins.
#[utoipa::path(patch, path = "/api/v1/experts/{id}", tag = "Experts", params(crate::http::etag::IfMatchHeader, ("id" = Uuid, Path)),
    request_body = ExpertIn, responses((status = 200, body = ExpertOut)))]
pub async fn update(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let input: ExpertIn = body.read()?;
    let mut faults = Faults::default();
    let headline = faults.take_some(input.headline.as_deref(), |v| {
        text::checked("/headline", v, 0, 120, false)
    });
    let description = faults.take_some(input.description.as_deref(), |v| {
        text::checked("/description", v, 0, 2000, true)
    });
    let tags = faults.take_some(input.tags, |tags| checked_tags(&tags));
    faults.check()?;
    let (headline, description) = (headline.as_deref(), description.as_deref());
    let store = &app.world.store;
    if !store
        .update_expert(
            id.0,
            headline,
            description,
            tags.as_deref(),
            if_match.version(),
        )
        .await?
    {
        return Err(Problem::new("stale"));
    }
    app.gate.forget(id.0);
    let expert = expert(&app, id.0).await?;
    if let Some(branch) = expert.branch_id {
        app.branches.changed(branch);
    }
    Ok(versioned(expert.version, &ExpertOut::from(expert)))
}

fn checked_tags(tags: &[String]) -> Result<Vec<String>, FieldError> {
    if tags.len() > 20 {
        return Err(FieldError::new(
            "/tags",
            FieldError::TOO_LONG,
            "At most 20 tags are allowed.",
        ));
    }
    tags.iter()
        .enumerate()
        .map(|(index, tag)| text::checked(&format!("/tags/{index}"), tag, 1, 40, false))
        .collect()
}

/// Free slots by day. The `ETag` changes exactly when the answer does.
#[utoipa::path(get, path = "/api/v1/experts/{id}/slots", tag = "Experts",
    params(("id" = Uuid, Path), SlotsQuery), responses((status = 200, body = SlotsShape), (status = 304)), security(()))]
pub async fn slots(
    app: Data<App>,
    request: HttpRequest,
    id: Id<UserId>,
    query: Query<SlotsQuery>,
) -> Result<HttpResponse, Problem> {
    let query = slot_query(query.0)?;
    let answer = app.experts.slots(id.0, query).await?;
    Ok(unless_known(&request, &answer.etag, &answer.body))
}

/// Checks a question for free slots of an expert.
///
/// # Errors
/// Everything that is wrong with it.
pub fn slot_query(query: SlotsQuery) -> Result<SlotQuery, Problem> {
    let mut faults = Faults::default();
    let from = faults.take_some(query.from.as_deref(), |v| date("/from", v));
    let time_zone = faults.take_some(query.time_zone.as_deref(), |v| {
        account::time_zone("/time_zone", v)
    });
    let days = faults.take(number("/days", query.days.unwrap_or(7), 1, 62));
    let minutes = faults.take_some(query.minutes, |v| number("/minutes", v, 1, 1440));
    faults.check()?;
    Ok(SlotQuery {
        from,
        days: days.unwrap_or(7),
        time_zone,
        minutes,
    })
}

/// Checks a date.
///
/// # Errors
/// `invalid` at `pointer`, also for years that no calendar here reaches.
pub fn date(pointer: &str, value: &str) -> Result<NaiveDate, FieldError> {
    use chrono::Datelike;
    NaiveDate::parse_from_str(value, "%Y-%m-%d")
        .ok()
        .filter(|_| value.len() == 10)
        .filter(|date| YEARS.contains(&date.year()))
        .ok_or_else(|| {
            FieldError::new(
                pointer,
                FieldError::INVALID,
                "This is not a date, such as 2026-12-31.",
            )
        })
}

/// Checks a whole number.
///
/// # Errors
/// `out_of_range` at `pointer`.
pub fn number(pointer: &str, value: i64, least: u16, most: u16) -> Result<u16, FieldError> {
    u16::try_from(value)
        .ok()
        .filter(|value| (least..=most).contains(value))
        .ok_or_else(|| FieldError::out_of_range(pointer, least, most))
}

/// Says whether the expert is at work. Said again, it is a sign of life: without one, and without a live connection of
/// the expert, presence ends by itself after a while. The expert, the expert's manager, admins.
#[utoipa::path(put, path = "/api/v1/experts/{id}/presence", tag = "Experts", params(("id" = Uuid, Path)),
    request_body = PresenceIn, responses((status = 200, body = PresenceOut)))]
pub async fn set_presence(
    app: Data<App>,
    signed: Signed,
    id: Id<UserId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    run_expert(&app, &signed, id.0).await?;
    let input: PresenceIn = body.read()?;
    Ok(HttpResponse::Ok().json(say(&app, id.0, input.presence).await?))
}

/// Takes the word of somebody who answers for an expert.
///
/// # Errors
/// `not-found`, or the store's own.
pub async fn say(app: &App, id: UserId, presence: Presence) -> Result<PresenceOut, Problem> {
    let said = app.attendance.set(id, presence).await?;
    let said = said.ok_or_else(|| Problem::new("not-found"))?;
    Ok(PresenceOut {
        presence: said.presence,
        since: said.since,
    })
}

/// An expert's reviews, newest first.
#[utoipa::path(get, path = "/api/v1/experts/{id}/reviews", tag = "Experts", params(("id" = Uuid, Path), PageQuery),
    responses((status = 200, body = Page<ReviewOut>)), security(()))]
pub async fn reviews(
    app: Data<App>,
    id: Id<UserId>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.0.limit)?;
    let after = cursor::<(Instant, Uuid)>(query.0.after.as_deref())?;
    expert(&app, id.0).await?;
    let found = app.world.store.list_reviews(id.0, after, limit + 1).await?;
    let key = |entry: &ReviewEntry| (entry.created_at, entry.booking_id);
    Ok(HttpResponse::Ok().json(page(found, limit, key, ReviewOut::from)))
}
