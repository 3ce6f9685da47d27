//! One event of a batch, from its row to its plan.

use belfry_domain::event::Event;
use belfry_domain::id::{EventId, UserId};
use belfry_domain::notification::{Audience, Facts, PlanError, Planning, Sides, plan};
use belfry_domain::rule::Rule;
use belfry_domain::webhook::{self, Hook};
use belfry_store::planning::{Claimed, Onlookers, Outcome};
use uuid::Uuid;

use super::books::Book;

/// A claimed event, read as far as it can be read.
pub(super) struct Reading {
    pub(super) id: EventId,
    pub(super) read: Result<(Event, Facts), String>,
}

impl Reading {
    pub(super) fn of(claimed: Claimed) -> Self {
        let read = claimed.event.and_then(|event| {
            let facts = Facts::of(&event).map_err(|error| error.to_string())?;
            Ok((event, facts))
        });
        Self {
            id: claimed.id,
            read,
        }
    }

    pub(super) fn people(&self) -> Vec<UserId> {
        match &self.read {
            Ok((_, facts)) => facts.people(),
            Err(_) => Vec::new(),
        }
    }

    pub(super) fn expert(&self) -> Option<UserId> {
        self.read.as_ref().ok()?.1.expert()
    }

    /// The id of what the event is about.
    pub(super) fn subject(&self) -> Option<Uuid> {
        let (event, _) = self.read.as_ref().ok()?;
        event.subject.rsplit('/').next()?.parse().ok()
    }

    /// Whether a rule tells this audience of it.
    pub(super) fn tells(&self, audience: Audience, book: &Book) -> bool {
        let tells = |rule: &Rule| rule.draft.audience == audience;
        let read = self.read.as_ref();
        read.is_ok_and(|(event, _)| book.rules.on(event.kind).any(tells))
    }

    pub(super) fn sides(&self, onlookers: &Onlookers) -> Sides {
        let managers = self.expert().and_then(|id| onlookers.managers.get(&id));
        let followers = self.subject().and_then(|id| onlookers.followers.get(&id));
        Sides {
            managers: managers.cloned().unwrap_or_default(),
            followers: followers.cloned().unwrap_or_default(),
            administrators: onlookers.administrators.clone(),
        }
    }

    pub(super) fn plan(&self, planning: &Planning<'_>, hooks: &[Hook]) -> Outcome {
        let plan = match &self.read {
            Ok((event, facts)) => plan(event, facts, planning)
                .map(|mut plan| {
                    let told = webhook::messages(event, hooks, planning.now);
                    plan.messages.extend(told);
                    plan
                })
                .map_err(|error: PlanError| error.to_string()),
            Err(fault) => Err(fault.clone()),
        };
        Outcome { id: self.id, plan }
    }
}
