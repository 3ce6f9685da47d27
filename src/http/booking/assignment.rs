//! Why a branch gave a booking to its expert (B2).

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::assignment::{Ranked, Scored};
use belfry_domain::booking::Side;
use belfry_domain::expert::Presence;
use belfry_domain::id::{BookingId, UserId};
use belfry_store::assignment::Assignment;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::concerned;
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::Id;
use crate::http::named::NamedOut;
use crate::http::openapi::shape::{PresenceShape, ScoredShape, StrategyShape};
use crate::http::problem::Problem;

/// Why a booking was given to its expert.
#[derive(Serialize, ToSchema)]
pub struct AssignmentOut {
    branch: NamedOut,
    #[schema(value_type = StrategyShape)]
    strategy: String,
    /// What was asked for.
    skill: Option<String>,
    /// Who was chosen; the booking may have gone to somebody else since.
    #[schema(value_type = Uuid)]
    expert_id: UserId,
    /// How many others were asked before, who had been taken in that very moment.
    attempt: i64,
    /// Who that was, in order.
    passed_on: Vec<PassedOnOut>,
    decided_at: DateTime<Utc>,
    /// Everybody who could have had it, the first to be asked in front.
    candidates: Vec<CandidateOut>,
}

/// Somebody who was asked and had just been taken.
#[derive(Serialize, ToSchema)]
pub struct PassedOnOut {
    #[schema(value_type = Uuid)]
    expert_id: UserId,
    /// `null` once the account is gone.
    name: Option<String>,
}

/// What spoke for and against somebody.
#[derive(Serialize, ToSchema)]
pub struct CandidateOut {
    #[schema(value_type = Uuid)]
    expert_id: UserId,
    /// `null` once the account is gone.
    name: Option<String>,
    /// The sum of the parts.
    score: f64,
    #[schema(value_type = Vec<ScoredShape>)]
    parts: Vec<Scored>,
    /// Minutes booked with them, and those that would have been their fair share, both decayed.
    worked_minutes: f64,
    fair_minutes: f64,
    /// Bookings on that date.
    load: u16,
    #[schema(value_type = PresenceShape)]
    presence: Presence,
}

impl From<Assignment> for AssignmentOut {
    fn from(found: Assignment) -> Self {
        let passed_on = found.passed_on.iter().map(|id| PassedOnOut {
            expert_id: *id,
            name: found.names.get(id).cloned(),
        });
        let passed_on = passed_on.collect();
        let candidate = |Ranked {
                             candidate,
                             score,
                             parts,
                         }: Ranked| CandidateOut {
            name: found.names.get(&candidate.expert).cloned(),
            expert_id: candidate.expert,
            score,
            parts,
            worked_minutes: candidate.worked_minutes,
            fair_minutes: candidate.fair_minutes,
            load: candidate.load,
            presence: candidate.presence,
        };
        Self {
            branch: NamedOut {
                id: found.branch_id.uuid(),
                name: found.branch_name,
            },
            strategy: found.strategy,
            skill: found.skill,
            expert_id: found.expert_id,
            attempt: found.attempt,
            passed_on,
            decided_at: found.decided_at,
            candidates: found.candidates.into_iter().map(candidate).collect(),
        }
    }
}

/// Why a branch gave this booking to its expert; the expert, the expert's manager, admins. 204 where the client chose.
#[utoipa::path(get, path = "/api/v1/bookings/{id}/assignment", tag = "Bookings", params(("id" = Uuid, Path)),
    responses((status = 200, body = AssignmentOut), (status = 204, description = "The client chose the expert.")))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    id: Id<BookingId>,
) -> Result<HttpResponse, Problem> {
    let (_, side) = concerned(&app, &signed, id.0).await?;
    if side != Side::Staff {
        return Err(Problem::new("forbidden"));
    }
    Ok(match app.world.store.assignment(id.0).await? {
        Some(found) => HttpResponse::Ok().json(AssignmentOut::from(found)),
        None => HttpResponse::NoContent().finish(),
    })
}
