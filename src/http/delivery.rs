//! The outbox: every message that went out or should have, for administrators.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::Instant;
use belfry_domain::delivery::{Attachment, DeliveryStatus, DeliveryStep};
use belfry_domain::field::FieldError;
use belfry_domain::id::{DeliveryId, EventId, UserId};
use belfry_domain::text;
use belfry_store::audit;
use belfry_store::delivery::{self, Attempt, Filter, Item, ItemDetail, Resent};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::{Body, Faults, Id, Query};
use crate::http::openapi::shape::{DeliveryStatusShape, MadeSortShape};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    #[param(value_type = Option<DeliveryStatusShape>)]
    status: Option<String>,
    #[param(max_length = 20)]
    channel: Option<String>,
    #[param(value_type = Option<Uuid>)]
    user_id: Option<String>,
    #[param(value_type = Option<Uuid>)]
    event_id: Option<String>,
    /// Text in address or subject.
    #[param(max_length = 100)]
    query: Option<String>,
    /// The newest first when left out.
    #[param(value_type = Option<MadeSortShape>)]
    sort: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

/// A message to one address.
#[derive(Serialize, ToSchema)]
pub struct DeliveryOut {
    #[schema(value_type = Uuid)]
    id: DeliveryId,
    channel: String,
    address: String,
    #[schema(value_type = DeliveryStatusShape, example = "sent")]
    status: DeliveryStatus,
    subject: String,
    kind: String,
    /// How often it was tried.
    attempt: i64,
    /// When it is tried next, if it will be.
    next_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
    /// Who took it, or was the last to be given it.
    #[schema(example = "smtp")]
    provider: Option<String>,
    #[schema(example = "booking")]
    category: String,
    #[schema(example = "transactional")]
    class: String,
    /// 0 for those that leave at once, n for the n-th way that is tried when those before have failed.
    rank: i64,
    /// Why it was skipped, or is held.
    reason: Option<String>,
    event_id: Uuid,
    /// The rule that it was planned by.
    rule_id: String,
    /// `null` where it goes to a server and not to a person.
    user: Option<Addressee>,
}

/// Who a message is for.
#[derive(Serialize, ToSchema)]
pub struct Addressee {
    #[schema(value_type = Uuid)]
    pub id: UserId,
    pub name: String,
}

/// A message with what was sent, and every try.
#[derive(Serialize, ToSchema)]
pub struct DeliveryDetailOut {
    #[serde(flatten)]
    delivery: DeliveryOut,
    text: String,
    html: String,
    attachments: Vec<AttachmentOut>,
    attempts: Vec<AttemptOut>,
}

/// A file that goes with a message.
#[derive(Serialize, ToSchema)]
pub struct AttachmentOut {
    name: String,
    content_type: String,
    text: String,
}

/// One try.
#[derive(Serialize, ToSchema)]
pub struct AttemptOut {
    number: i64,
    started_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    /// `sent kept retry limited unconfigured called_off dead_address refused exhausted ambiguous lost`, `null`
    /// while it is under way.
    outcome: Option<String>,
    /// Who was called.
    provider: Option<String>,
    provider_id: Option<String>,
    error: Option<String>,
}

/// Which messages to send once more; what is left out fits any.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryIn {
    /// `dead`, which it is when left out, or `ambiguous`.
    #[schema(value_type = Option<DeliveryStatusShape>, example = "dead")]
    status: Option<String>,
    #[schema(max_length = 20, example = "email")]
    channel: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    event_id: Option<String>,
    /// Text in address or subject.
    #[schema(max_length = 100)]
    query: Option<String>,
}

/// How many messages are due again.
#[derive(Serialize, ToSchema)]
pub struct RetriedOut {
    count: u64,
    /// How many were left as they are, because nothing goes to their addresses any more: see the suppressions, where
    /// each address says why and can be lifted. A message that is sent again by itself lifts its own.
    suppressed: u64,
}

/// A filter as it was typed.
struct Wanted<'a> {
    status: Option<&'a str>,
    channel: Option<&'a str>,
    user_id: Option<&'a str>,
    event_id: Option<&'a str>,
    query: Option<&'a str>,
}

fn filter(wanted: Wanted<'_>) -> Result<Filter, Problem> {
    let invalid = |pointer, detail| move |_| FieldError::new(pointer, FieldError::INVALID, detail);
    let mut faults = Faults::default();
    let filter = Filter {
        status: faults.take_some(wanted.status, |name| {
            let unknown =
                |_| FieldError::new("/status", FieldError::INVALID, "This is not a status.");
            name.parse::<DeliveryStatus>().map_err(unknown)
        }),
        channel: faults.take_some(wanted.channel, |name| {
            text::checked("/channel", name, 0, 20, false)
        }),
        user_id: faults.take_some(wanted.user_id, |id| {
            id.parse::<UserId>()
                .map_err(invalid("/user_id", "This is not an id."))
        }),
        event_id: faults.take_some(wanted.event_id, |id| {
            id.parse::<EventId>()
                .map_err(invalid("/event_id", "This is not an id."))
        }),
        query: faults.take_some(wanted.query, |typed| {
            text::checked("/query", typed, 0, 100, false)
        }),
        ..Filter::default()
    };
    faults.check()?;
    Ok(filter)
}

impl From<Item> for DeliveryOut {
    fn from(item: Item) -> Self {
        let waits = matches!(
            item.status,
            DeliveryStatus::Pending | DeliveryStatus::Retrying
        );
        Self {
            id: item.id,
            channel: item.channel,
            address: item.address,
            status: item.status,
            subject: item.subject,
            kind: item.kind,
            attempt: item.attempt,
            next_at: waits.then_some(item.next_at),
            created_at: item.created_at,
            sent_at: item.sent_at,
            last_error: item.last_error,
            provider: item.provider,
            category: item.category,
            class: item.class,
            rank: item.rank,
            reason: item.reason,
            event_id: item.event_id,
            rule_id: item.rule_id,
            user: item.user.map(|(id, name)| Addressee { id, name }),
        }
    }
}

impl From<ItemDetail> for DeliveryDetailOut {
    fn from(found: ItemDetail) -> Self {
        let file = |file: Attachment| AttachmentOut {
            name: file.name,
            content_type: file.content_type,
            text: file.text,
        };
        let attempt = |attempt: Attempt| AttemptOut {
            number: attempt.number,
            started_at: attempt.started_at,
            finished_at: attempt.finished_at,
            outcome: attempt.outcome,
            provider: attempt.provider,
            provider_id: attempt.provider_id,
            error: attempt.error,
        };
        Self {
            delivery: found.item.into(),
            text: found.content.text,
            html: found.content.html,
            attachments: found.content.attachments.into_iter().map(file).collect(),
            attempts: found.attempts.into_iter().map(attempt).collect(),
        }
    }
}

/// Lists messages; admins.
#[utoipa::path(get, path = "/api/v1/admin/deliveries", tag = "Administration", params(DeliveryQuery),
    responses((status = 200, body = Page<DeliveryOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<DeliveryQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<(Instant, DeliveryId)>(query.after.as_deref())?;
    let mut filter = filter(Wanted {
        status: query.status.as_deref(),
        channel: query.channel.as_deref(),
        user_id: query.user_id.as_deref(),
        event_id: query.event_id.as_deref(),
        query: query.query.as_deref(),
    })?;
    filter.oldest_first = match query.sort.as_deref() {
        None | Some("-created_at") => false,
        Some("created_at") => true,
        Some(_) => {
            let detail = "sort is created_at or -created_at.";
            return Err(Problem::field("/sort", FieldError::INVALID, detail));
        }
    };
    let found = app
        .world
        .store
        .deliveries(&filter, after, limit + 1)
        .await?;
    let key = |item: &Item| (item.created_at, item.id);
    Ok(HttpResponse::Ok().json(page(found, limit, key, DeliveryOut::from)))
}

/// One message with its content and every try; admins.
#[utoipa::path(get, path = "/api/v1/admin/deliveries/{id}", tag = "Administration", params(("id" = Uuid, Path)),
    responses((status = 200, body = DeliveryDetailOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<DeliveryId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    found(&app, id.0).await
}

/// Sends a dead or doubtful message once more; admins. A doubtful one may arrive twice.
#[utoipa::path(post, path = "/api/v1/admin/deliveries/{id}/retry", tag = "Administration",
    params(("id" = Uuid, Path)), responses((status = 200, body = DeliveryDetailOut)))]
pub async fn retry(
    app: Data<App>,
    signed: Signed,
    id: Id<DeliveryId>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    let before = match delivery::resend(&mut tx, id.0, now).await? {
        Resent::Due { before } => before,
        Resent::NotNow(_) => return Err(Problem::new("conflict")),
        Resent::Missing => return Err(Problem::new("not-found")),
    };
    let entry = signed.entry(
        now,
        "delivery.retried",
        format!("delivery/{}", id.0),
        json!({ "status": before }),
        json!({ "status": DeliveryStatus::Retrying }),
    );
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    app.couriers.iter().for_each(|courier| courier.nudge());
    found(&app, id.0).await
}

/// Sends all messages of a kind once more that were given up, or with the status `ambiguous` those that are in
/// doubt, which may arrive twice; admins. Answers how many there were, and how many were left alone because
/// nothing goes to their addresses any more: who sends a crowd again does not vouch for each address in it.
#[utoipa::path(post, path = "/api/v1/admin/deliveries/retry", tag = "Administration",
    request_body = RetryIn, responses((status = 200, body = RetriedOut)))]
pub async fn retry_all(
    app: Data<App>,
    signed: Signed,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let wanted: RetryIn = body.read()?;
    let filter = filter(Wanted {
        status: wanted.status.as_deref(),
        channel: wanted.channel.as_deref(),
        user_id: wanted.user_id.as_deref(),
        event_id: wanted.event_id.as_deref(),
        query: wanted.query.as_deref(),
    })?;
    let status = filter.status.unwrap_or(DeliveryStatus::Dead);
    if status.after(DeliveryStep::Resend).is_none() {
        let detail = "Only what is dead or ambiguous is sent again.";
        return Err(FieldError::new("/status", FieldError::INVALID, detail).into());
    }
    let filter = Filter {
        status: Some(status),
        ..filter
    };
    let now = app.world.clock.now();
    let count = resend_all(&app, &signed, "deliveries", &filter).await?;
    let store = &app.world.store;
    let suppressed = store.unreachable_deliveries(&filter, now).await?;
    Ok(HttpResponse::Ok().json(RetriedOut { count, suppressed }))
}

/// Makes everything due again that fits, and answers how much that was. Every lot is a transaction and answered for
/// by itself.
pub async fn resend_all(
    app: &App,
    signed: &Signed,
    subject: &str,
    filter: &Filter,
) -> Result<u64, Problem> {
    let now = app.world.clock.now();
    let mut count = 0;
    loop {
        let mut tx = app.world.store.begin().await?;
        let lot = delivery::resend_some(&mut tx, filter, now).await?;
        if lot == 0 {
            break;
        }
        let entry = signed.entry(now, "deliveries.retried", subject.to_owned(), json!({ "status": filter.status, "channel": filter.channel, "user_id": filter.user_id,
                "event_id": filter.event_id, "query": filter.query, "made_since": filter.made_since }), json!({ "status": DeliveryStatus::Retrying, "count": lot }));
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        count += lot;
    }
    app.couriers.iter().for_each(|courier| courier.nudge());
    Ok(count)
}

async fn found(app: &App, id: DeliveryId) -> Result<HttpResponse, Problem> {
    let found = app.world.store.delivery(id).await?;
    let found = found.ok_or_else(|| Problem::new("not-found"))?;
    Ok(HttpResponse::Ok().json(DeliveryDetailOut::from(found)))
}
