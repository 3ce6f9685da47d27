//! What is seen of a line and of a visit as they go on, and what of it is worth saying.

use std::sync::Arc;

use belfry_actors::queue::Look;
use belfry_domain::Instant;
use belfry_domain::api_key::Scope;
use belfry_domain::id::{BranchId, VisitId};
use belfry_domain::queue::estimate::{Estimate, is_real_change};
use belfry_domain::queue::{Visit, ahead};

use crate::grpc::call::Call;
use crate::grpc::v1;
use crate::grpc::watching::{Seen, Watched};
use crate::http::auth::Signed;
use crate::http::problem::Problem;
use crate::http::queue::visit::concerns;
use crate::http::queue::{QueueOut, VisitOut, unjoinable};

/// The line of a branch.
pub struct FollowedLine {
    branch: BranchId,
    said: Option<SaidOfLine>,
}

/// What a watcher knows of a line.
struct SaidOfLine {
    look: Arc<Look>,
    reason: Option<&'static str>,
    staff: bool,
}

impl FollowedLine {
    pub fn new(branch: BranchId) -> Self {
        Self { branch, said: None }
    }
}

impl Watched for FollowedLine {
    type Message = v1::Queue;

    async fn look(&mut self, call: &Call) -> Result<Seen<v1::Queue>, Problem> {
        let admitted = call.still().await?;
        // Who is behind a number is shown to whom REST would answer it.
        let may_read = admitted.may(Scope::BookingsRead);
        let staff = may_read && Signed::from(admitted).caller().works_at(self.branch);
        let look = look(call, self.branch).await?;
        let now = call.app.world.clock.now();
        let reason = unjoinable(&look.branch, &look.line, now);
        let is = SaidOfLine {
            look,
            reason,
            staff,
        };
        if self.said.as_ref().is_some_and(|was| !was.differs(&is)) {
            return Ok(Seen::Same);
        }
        let look = &is.look;
        let shown = QueueOut::new(&look.branch, &look.line, &look.forecast, staff, now);
        self.said = Some(is);
        Ok(Seen::News(shown.into()))
    }
}

impl SaidOfLine {
    /// Whether what is so by now would have to be said.
    fn differs(&self, is: &Self) -> bool {
        let visits = |said: &Self| -> Vec<(VisitId, i64)> {
            let line = said.look.line.iter();
            line.map(|visit| (visit.id, visit.version)).collect()
        };
        if (self.reason, self.staff) != (is.reason, is.staff) || visits(self) != visits(is) {
            return true;
        }
        let moved = |was: Option<&Estimate>, known: Option<&Estimate>| {
            is_news(
                was,
                self.look.forecast.made_at,
                known,
                is.look.forecast.made_at,
            )
        };
        let (was, known) = (&self.look.forecast, &is.look.forecast);
        let newcomer = moved(Some(&was.newcomer), Some(&known.newcomer));
        let others = || {
            let line = self.look.line.iter().zip(&is.look.line);
            line.into_iter()
                .any(|(before, after)| moved(was.of(before), known.of(after)))
        };
        is.reason.is_none() && newcomer || is.staff && others()
    }
}

/// Whether an estimate would have to be told.
fn is_news(
    was: Option<&Estimate>,
    told_at: Instant,
    known: Option<&Estimate>,
    now: Instant,
) -> bool {
    match (was, known) {
        (Some(was), Some(known)) => is_real_change(was, told_at, known, now),
        (was, known) => was.is_some() != known.is_some(),
    }
}

/// One visit.
pub struct FollowedVisit {
    id: VisitId,
    branch: BranchId,
    /// Opened by its own secret, which is good for as long as it is there.
    by_secret: bool,
    said: Option<SaidOfVisit>,
}

/// What a watcher knows of a visit.
struct SaidOfVisit {
    version: i64,
    ahead: i64,
    estimate: Option<Estimate>,
    told_at: Instant,
}

impl FollowedVisit {
    pub fn new(id: VisitId, branch: BranchId, by_secret: bool) -> Self {
        Self {
            id,
            branch,
            by_secret,
            said: None,
        }
    }

    /// The visit, from the line while it stands there.
    async fn visit(&self, call: &Call, look: &Look) -> Result<Visit, Problem> {
        if let Some(visit) = look.line.iter().find(|visit| visit.id == self.id) {
            return Ok(visit.clone());
        }
        let found = call.app.world.store.visit(self.id).await?;
        found.ok_or_else(|| Problem::new("not-found"))
    }
}

impl Watched for FollowedVisit {
    type Message = v1::Visit;

    async fn look(&mut self, call: &Call) -> Result<Seen<v1::Visit>, Problem> {
        let signed = match self.by_secret {
            true => None,
            false => Some(Signed::from(call.still().await?)),
        };
        let look = look(call, self.branch).await?;
        let visit = self.visit(call, &look).await?;
        let stands = look.line.iter().any(|other| other.id == visit.id);
        if let Some(signed) = &signed {
            concerns(&visit, signed)?;
        }
        let is = SaidOfVisit {
            version: visit.version,
            ahead: ahead(&look.line, &visit),
            estimate: look.forecast.of(&visit).copied(),
            told_at: look.forecast.made_at,
        };
        // One that came back into the line after it was read has no place in it; the word of it is on its way.
        if visit.state.is_open() && !stands {
            return Ok(Seen::Same);
        }
        // One that was read after the line may have been further on than the line knows.
        let newer = |was: &SaidOfVisit| was.version > is.version;
        if self
            .said
            .as_ref()
            .is_some_and(|was| newer(was) || !was.differs(&is))
        {
            return Ok(Seen::Same);
        }
        self.said = Some(is);
        let now = call.app.world.clock.now();
        let shown = VisitOut::standing(&visit, &look.line, &look.forecast, now).into();
        Ok(match visit.state.is_final() {
            true => Seen::Last(shown),
            false => Seen::News(shown),
        })
    }
}

impl SaidOfVisit {
    /// Whether what is so by now would have to be said.
    fn differs(&self, is: &Self) -> bool {
        (self.version, self.ahead) != (is.version, is.ahead)
            || is_news(
                self.estimate.as_ref(),
                self.told_at,
                is.estimate.as_ref(),
                is.told_at,
            )
    }
}

async fn look(call: &Call, branch: BranchId) -> Result<Arc<Look>, Problem> {
    let look = call.app.queues.look(branch).await?;
    look.ok_or_else(|| Problem::new("not-found"))
}
