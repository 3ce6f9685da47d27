//! What was asked in a soak and what was answered, each with the moments between which it was decided; and
//! what follows of it: who had which time from when until when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant as Moment};

use belfry_store::ledger::Ledger;
use serde_json::Value;

use super::offer::{Offer, Span};

/// Longer than any run.
const NEVER: Duration = Duration::from_secs(86_400);
/// How long a slot is held.
const HOLD_MINUTES: i64 = 5;

/// What somebody wanted.
#[derive(Clone, Debug)]
pub enum Wish {
    Book(Span),
    Hold(Span),
    Move {
        booking: String,
        to: Span,
        staff: bool,
    },
    /// A step by its name, or an edit of the note.
    Step {
        booking: String,
        step: &'static str,
        staff: bool,
    },
    Release {
        hold: String,
    },
}

/// A wish and its answer.
#[derive(Clone, Debug)]
pub struct Call {
    pub node: usize,
    pub client: usize,
    pub client_id: String,
    pub expert: usize,
    pub wish: Wish,
    /// The version that the asker had seen and insisted on.
    pub expected: Option<i64>,
    pub sent: Moment,
    pub answered: Moment,
    /// What the house's clock showed then, in minutes.
    pub clock: (i64, i64),
    pub status: u16,
    pub body: Value,
}

impl Call {
    /// The booking that is moved or takes a step.
    pub fn booking(&self) -> Option<&str> {
        match &self.wish {
            Wish::Move { booking, .. } | Wish::Step { booking, .. } => Some(booking),
            _ => None,
        }
    }

    /// The time that is wanted.
    pub fn wanted(&self) -> Option<Span> {
        match &self.wish {
            Wish::Book(span) | Wish::Hold(span) | Wish::Move { to: span, .. } => Some(*span),
            _ => None,
        }
    }

    /// Whether the house was too busy to say what became of it.
    pub fn is_unknown(&self) -> bool {
        self.status == 503
    }

    /// Whether the expert asks, who is bound neither to hours nor to caps.
    pub fn by_staff(&self) -> bool {
        matches!(
            self.wish,
            Wish::Move { staff: true, .. } | Wish::Step { staff: true, .. }
        )
    }

    /// `slot-taken` of `/problems/slot-taken`; empty when it was done.
    pub fn slug(&self) -> &str {
        let problem = self.body["type"].as_str().unwrap_or_default();
        problem.strip_prefix("/problems/").unwrap_or_default()
    }

    fn edge(&self) -> Edge {
        let never = self.answered + NEVER;
        Edge {
            sent: self.sent,
            answered: if self.is_unknown() {
                never
            } else {
                self.answered
            },
            node: self.node,
        }
    }
}

/// What an expert offered from some moment on.
#[derive(Clone, Debug)]
pub struct Version {
    pub offer: Offer,
    pub edge: Edge,
}

/// A change that was decided between two moments on a node.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub sent: Moment,
    pub answered: Moment,
    pub node: usize,
}

/// Somebody's time, or a place under a cap, from one change to another.
#[derive(Clone, Debug)]
pub struct Claim {
    pub id: String,
    pub expert: usize,
    pub client: usize,
    pub span: Span,
    /// The minute at which a hold runs out.
    pub expires: Option<i64>,
    pub from: Edge,
    pub until: Option<Edge>,
}

/// What a booking was from one change on.
#[derive(Clone, Debug)]
pub struct State {
    pub edge: Edge,
    pub span: Span,
    pub status: String,
}

/// All that was learned from the answers.
pub struct Record {
    pub calls: Vec<Call>,
    /// By expert, oldest first.
    pub offers: Vec<Vec<Version>>,
    /// By booking and version.
    pub states: BTreeMap<String, BTreeMap<i64, State>>,
    /// Taken time, holds included, by expert.
    pub taken: Vec<Vec<Claim>>,
    /// What counts towards the caps, by expert.
    pub counted: Vec<Vec<Claim>>,
}

impl Record {
    /// Puts the answers together. Each version in a booking's history was acknowledged exactly once, except
    /// where the sweep let it be missed: then nobody knows when.
    pub fn of(calls: Vec<Call>, offers: Vec<Vec<Version>>, ledger: &Ledger, begun: Moment) -> Self {
        let mut record = Self {
            taken: vec![Vec::new(); offers.len()],
            counted: vec![Vec::new(); offers.len()],
            states: BTreeMap::new(),
            calls,
            offers,
        };
        let mut people = BTreeMap::new();
        for call in &record.calls {
            let made = matches!(call.wish, Wish::Book(_));
            if !matches!(call.status, 200 | 201) || !(made || call.booking().is_some()) {
                continue;
            }
            let id = call.body["id"].as_str().unwrap().to_owned();
            let version = call.body["version"].as_i64().unwrap();
            assert_eq!(
                made,
                version == 1,
                "{call:?} was answered with another one's deed"
            );
            people.insert(id.clone(), (call.expert, call.client));
            let state = State {
                edge: call.edge(),
                span: Span::of(&call.body),
                status: call.body["status"].as_str().unwrap().to_owned(),
            };
            let twice = record.states.entry(id).or_default().insert(version, state);
            assert!(
                twice.is_none(),
                "{call:?} was told of a version that another call made"
            );
        }
        record.add_unacknowledged(ledger, begun, &mut people);
        for (id, states) in &record.states {
            let (expert, client) = people[id];
            let claim = |state: &State| Claim {
                id: id.clone(),
                expert,
                client,
                span: state.span,
                expires: None,
                from: state.edge,
                until: None,
            };
            let open = |state: &State| matches!(&*state.status, "pending" | "confirmed");
            let counts = |state: &State| !matches!(&*state.status, "rejected" | "cancelled");
            let states: Vec<&State> = states.values().collect();
            record.taken[expert].extend(stretches(&states, open, claim));
            record.counted[expert].extend(stretches(&states, counts, claim));
        }
        let holds: Vec<Claim> = record.holds().collect();
        for hold in holds {
            record.taken[hold.expert].push(hold);
        }
        record
    }

    /// What the tables have and nobody was told of: bookings that the sweep let be missed, and what was asked
    /// for by calls whose end is unknown.
    fn add_unacknowledged(
        &mut self,
        ledger: &Ledger,
        begun: Moment,
        people: &mut BTreeMap<String, (usize, usize)>,
    ) {
        let never = Moment::now() + NEVER;
        for line in &ledger.history {
            let id = line.booking_id.to_string();
            let known = self.states.entry(id.clone()).or_default();
            if known.contains_key(&line.version) {
                continue;
            }
            let booking = ledger.bookings.iter().find(|b| b.id == line.booking_id);
            let booking = booking.expect("a history has its booking");
            let before = known.get(&(line.version - 1)).cloned();
            let made_it = |call: &&Call| match &call.wish {
                Wish::Book(span) => {
                    before.is_none()
                        && call.client_id == booking.client_id.to_string()
                        && (line.version < booking.version
                            || span.from == booking.starts_at.timestamp().div_euclid(60))
                }
                _ => before.is_some() && call.booking() == Some(&*id),
            };
            let unknown = self.calls.iter().filter(|call| call.is_unknown());
            let maker = unknown.clone().find(made_it);
            assert!(
                maker.is_some() || line.event == "booking.missed",
                "{line:?} was never acknowledged"
            );
            if let Some(maker) = maker {
                people.entry(id).or_insert((maker.expert, maker.client));
            }
            let wanted = maker.and_then(Call::wanted);
            let edge = Edge {
                sent: maker.map_or(begun, |maker| maker.sent),
                answered: never,
                node: maker.map_or(0, |maker| maker.node),
            };
            let span = wanted.or(before.map(|before| before.span));
            let state = State {
                edge,
                span: span.expect("a booking has its time"),
                status: line.to_status.clone(),
            };
            known.insert(line.version, state);
        }
    }

    /// Holds until they were let go, or replaced by what their holder made of them.
    fn holds(&self) -> impl Iterator<Item = Claim> {
        let made = |call: &&Call| {
            matches!(call.wish, Wish::Hold(_)) && (call.status == 201 || call.is_unknown())
        };
        self.calls.iter().filter(made).map(|call| {
            let offer = &self.offers[call.expert][0].offer;
            let span = call.wanted().expect("a hold is of some time");
            let id = call.body["id"].as_str().unwrap_or("unknown");
            let ends = |other: &&Call| {
                let wanted = other.wanted().map(|wanted| offer.stretch(wanted));
                let replaces = other.expert == call.expert
                    && other.client == call.client
                    && (matches!(other.status, 200 | 201) || other.is_unknown())
                    && wanted.is_some_and(|wanted| wanted.overlaps(offer.stretch(span)))
                    && other.answered >= call.sent
                    && other.sent != call.sent;
                let releases = matches!(&other.wish, Wish::Release { hold } if hold == id)
                    && (other.status == 204 || other.is_unknown());
                replaces || releases
            };
            let until = self.calls.iter().filter(ends).min_by_key(|c| c.sent);
            let expires = match &call.body["expires_at"] {
                serde_json::Value::Null => call.clock.1 + HOLD_MINUTES,
                at => super::offer::minute(at),
            };
            Claim {
                id: id.to_owned(),
                expert: call.expert,
                client: call.client,
                span,
                expires: Some(expires),
                from: call.edge(),
                until: until.map(Call::edge),
            }
        })
    }
}

/// The stretches of a booking's life in which `holds` and it stood at one time.
fn stretches(
    states: &[&State],
    holds: impl Fn(&State) -> bool,
    claim: impl Fn(&State) -> Claim,
) -> Vec<Claim> {
    let mut found: Vec<Claim> = Vec::new();
    let mut current: Option<Claim> = None;
    for state in states {
        if let Some(mut open) = current.take() {
            if holds(state) && open.span == state.span {
                current = Some(open);
                continue;
            }
            open.until = Some(state.edge);
            found.push(open);
        }
        current = holds(state).then(|| claim(state));
    }
    found.extend(current);
    found
}
