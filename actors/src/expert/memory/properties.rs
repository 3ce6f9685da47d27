//! What the actor remembers after any walk of holds, bookings, moves, cancellations and expiries, against a plain list
//! that is searched from end to end: a hold turns into its holder's booking, stands in everybody else's way, and is
//! gone when its time is over.

use std::collections::BTreeMap;

use belfry_domain::booking::{Actor, Booking, Hold, Mode, Party, Side, Status};
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::expert::{Expert, Presence};
use belfry_domain::id::HoldId;
use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::expert::flight::{BookRequest, Command, HoldRequest, MoveRequest};

const CLIENTS: usize = 3;

/// What happens next; times are minutes after the beginning.
#[derive(Clone, Debug)]
enum Deed {
    Hold {
        client: usize,
        start: i64,
        minutes: u16,
        lasts: i64,
    },
    Book {
        client: usize,
        start: i64,
        minutes: u16,
    },
    Move {
        which: prop::sample::Index,
        start: i64,
    },
    End {
        which: prop::sample::Index,
        counts: bool,
    },
    Wait {
        minutes: i64,
    },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let start = || 0..240i64;
    let minutes = || 1..60u16;
    let one = prop_oneof![
        3 => (0..CLIENTS, start(), minutes(), 1..12i64)
            .prop_map(|(client, start, minutes, lasts)| Deed::Hold { client, start, minutes, lasts }),
        3 => (0..CLIENTS, start(), minutes())
            .prop_map(|(client, start, minutes)| Deed::Book { client, start, minutes }),
        1 => (any::<prop::sample::Index>(), start()).prop_map(|(which, start)| Deed::Move { which, start }),
        1 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(which, counts)| Deed::End { which, counts }),
        1 => (1..8i64).prop_map(|minutes| Deed::Wait { minutes }),
    ];
    proptest::collection::vec(one, 1..40)
}

fn at(minute: i64) -> Instant {
    DateTime::from_timestamp(1_800_000_000 + 60 * minute, 0).unwrap()
}

/// A stretch that is gone, buffers inside.
#[derive(Clone)]
struct Line {
    from: Instant,
    until: Instant,
    hold: Option<(UserId, Instant)>,
}

/// The list, and the memory that must say the same.
struct Both {
    memory: Memory,
    clients: Vec<Party>,
    lines: BTreeMap<Uuid, Line>,
    bookings: BTreeMap<Uuid, Booking>,
    counted: BTreeMap<Uuid, Instant>,
    now: Instant,
}

impl Both {
    fn new(before: u16, after: u16) -> Self {
        let rules = BookingRules {
            buffer_before_minutes: before,
            buffer_after_minutes: after,
            ..BookingRules::default()
        };
        let expert = Expert {
            id: UserId::at(at(0)),
            name: "Expert".to_owned(),
            branch_id: None,
            headline: String::new(),
            description: String::new(),
            avatar_tag: None,
            tags: Vec::new(),
            time_zone: chrono_tz::UTC,
            stars_sum: 0,
            review_count: 0,
            presence: Presence::Online,
            presence_since: at(0),
            booking_rules: rules.clone(),
            version: 1,
        };
        let schedule = Schedule {
            rules,
            ..Schedule::empty(chrono_tz::UTC)
        };
        let client = |place: usize| Party {
            id: UserId::at(at(0)),
            name: format!("Client {place}"),
        };
        Self {
            memory: Memory {
                read_at: std::time::Instant::now(),
                expert,
                schedule,
                occupied: Vec::new(),
                taken: Vec::new(),
                counted_by: BTreeMap::new(),
                counted: Vec::new(),
            },
            clients: (0..CLIENTS).map(client).collect(),
            lines: BTreeMap::new(),
            bookings: BTreeMap::new(),
            counted: BTreeMap::new(),
            now: at(0),
        }
    }

    fn command(&self, deed: &Deed) -> Option<Command> {
        Some(match deed {
            Deed::Hold {
                client,
                start,
                minutes,
                ..
            } => Command::Hold(HoldRequest {
                client: self.clients[*client].id,
                starts_at: at(*start),
                minutes: Some(*minutes),
                key: None,
            }),
            Deed::Book {
                client,
                start,
                minutes,
            } => Command::Book(BookRequest {
                client: self.clients[*client].clone(),
                holder: self.clients[*client].id,
                starts_at: at(*start),
                minutes: Some(*minutes),
                mode: Mode::Online,
                note: None,
                guest: None,
                actor: Actor::system(),
                key: None,
                branch: None,
                offer: None,
            }),
            Deed::Move { which, start } => Command::Move(Box::new(MoveRequest {
                booking: self.pick(which)?,
                starts_at: at(*start),
                minutes: None,
                side: Side::Client,
                actor: Actor::system(),
                expected: None,
            })),
            Deed::End { .. } | Deed::Wait { .. } => return None,
        })
    }

    fn pick(&self, which: &prop::sample::Index) -> Option<Booking> {
        let standing: Vec<&Booking> = self.bookings.values().collect();
        (!standing.is_empty()).then(|| standing[which.index(standing.len())].clone())
    }

    /// Who would be in the way of a stretch, apart from the booking that moves.
    fn in_the_way(
        &self,
        stretch: (Instant, Instant),
        moved: Option<BookingId>,
    ) -> Vec<(Uuid, Line)> {
        let lines = self.lines.iter().filter(|(id, line)| {
            Some(**id) != moved.map(BookingId::uuid)
                && line.from < stretch.1
                && stretch.0 < line.until
        });
        lines.map(|(id, line)| (*id, line.clone())).collect()
    }

    /// What a command that went through leaves behind.
    fn done(&self, deed: &Deed, want: &Want) -> Done {
        let ends_at = want.starts_at + TimeDelta::minutes(want.minutes.into());
        match deed {
            Deed::Hold { lasts, .. } => Done::Hold(Hold {
                id: HoldId::at(self.now),
                expert_id: self.memory.expert.id,
                client_id: want.holder,
                starts_at: want.starts_at,
                ends_at,
                expires_at: self.now + TimeDelta::minutes(*lasts),
            }),
            _ => Done::Booking(Box::new(Booking {
                id: want.moved.unwrap_or_else(|| BookingId::at(self.now)),
                code: String::new(),
                status: Status::Pending,
                expert: Party {
                    id: self.memory.expert.id,
                    name: String::new(),
                },
                expert_branch: None,
                client: Party {
                    id: want.holder,
                    name: String::new(),
                },
                starts_at: want.starts_at,
                ends_at,
                time_zone: chrono_tz::UTC,
                promised_start: None,
                mode: Mode::Online,
                place: None,
                link: None,
                note: None,
                reason: None,
                sequence: 0,
                version: 1,
                created_at: self.now,
                updated_at: self.now,
                confirmed_at: None,
                review: None,
                series: None,
                session: None,
            })),
        }
    }

    /// Lets the list keep what was done, in the words of the contract.
    fn keep(&mut self, done: &Done, stretch: (Instant, Instant), holder: UserId) {
        // Their own holds in the way are let go of, whole.
        for (id, line) in self.in_the_way(stretch, None) {
            if line.hold.is_some_and(|(who, _)| who == holder) {
                self.lines.remove(&id);
            }
        }
        let (id, _) = done.version();
        let hold = match done {
            Done::Hold(hold) | Done::Offer(hold) => Some((holder, hold.expires_at)),
            Done::Booking(booking) => {
                self.counted.insert(id, booking.starts_at);
                self.bookings.insert(id, (**booking).clone());
                None
            }
        };
        let (from, until) = stretch;
        self.lines.insert(id, Line { from, until, hold });
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let mut taken: Vec<(Instant, Instant)> = self
            .lines
            .values()
            .map(|line| (line.from, line.until))
            .collect();
        taken.sort();
        let known = self.memory.availability(self.now);
        let found = known
            .taken
            .iter()
            .map(|taken| (taken.starts_at, taken.ends_at));
        prop_assert_eq!(found.collect::<Vec<_>>(), taken.clone());
        prop_assert!(
            taken.windows(2).all(|pair| pair[0].1 <= pair[1].0),
            "two stand at once"
        );
        let mut starts: Vec<Instant> = known
            .counted
            .iter()
            .map(|counted| counted.starts_at)
            .collect();
        starts.sort();
        let mut counted: Vec<Instant> = self.counted.values().copied().collect();
        counted.sort();
        prop_assert_eq!(starts, counted);
        let expiry = self
            .lines
            .values()
            .filter_map(|line| Some(line.hold?.1))
            .min();
        prop_assert_eq!(self.memory.next_expiry(), expiry);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_says_what_a_plain_list_says(before in 0..20u16, after in 0..20u16, deeds in deeds()) {
        let mut both = Both::new(before, after);
        for deed in &deeds {
            match deed {
                Deed::Wait { minutes } => {
                    both.now += TimeDelta::minutes(*minutes);
                    let now = both.now;
                    let over = |line: &Line| line.hold.is_some_and(|(_, until)| until <= now);
                    let any = both.lines.values().any(over);
                    both.lines.retain(|_, line| !over(line));
                    prop_assert_eq!(both.memory.drop_expired(now), any);
                }
                Deed::End { which, counts } => {
                    let Some(booking) = both.pick(which) else { continue };
                    let id = booking.id.uuid();
                    both.bookings.remove(&id);
                    both.lines.remove(&id);
                    if !counts {
                        both.counted.remove(&id);
                    }
                    both.memory.free(id, *counts);
                }
                _ => {
                    let Some(command) = both.command(deed) else { continue };
                    let want = command.want(&both.memory).unwrap();
                    let stretch = both.memory.stretch(want.starts_at, want.minutes);
                    let in_the_way = both.in_the_way(stretch, want.moved);
                    let mine = |line: &Line| line.hold.is_some_and(|(who, _)| who == want.holder);
                    let mut own: Vec<Uuid> = both.memory.own_holds(&want);
                    own.sort();
                    let due: Vec<Uuid> = in_the_way.iter().filter(|(_, line)| mine(line)).map(|(id, _)| *id).collect();
                    prop_assert_eq!(own, due, "whoever holds it does not stand in their own way");
                    let free = in_the_way.iter().all(|(_, line)| mine(line));
                    let taken = both.memory.taken_but(&want);
                    let clear = taken.iter().all(|taken| taken.ends_at <= stretch.0 || stretch.1 <= taken.starts_at);
                    prop_assert_eq!(clear, free);
                    let counted = both.memory.counted_but(&want).len();
                    prop_assert_eq!(counted, both.counted.len() - usize::from(want.moved.is_some()));
                    if free {
                        let done = both.done(deed, &want);
                        both.memory.settle(&want, &done);
                        both.keep(&done, stretch, want.holder);
                    }
                }
            }
            both.compare()?;
        }
    }
}
