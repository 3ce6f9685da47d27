//! Why somebody was told of an event, or was not: the whole trace, gate by gate and attempt by attempt (C4.8).

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::Instant;
use belfry_domain::channel::{Channel, Way};
use belfry_domain::event::EventType;
use belfry_domain::field::FieldError;
use belfry_domain::gate::{Check, Class, Gate};
use belfry_domain::id::{EventId, UserId};
use belfry_domain::notification::{
    Audience, Category, Decision, Facts, People, Trace, WayOutcome, WayTrace,
};
use belfry_domain::text;
use belfry_store::explain::{Explained, Filter, Happened, Passed};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::delivery::DeliveryDetailOut;
use crate::http::input::{Faults, Query};
use crate::http::openapi::shape::{
    AudienceShape, CategoryShape, ChannelShape, CheckShape, ClassShape, WayOutcomeShape, WayShape,
};
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;
use crate::http::rule::ReaderOut;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Such as `booking.created`.
    #[serde(rename = "type")]
    #[param(max_length = 60)]
    kind: Option<String>,
    /// What it is about, such as `booking/{id}`.
    #[param(max_length = 100)]
    subject: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    #[param(required = true)]
    event_id: Option<Uuid>,
    #[param(required = true)]
    user_id: Option<Uuid>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub struct EventOut {
    id: Uuid,
    #[serde(rename = "type")]
    kind: Option<String>,
    subject: Option<String>,
    time: DateTime<Utc>,
    data: Option<Value>,
    /// When it was planned who is told; `null` while it waits.
    planned_at: Option<DateTime<Utc>>,
    /// Why it was set aside, if it was.
    fault: Option<String>,
    /// Those named in it.
    people: Vec<Uuid>,
}

impl From<Happened> for EventOut {
    fn from(happened: Happened) -> Self {
        let people = happened
            .event
            .as_ref()
            .ok()
            .and_then(|event| Facts::of(event).ok());
        let people = people.map(|facts| facts.people()).unwrap_or_default();
        let (event, unread) = match happened.event {
            Ok(event) => (Some(event), None),
            Err(fault) => (None, Some(fault)),
        };
        let kind = event.as_ref().map(|event| event.kind.as_str().to_owned());
        Self {
            id: happened.id.uuid(),
            kind,
            subject: event.as_ref().map(|event| event.subject.clone()),
            time: happened.time,
            data: event.map(|event| event.data),
            planned_at: happened.planned_at,
            fault: happened.fault.or(unread),
            people: people.into_iter().map(UserId::uuid).collect(),
        }
    }
}

/// What one rule decided about one person.
#[derive(Serialize, ToSchema)]
pub struct DecisionOut {
    rule_id: String,
    rule_version: i64,
    user: ReaderOut,
    #[schema(value_type = AudienceShape)]
    audience: Audience,
    #[schema(value_type = CategoryShape)]
    category: Category,
    #[schema(value_type = ClassShape)]
    class: Class,
    /// What the rule's condition said of the event.
    #[schema(value_type = CheckShape)]
    condition: Check,
    /// Whether it left an entry in the inbox.
    inbox: bool,
    ways: Vec<WayOut>,
    at: DateTime<Utc>,
}

/// What became of one way at planning.
#[derive(Serialize, ToSchema)]
pub struct WayOut {
    #[schema(value_type = WayShape)]
    way: Way,
    /// The channel of the address, where there is one.
    #[schema(value_type = Option<ChannelShape>)]
    channel: Option<Channel>,
    /// 0 for those sent at once, n for the n-th way that is tried when those before have failed.
    rank: i64,
    #[schema(value_type = WayOutcomeShape)]
    outcome: WayOutcome,
    /// Each gate that was asked, in their order; the last one decided.
    #[schema(value_type = Vec<CheckShape>)]
    checks: Vec<Check>,
}

impl From<WayTrace> for WayOut {
    fn from(way: WayTrace) -> Self {
        Self {
            way: way.way,
            channel: way.channel,
            rank: way.rank,
            outcome: way.outcome,
            checks: way.checks,
        }
    }
}

impl DecisionOut {
    /// A decision just made.
    pub fn of(made: Decision, people: &People, at: Instant) -> Self {
        let user = ReaderOut::of(made.user_id, people);
        Self::new(made.rule_id, made.rule_version, user, made.trace, at)
    }

    fn new(rule_id: String, rule_version: i64, user: ReaderOut, trace: Trace, at: Instant) -> Self {
        Self {
            rule_id,
            rule_version,
            user,
            audience: trace.audience,
            category: trace.category,
            class: trace.class,
            condition: trace.condition,
            inbox: trace.inbox,
            ways: trace.ways.into_iter().map(WayOut::from).collect(),
            at,
        }
    }
}

/// An inbox entry, as long as it is kept.
#[derive(Serialize, ToSchema)]
pub struct NotedOut {
    id: Uuid,
    rule_id: String,
    offset: i64,
    title: String,
    read_at: Option<DateTime<Utc>>,
}

/// A message with every try, and what the gates said of it after it was planned.
#[derive(Serialize, ToSchema)]
pub struct ExplainedDeliveryOut {
    #[serde(flatten)]
    delivery: DeliveryDetailOut,
    gates: Vec<PassedOut>,
}

/// What a gate said when the message was about to leave.
#[derive(Serialize, ToSchema)]
pub struct PassedOut {
    at: DateTime<Utc>,
    gate: String,
    /// Whether it let the message pass: another way opens when the one before it came back.
    passed: bool,
    reason: String,
    /// Until when it was held; `null` when it never leaves.
    until: Option<DateTime<Utc>>,
}

impl From<Passed> for PassedOut {
    fn from(passed: Passed) -> Self {
        Self {
            at: passed.at,
            passed: passed.gate == Gate::Fallback.as_str(),
            gate: passed.gate,
            reason: passed.reason,
            until: passed.until,
        }
    }
}

/// A daily message that something was gathered for.
#[derive(Serialize, ToSchema)]
pub struct GatheredOut {
    way: String,
    leaves_at: DateTime<Utc>,
    left_at: Option<DateTime<Utc>>,
}

/// A rule for this type of event that decided nothing about this person.
#[derive(Serialize, ToSchema)]
pub struct SilentRuleOut {
    rule_id: String,
    /// `off`: the rule is switched off. `audience`: the person is not among those it tells. `waiting`: the event is
    /// not planned yet.
    reason: &'static str,
}

/// Everything about one event and one person.
#[derive(Serialize, ToSchema)]
pub struct ExplanationOut {
    event: EventOut,
    user: ReaderOut,
    decisions: Vec<DecisionOut>,
    /// Rules in force now that said nothing about the person.
    silent: Vec<SilentRuleOut>,
    entries: Vec<NotedOut>,
    gathered: Vec<GatheredOut>,
    deliveries: Vec<ExplainedDeliveryOut>,
}

/// Lists what happened, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/events", tag = "Administration", params(EventQuery),
    responses((status = 200, body = Page<EventOut>)))]
pub async fn list_events(
    app: Data<App>,
    signed: Signed,
    query: Query<EventQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<(Instant, EventId)>(query.after.as_deref())?;
    let mut faults = Faults::default();
    let filter = Filter {
        kind: faults.take_some(query.kind.as_deref(), |name| {
            let unknown = |_| {
                FieldError::new(
                    "/type",
                    FieldError::INVALID,
                    "There is no such type of event.",
                )
            };
            let kind = name.parse::<EventType>().map_err(unknown)?;
            Ok(kind.as_str().to_owned())
        }),
        subject: faults.take_some(query.subject.as_deref(), |typed| {
            text::checked("/subject", typed, 0, 100, false)
        }),
    };
    faults.check()?;
    let found = app.world.store.events(&filter, after, limit + 1).await?;
    let key = |happened: &Happened| (happened.time, happened.id);
    Ok(HttpResponse::Ok().json(page(found, limit, key, EventOut::from)))
}

/// Why a person was told of an event, or was not: each rule, each gate, each attempt; admins.
#[utoipa::path(get, path = "/api/v1/admin/explain", tag = "Administration", params(ExplainQuery),
    responses((status = 200, body = ExplanationOut)))]
pub async fn explain(
    app: Data<App>,
    signed: Signed,
    query: Query<ExplainQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let mut faults = Faults::default();
    let mut id = |pointer, given: Option<Uuid>| {
        let missing = || FieldError::new(pointer, FieldError::REQUIRED, "This is needed.");
        faults.take(given.ok_or_else(missing)).unwrap_or_default()
    };
    let event = EventId::from(id("/event_id", query.0.event_id));
    let user = UserId::from(id("/user_id", query.0.user_id));
    faults.check()?;
    let store = &app.world.store;
    let account = store.account(user).await?;
    let account = account.ok_or_else(|| Problem::new("not-found"))?;
    let found = store.explain(event, user).await?;
    let found = found.ok_or_else(|| Problem::new("not-found"))?;
    let rules = store.rule_book().await?;
    let reader = || ReaderOut::named(user, &account.name);
    Ok(HttpResponse::Ok().json(explanation(found, &reader, &rules)))
}

fn explanation(
    found: Explained,
    reader: &dyn Fn() -> ReaderOut,
    rules: &belfry_domain::rule::RuleBook,
) -> ExplanationOut {
    let planned = found.happened.planned_at.is_some();
    let kind = found.happened.event.as_ref().ok().map(|event| event.kind);
    let silent = rules.all().iter().filter(|rule| {
        Some(rule.draft.on) == kind && !found.decisions.iter().any(|made| made.rule_id == rule.id)
    });
    let silent = silent.map(|rule| SilentRuleOut {
        rule_id: rule.id.clone(),
        reason: match (planned, rule.draft.enabled) {
            (false, _) => "waiting",
            (true, false) => "off",
            (true, true) => "audience",
        },
    });
    ExplanationOut {
        user: reader(),
        silent: silent.collect(),
        decisions: found
            .decisions
            .into_iter()
            .map(|made| {
                DecisionOut::new(
                    made.rule_id,
                    made.rule_version,
                    reader(),
                    made.trace,
                    made.at,
                )
            })
            .collect(),
        entries: found
            .entries
            .into_iter()
            .map(|noted| NotedOut {
                id: noted.id.uuid(),
                rule_id: noted.rule_id,
                offset: noted.offset,
                title: noted.title,
                read_at: noted.read_at,
            })
            .collect(),
        gathered: found
            .gathered
            .into_iter()
            .map(|(way, leaves_at, left_at)| GatheredOut {
                way,
                leaves_at,
                left_at,
            })
            .collect(),
        deliveries: found
            .deliveries
            .into_iter()
            .map(|(detail, gates)| ExplainedDeliveryOut {
                delivery: detail.into(),
                gates: gates.into_iter().map(PassedOut::from).collect(),
            })
            .collect(),
        event: found.happened.into(),
    }
}
