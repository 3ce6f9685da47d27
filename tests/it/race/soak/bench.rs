//! One answer, and what may have stood or stood for certain while it was given.

use std::time::{Duration, Instant as Moment};

use super::offer::{CANCEL_NOTICE, Span};
use super::record::{Call, Claim, Edge, Record, State, Version, Wish};

/// What a person may hold at once.
const MOST_HOLDS: usize = 3;

/// One call before the judge, who allows other nodes' changes to be heard of this much later.
pub struct Bench<'a> {
    pub record: &'a Record,
    pub call: &'a Call,
    pub lag: Duration,
}

impl Bench<'_> {
    /// Whether the answer is explained by what stood or may have stood.
    pub fn is_right(&self) -> bool {
        let call = self.call;
        match (call.status, call.slug()) {
            (200 | 201, "") => self.may_be_done(),
            (204, "") => true,
            // It is busy, and nobody knows what became of the wish.
            (503, "unavailable") => true,
            (409, "slot-taken") => {
                self.is_taken() && alternatives(call).all(|span| self.is_alternative(span))
            }
            (409, "client-busy") => self.client_is_busy(),
            (422, "slot-not-offered") => self.is_not_offered(not_offered(call)),
            (409, "wrong-status") => self.states().any(|state| {
                let status = call.body["booking_status"].as_str().unwrap_or_default();
                state.status == status && !self.allows(status)
            }),
            (409, "too-late") => self
                .states()
                .any(|state| match (&call.wish, call.by_staff()) {
                    (Wish::Step { step: "edit", .. }, _) => call.clock.1 >= state.span.from,
                    (_, true) => call.clock.1 > state.span.from,
                    (_, false) => call.clock.1 > state.span.from - CANCEL_NOTICE,
                }),
            (409, "too-early") => self.states().any(|state| call.clock.0 < state.span.from),
            (412, "stale") => self.versions().any(|(v, _)| Some(*v) != call.expected),
            (429, "too-many-holds") => {
                let held = |claim: &&Claim| claim.expires.is_some() && self.may_stand(claim);
                let all = self.record.taken.iter().flatten();
                let mine = all.filter(|claim| claim.client == call.client);
                mine.filter(held).count() >= MOST_HOLDS
            }
            (404, "not-found") => self.hold_may_be_gone(),
            _ => false,
        }
    }

    /// What of another node's change may have been heard of this much later.
    fn grace(&self, edge: &Edge) -> Duration {
        if edge.node == self.call.node {
            Duration::ZERO
        } else {
            self.lag
        }
    }

    /// Whether it may have stood, as far as this node knew, at some moment of the call.
    fn may_stand(&self, claim: &Claim) -> bool {
        let ended = claim
            .until
            .is_some_and(|until| until.answered + self.grace(&until) < self.call.sent);
        let run_out = claim.expires.is_some_and(|at| at <= self.call.clock.0);
        claim.from.sent <= self.call.answered && !ended && !run_out
    }

    /// Whether it stood for certain, and this node had heard of it, as long as the call took.
    fn stands_for_certain(&self, claim: &Claim) -> bool {
        let begun = claim.from.answered + self.grace(&claim.from) <= self.call.sent;
        let goes_on = claim
            .until
            .is_none_or(|until| until.sent >= self.call.answered);
        begun && goes_on && claim.expires.is_none_or(|at| at > self.call.clock.1)
    }

    /// Not the booking that is moved, nor the asker's holds, which it replaces.
    fn is_in_the_way(&self, claim: &Claim, span: Span) -> bool {
        let offer = &self.record.offers[self.call.expert][0].offer;
        let own = Some(&*claim.id) == self.call.booking()
            || (claim.expires.is_some() && claim.client == self.call.client);
        !own && offer.stretch(claim.span).overlaps(offer.stretch(span))
    }

    fn is_taken(&self) -> bool {
        let Some(span) = self.call.wanted() else {
            return false;
        };
        let known = self.record.taken[self.call.expert]
            .iter()
            .any(|claim| self.is_in_the_way(claim, span) && self.may_stand(claim));
        let offer = &self.record.offers[self.call.expert][0].offer;
        known
            || self.unknown().any(|wanted| {
                let wanted = offer.stretch(wanted);
                wanted.overlaps(offer.stretch(span))
            })
    }

    /// What was wanted of this expert by calls whose end is unknown, before this one was answered.
    fn unknown(&self) -> impl Iterator<Item = Span> {
        let unknown = |other: &&Call| {
            other.is_unknown()
                && other.expert == self.call.expert
                && other.sent <= self.call.answered
        };
        let calls = self.record.calls.iter().filter(unknown);
        calls.filter_map(Call::wanted)
    }

    fn client_is_busy(&self) -> bool {
        let Some(span) = self.call.wanted() else {
            return false;
        };
        // The database alone refuses this: it needs no word from other nodes.
        let strict = Bench {
            lag: Duration::ZERO,
            ..*self
        };
        self.record.taken.iter().flatten().any(|claim| {
            claim.client == self.call.client
                && claim.expires.is_none()
                && Some(&*claim.id) != self.call.booking()
                && claim.span.overlaps(span)
                && strict.may_stand(claim)
        })
    }

    /// What the expert may have offered, as far as this node knew, during the call.
    fn offers(&self) -> impl Iterator<Item = &Version> {
        let all = &self.record.offers[self.call.expert];
        all.iter().enumerate().filter_map(|(place, version)| {
            let next = all.get(place + 1).map(|next| next.edge);
            let replaced =
                next.is_some_and(|next| next.answered + self.grace(&next) < self.call.sent);
            (version.edge.sent <= self.call.answered && !replaced).then_some(version)
        })
    }

    fn is_not_offered(&self, code: &str) -> bool {
        let call = self.call;
        let Some(span) = call.wanted() else {
            return false;
        };
        if call.by_staff() {
            return code == "in_the_past" && span.from <= call.clock.1;
        }
        self.offers().any(|version| match code {
            "day_cap" | "week_cap" => self.may_be_full(version, span, code == "day_cap"),
            _ => {
                let reasons =
                    [call.clock.0, call.clock.1].map(|now| version.offer.reason(span, now));
                reasons.contains(&Some(code))
            }
        })
    }

    /// The bookings that count towards the cap that `span` falls under.
    fn counted(&self, version: &Version, span: Span, day: bool) -> impl Iterator<Item = &Claim> {
        let offer = version.offer.clone();
        let counted = self.record.counted[self.call.expert].iter();
        counted.filter(move |claim| {
            let near = if day {
                offer.day(claim.span.from) == offer.day(span.from)
            } else {
                offer.week(claim.span.from) == offer.week(span.from)
            };
            near && Some(&*claim.id) != self.call.booking()
        })
    }

    fn may_be_full(&self, version: &Version, span: Span, day: bool) -> bool {
        let cap = if day {
            version.offer.per_day
        } else {
            version.offer.per_week
        };
        let near: Vec<&Claim> = self
            .counted(version, span, day)
            .filter(|claim| self.may_stand(claim))
            .collect();
        // All of them at one and the same moment.
        let stood_at = |moment: Moment| {
            let standing = near.iter().filter(|claim| {
                let over = claim
                    .until
                    .is_some_and(|until| until.answered + self.grace(&until) < moment);
                claim.from.sent <= moment && !over
            });
            standing.count()
        };
        let moments = near.iter().map(|claim| claim.from.sent.max(self.call.sent));
        let most = moments.map(stood_at).max().unwrap_or_default();
        cap.is_some_and(|cap| most + self.unknown().count() >= cap)
    }

    /// Whether a cap was reached for certain, all the time that the call took.
    fn is_full_for_certain(&self, version: &Version, span: Span) -> bool {
        let offer = &version.offer;
        [(true, offer.per_day), (false, offer.per_week)]
            .into_iter()
            .any(|(day, cap)| {
                let near = self.counted(version, span, day);
                let standing = near.filter(|claim| self.stands_for_certain(claim)).count();
                cap.is_some_and(|cap| standing >= cap)
            })
    }

    fn may_be_offered(&self, span: Span) -> bool {
        self.offers().any(|version| {
            let fits = [self.call.clock.0, self.call.clock.1]
                .iter()
                .any(|now| version.offer.reason(span, *now).is_none());
            fits && !self.is_full_for_certain(version, span)
        })
    }

    fn is_alternative(&self, span: Span) -> bool {
        let taken = self.record.taken[self.call.expert].iter();
        let mut in_the_way = taken.filter(|claim| self.is_in_the_way(claim, span));
        Some(span.minutes()) == self.call.wanted().map(Span::minutes)
            && self.may_be_offered(span)
            && !in_the_way.any(|claim| self.stands_for_certain(claim))
    }

    fn may_be_done(&self) -> bool {
        let call = self.call;
        // Taken time and caps are the database's to decide: no word from other nodes is needed.
        let strict = Bench {
            lag: Duration::ZERO,
            ..*self
        };
        let expected = call.expected.map(|expected| expected + 1);
        if expected.is_some_and(|version| call.body["version"] != version) {
            return false;
        }
        let mut taken = self.record.taken[call.expert].iter();
        let in_the_way = call.wanted().is_some_and(|span| {
            taken.any(|claim| strict.is_in_the_way(claim, span) && strict.stands_for_certain(claim))
        });
        if in_the_way {
            return false;
        }
        match (call.wanted(), call.by_staff()) {
            (None, _) => self.states().any(|state| self.allows(&state.status)),
            (Some(span), true) => span.from > call.clock.0 && Span::of(&call.body) == span,
            (Some(span), false) => {
                let offered = self.offers().any(|version| {
                    version.offer.reason(span, call.clock.0).is_none()
                        && !strict.is_full_for_certain(version, span)
                });
                offered && Span::of(&call.body) == span && strict.holds_are_few()
            }
        }
    }

    fn holds_are_few(&self) -> bool {
        let call = self.call;
        let Some(span) = call.wanted() else {
            return true;
        };
        let all = self.record.taken.iter().flatten();
        let held = all.filter(|claim| {
            let offer = &self.record.offers[claim.expert][0].offer;
            let replaced = claim.expert == call.expert
                && offer.stretch(claim.span).overlaps(offer.stretch(span));
            claim.client == call.client
                && claim.expires.is_some()
                && !replaced
                && self.stands_for_certain(claim)
        });
        !matches!(call.wish, Wish::Hold(_)) || held.count() < MOST_HOLDS
    }

    /// What the booking may have been during the call, with its version.
    fn versions(&self) -> impl Iterator<Item = (&i64, &State)> {
        let call = self.call;
        let states = call.booking().and_then(|id| self.record.states.get(id));
        states.into_iter().flat_map(move |states| {
            states.iter().filter(move |(version, state)| {
                let next = states.get(&(**version + 1));
                let over = next.is_some_and(|next| next.edge.answered < call.sent);
                state.edge.sent <= call.answered && !over
            })
        })
    }

    fn states(&self) -> impl Iterator<Item = &State> {
        self.versions().map(|(_, state)| state)
    }

    /// Whether what is asked for may be done to a booking of this status.
    fn allows(&self, status: &str) -> bool {
        let step = match &self.call.wish {
            Wish::Step { step, .. } => step,
            _ => "move",
        };
        match step {
            "confirm" | "reject" => status == "pending",
            "complete" => status == "confirmed",
            _ => matches!(status, "pending" | "confirmed"),
        }
    }

    fn hold_may_be_gone(&self) -> bool {
        let Wish::Release { hold } = &self.call.wish else {
            return false;
        };
        let mut claims = self.record.taken.iter().flatten();
        claims.any(|claim| {
            claim.id == *hold
                && (claim
                    .until
                    .is_some_and(|until| until.sent <= self.call.answered)
                    || claim.expires.is_some_and(|at| at <= self.call.clock.1))
        })
    }
}

/// The code of the rule that does not offer a time.
pub fn not_offered(call: &Call) -> &str {
    call.body["errors"][0]["code"].as_str().unwrap_or_default()
}

/// The times that were offered instead.
pub fn alternatives(call: &Call) -> impl Iterator<Item = Span> {
    let listed = call.body["alternatives"].as_array();
    listed.into_iter().flatten().map(Span::of)
}
