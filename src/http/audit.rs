//! Who changed what, for administrators (C6.2).

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::id::{ApiKeyId, AuditId, UserId};
use belfry_domain::text;
use belfry_store::audit::{Kept, Wanted};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::booking::list::instant_or_date;
use crate::http::input::{Faults, Query};
use crate::http::named::NamedOut;
use crate::http::page::{Page, cursor, limit, page};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Who did it.
    actor_id: Option<Uuid>,
    /// By which key it was done.
    api_key_id: Option<Uuid>,
    /// An action such as `user.governed`, or all of a noun, `user`.
    #[param(max_length = 60)]
    action: Option<String>,
    /// A subject such as `user/{id}`, or all of a noun, `user`.
    #[param(max_length = 200)]
    subject: Option<String>,
    /// Instant or date (in the caller's zone): from then on.
    from: Option<String>,
    /// Instant or date (in the caller's zone): before then.
    until: Option<String>,
    /// Text in action, subject, name of the author, before or after.
    #[param(max_length = 100)]
    query: Option<String>,
    limit: Option<i64>,
    after: Option<String>,
}

/// One change.
#[derive(Serialize, ToSchema)]
pub struct AuditOut {
    id: Uuid,
    at: DateTime<Utc>,
    /// Who did it; `null` for the system itself.
    actor: Option<NamedOut>,
    /// The key by which it was done, if it was a machine.
    api_key: Option<NamedOut>,
    /// Past tense.
    #[schema(example = "user.governed")]
    action: String,
    #[schema(example = "user/0192d3a0-0000-7000-8000-000000000000")]
    subject: String,
    /// How it was; `null` when it was not there.
    before: Value,
    /// How it is; `null` when it is not there any more.
    after: Value,
}

impl From<Kept> for AuditOut {
    fn from(kept: Kept) -> Self {
        let named = |id: Option<Uuid>, name: Option<String>| {
            let name = name.unwrap_or_default();
            id.map(|id| NamedOut { id, name })
        };
        Self {
            id: kept.id,
            at: kept.at,
            actor: named(kept.actor_id, kept.actor_name),
            api_key: named(kept.api_key_id, kept.key_name),
            action: kept.action,
            subject: kept.subject,
            before: kept.before.0,
            after: kept.after.0,
        }
    }
}

/// Lists changes, newest first; admins.
#[utoipa::path(get, path = "/api/v1/admin/audit", tag = "Administration", params(AuditQuery),
    responses((status = 200, body = Page<AuditOut>)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<AuditQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let query = query.0;
    let limit = limit(query.limit)?;
    let after = cursor::<AuditId>(query.after.as_deref())?;
    let zone = signed.0.time_zone;
    let mut faults = Faults::default();
    let mut line = |pointer: &str, value: Option<&str>, most| {
        let checked = faults.take_some(value, |v| text::checked(pointer, v, 0, most, false));
        checked.filter(|text| !text.is_empty())
    };
    let action = line("/action", query.action.as_deref(), 60);
    let subject = line("/subject", query.subject.as_deref(), 200);
    let text = line("/query", query.query.as_deref(), 100);
    let wanted = Wanted {
        actor: query.actor_id.map(UserId::from),
        key: query.api_key_id.map(ApiKeyId::from),
        action,
        subject,
        from: faults.take_some(query.from.as_deref(), |v| instant_or_date("/from", v, zone)),
        until: faults.take_some(query.until.as_deref(), |v| {
            instant_or_date("/until", v, zone)
        }),
        text,
    };
    faults.check()?;
    let found = app.world.store.audit_log(&wanted, after, limit + 1).await?;
    let key = |kept: &Kept| AuditId::from(kept.id);
    Ok(HttpResponse::Ok().json(page(found, limit, key, AuditOut::from)))
}
