//! The rules that turn events into notifications, for administrators: read, edited version by version, and tried
//! on what happened before they are kept (T5).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::field::FieldError;
use belfry_domain::id::{EventId, UserId};
use belfry_domain::notification::{Entry, Message, People, Plan};
use belfry_domain::rule::{Draft, Rule, RuleBook};
use belfry_domain::sample;
use belfry_domain::template::Templates;
use belfry_store::audit;
use belfry_store::rule::{self, Version};
use belfry_store::versions::{self, Book};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, versioned};
use crate::http::explain::DecisionOut;
use crate::http::idempotency::{Created, once};
use crate::http::input::{Body, Id};
use crate::http::openapi::shape::{ChannelShape, RuleShape};
use crate::http::problem::Problem;

/// A rule in force, or one of its earlier versions.
#[derive(Serialize, ToSchema)]
pub struct RuleOut {
    id: String,
    version: i64,
    #[serde(flatten)]
    #[schema(value_type = RuleShape)]
    draft: Draft,
    created_at: DateTime<Utc>,
    /// Who wrote this version; `null` for what the house came with.
    created_by: Option<Uuid>,
    /// Whether it differs from what the house came with; `null` where the house came with none.
    edited: Option<bool>,
}

impl RuleOut {
    fn new(id: &str, kept: Version, defaults: &RuleBook) -> Self {
        let default = defaults.all().iter().find(|rule| rule.id == id);
        Self {
            id: id.to_owned(),
            version: kept.version,
            edited: default.map(|rule| rule.draft != kept.draft),
            draft: kept.draft,
            created_at: kept.created_at,
            created_by: kept.created_by.map(UserId::uuid),
        }
    }
}

/// Every rule, or every version of one, newest first.
#[derive(Serialize, ToSchema)]
pub struct RulesOut {
    items: Vec<RuleOut>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRuleIn {
    /// Small letters, digits, dots, hyphens and underscores.
    #[schema(
        min_length = 1,
        max_length = 60,
        pattern = "^[a-z0-9][a-z0-9._-]*$",
        example = "booking.created.manager"
    )]
    id: String,
    #[schema(value_type = RuleShape)]
    rule: Draft,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsalIn {
    /// The event to try it on.
    event_id: Uuid,
    #[schema(value_type = RuleShape)]
    rule: Draft,
}

/// What a rule would make of an event that happened, with people as they are now. Nothing is sent.
#[derive(Serialize, ToSchema)]
pub struct RehearsalOut {
    /// Whether the rule is for events of this type at all.
    for_this_event: bool,
    /// Whether planning failed, and why.
    fault: Option<String>,
    decisions: Vec<DecisionOut>,
    entries: Vec<EntryOut>,
    messages: Vec<MessageOut>,
}

/// An inbox entry that would be written.
#[derive(Serialize, ToSchema)]
pub struct EntryOut {
    user: ReaderOut,
    title: String,
    body: String,
}

/// A message that would be planned.
#[derive(Serialize, ToSchema)]
pub struct MessageOut {
    user: Option<ReaderOut>,
    #[schema(value_type = ChannelShape)]
    channel: Channel,
    /// 0 for those sent at once, n for the n-th way that is tried when those before have failed.
    rank: i64,
    send_at: DateTime<Utc>,
    subject: String,
    text: String,
}

/// A reader.
#[derive(Serialize, ToSchema)]
pub struct ReaderOut {
    #[schema(value_type = Uuid)]
    id: UserId,
    name: String,
}

impl ReaderOut {
    /// A reader whose name is known.
    pub fn named(id: UserId, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
        }
    }

    /// A reader among these people.
    pub fn of(id: UserId, people: &People) -> Self {
        let name = people.get(&id).map(|person| person.name.clone());
        Self {
            id,
            name: name.unwrap_or_default(),
        }
    }
}

/// Every rule in force; admins.
#[utoipa::path(get, path = "/api/v1/admin/rules", tag = "Administration",
    responses((status = 200, body = RulesOut)))]
pub async fn list(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let defaults = defaults()?;
    let rules = app.world.store.rules().await?.into_iter();
    let items = rules.map(|(id, kept)| RuleOut::new(&id, kept, &defaults));
    Ok(HttpResponse::Ok().json(RulesOut {
        items: items.collect(),
    }))
}

/// One rule in force; admins.
#[utoipa::path(get, path = "/api/v1/admin/rules/{id}", tag = "Administration", params(("id" = String, Path)),
    responses((status = 200, body = RuleOut)))]
pub async fn get(app: Data<App>, signed: Signed, id: Id<String>) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    shown(&app, &id.0).await
}

/// Every version of a rule, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/rules/{id}/versions", tag = "Administration", params(("id" = String, Path)),
    responses((status = 200, body = RulesOut)))]
pub async fn versions(
    app: Data<App>,
    signed: Signed,
    id: Id<String>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let kept = app.world.store.rule_versions(&id.0).await?;
    if kept.is_empty() {
        return Err(Problem::new("not-found"));
    }
    let defaults = defaults()?;
    let items = kept
        .into_iter()
        .map(|kept| RuleOut::new(&id.0, kept, &defaults));
    Ok(HttpResponse::Ok().json(RulesOut {
        items: items.collect(),
    }))
}

/// Adds a rule; admins.
#[utoipa::path(post, path = "/api/v1/admin/rules", tag = "Administration",
    params(crate::http::idempotency::KeyHeader), request_body = NewRuleIn,
    responses((status = 201, body = RuleOut)))]
pub async fn create(
    app: Data<App>,
    signed: Signed,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let make = async |_| {
        let input: NewRuleIn = body.read()?;
        if !is_name(&input.id) {
            let detail =
                "A rule's name has 1 to 60 small letters, digits, dots, hyphens and underscores.";
            return Err(Problem::field("/id", FieldError::INVALID, detail));
        }
        check(&input.rule, app.world.clock.now())?;
        if !app.world.store.rule_versions(&input.id).await?.is_empty() {
            return Err(Problem::new("conflict"));
        }
        keep(&app, &signed, &input.id, None, &input.rule).await?;
        Ok(Created::new(&found(&app, &input.id).await?))
    };
    let lost = async |_| Err(Problem::new("conflict"));
    once(&app, &request, signed.claimant(), &body, make, lost).await
}

/// Puts a new version of a rule in force; admins. What is planned from then on is planned by it.
#[utoipa::path(put, path = "/api/v1/admin/rules/{id}", tag = "Administration",
    params(("id" = String, Path), crate::http::etag::IfMatchHeader), request_body = RuleShape,
    responses((status = 200, body = RuleOut)))]
pub async fn put(
    app: Data<App>,
    signed: Signed,
    id: Id<String>,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let draft: Draft = body.read()?;
    check(&draft, app.world.clock.now())?;
    replace(&app, &signed, &id.0, &if_match, &draft).await
}

/// Puts what the house came with in force again, as a new version; admins.
#[utoipa::path(post, path = "/api/v1/admin/rules/{id}/reset", tag = "Administration",
    params(("id" = String, Path), crate::http::etag::IfMatchHeader),
    responses((status = 200, body = RuleOut)))]
pub async fn reset(
    app: Data<App>,
    signed: Signed,
    id: Id<String>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let defaults = defaults()?;
    let default = defaults.all().iter().find(|rule| rule.id == id.0);
    let draft = default
        .ok_or_else(|| Problem::new("not-found"))?
        .draft
        .clone();
    replace(&app, &signed, &id.0, &if_match, &draft).await
}

/// Tries a rule on an event that happened, without keeping it or telling anybody; admins.
#[utoipa::path(post, path = "/api/v1/admin/rules/try", tag = "Administration", request_body = RehearsalIn,
    responses((status = 200, body = RehearsalOut)))]
pub async fn rehearse(app: Data<App>, signed: Signed, body: Body) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let input: RehearsalIn = body.read()?;
    check(&input.rule, app.world.clock.now())?;
    let happened = app.world.store.event(EventId::from(input.event_id)).await?;
    let unknown = || Problem::field("/event_id", FieldError::INVALID, "There is no such event.");
    let event = happened.ok_or_else(unknown)?.event.map_err(|_| unknown())?;
    let for_this_event = event.kind == input.rule.on;
    // Also one that is switched off can be tried.
    let draft = Draft {
        enabled: true,
        ..input.rule
    };
    let rule = Rule::new("try".to_owned(), 0, draft);
    let (plan, people) = app.planner.rehearse(event, rule).await?;
    let (plan, fault) = match plan {
        Ok(plan) => (plan, None),
        Err(fault) => (Plan::default(), Some(fault)),
    };
    let entry = |entry: Entry| EntryOut {
        user: ReaderOut::of(entry.user_id, &people),
        title: entry.title,
        body: entry.body,
    };
    let message = |message: Message| MessageOut {
        user: message.user_id.map(|id| ReaderOut::of(id, &people)),
        channel: message.channel,
        rank: message.rank,
        send_at: message.send_at,
        subject: message.subject,
        text: message.content.text,
    };
    let decisions = plan.decisions.into_iter();
    Ok(HttpResponse::Ok().json(RehearsalOut {
        for_this_event,
        fault,
        decisions: decisions
            .map(|made| DecisionOut::of(made, &people, app.world.clock.now()))
            .collect(),
        entries: plan.entries.into_iter().map(entry).collect(),
        messages: plan.messages.into_iter().map(message).collect(),
    }))
}

async fn replace(
    app: &App,
    signed: &Signed,
    id: &str,
    if_match: &IfMatch,
    draft: &Draft,
) -> Result<HttpResponse, Problem> {
    keep(app, signed, id, Some(if_match), draft).await?;
    shown(app, id).await
}

/// Writes the next version, or with no `if_match` the first one, with its audit entry.
async fn keep(
    app: &App,
    signed: &Signed,
    id: &str,
    if_match: Option<&IfMatch>,
    draft: &Draft,
) -> Result<(), Problem> {
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    versions::edited(&mut tx, Book::Rules).await?;
    let before = match if_match {
        None => None,
        Some(if_match) => {
            let kept = rule::in_force(&mut tx, id).await?;
            let kept = kept.ok_or_else(|| Problem::new("not-found"))?;
            if_match.check(kept.version)?;
            Some(kept)
        }
    };
    let version = before.as_ref().map_or(0, |kept| kept.version);
    if !rule::put(&mut tx, id, version, draft, signed.0.id, now).await? {
        return Err(Problem::new("stale"));
    }
    let entry = signed.entry(
        now,
        if before.is_some() {
            "rule.edited"
        } else {
            "rule.added"
        },
        format!("rule/{id}"),
        before.map_or(Value::Null, |kept| json!(kept.draft)),
        json!(draft),
    );
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    Ok(())
}

async fn found(app: &App, id: &str) -> Result<RuleOut, Problem> {
    let versions = app.world.store.rule_versions(id).await?;
    let kept = versions
        .into_iter()
        .next()
        .ok_or_else(|| Problem::new("not-found"))?;
    Ok(RuleOut::new(id, kept, &defaults()?))
}

async fn shown(app: &App, id: &str) -> Result<HttpResponse, Problem> {
    let rule = found(app, id).await?;
    Ok(versioned(rule.version, &rule))
}

fn check(draft: &Draft, now: Instant) -> Result<(), Problem> {
    let scenes = sample::events(draft.on, now);
    let scenes: Vec<Value> = scenes
        .iter()
        .map(|(event, facts)| facts.scene(event))
        .collect();
    match draft.faults(&Templates::kinds(), &scenes) {
        faults if faults.is_empty() => Ok(()),
        faults => Err(Problem::fields(faults)),
    }
}

fn is_name(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    (1..=60).contains(&id.len()) && id.chars().all(fits) && !id.starts_with(['.', '-', '_'])
}

fn defaults() -> Result<RuleBook, Problem> {
    RuleBook::defaults().map_err(|error| {
        tracing::error!(%error, "the rules that the house comes with cannot be read");
        Problem::new("internal")
    })
}
