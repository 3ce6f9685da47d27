//! Whose turn it is.

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

use super::*;
use crate::booking::Party;
use crate::queue::{self, BranchRef};

fn at(minutes: i64) -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn walk_in(number: u128, joined: i64) -> Entry {
    let id = Uuid::from_u128(number);
    Entry {
        id,
        expert: None,
        skill: None,
        expected_minutes: 30,
        appointment: false,
        not_before: None,
        joined_at: at(joined),
        standing: Standing {
            rank: Standing::WALKED_IN,
            at: at(joined),
            tie: id,
        },
    }
}

fn appointment(number: u128, start: i64) -> Entry {
    let mut entry = walk_in(number, start - 20);
    (entry.appointment, entry.not_before) = (true, Some(at(start)));
    (entry.standing.rank, entry.standing.at) = (Standing::BOOKED, at(start));
    entry
}

fn desk(number: u128) -> Desk {
    Desk {
        expert: UserId::from(Uuid::from_u128(number)),
        skills: vec!["cut".to_owned()],
        free_at: at(0),
        closes_at: None,
        serving: None,
        booked: Vec::new(),
    }
}

fn stretch(from: i64, until: i64, purpose: Purpose) -> Stretch {
    Stretch {
        from: at(from),
        until: at(until),
        purpose,
    }
}

#[test]
fn appointments_go_first_when_their_time_has_come() {
    let entries = [
        walk_in(1, -30),
        appointment(2, 0),
        appointment(3, 10),
        walk_in(4, -40),
    ];
    assert_eq!(order(&entries, at(0)), [1, 3, 0, 2]);
    assert_eq!(order(&entries, at(10)), [1, 2, 3, 0]);
    let equals = [walk_in(2, 0), walk_in(1, 0)];
    assert_eq!(order(&equals, at(0)), [1, 0], "by id");
}

#[test]
fn whoever_was_put_back_or_brought_back_stands_where_their_turn_is() {
    let mut entries = [walk_in(1, -30), walk_in(2, -20), walk_in(3, -10)];
    entries[0].standing.at = at(-15);
    assert_eq!(order(&entries, at(0)), [1, 0, 2]);
    entries[2].standing.at = at(-40);
    assert_eq!(order(&entries, at(0)), [2, 1, 0]);
}

#[test]
fn a_desk_passes_over_whom_it_cannot_serve() {
    let mut other = walk_in(1, -30);
    other.skill = Some("dye".to_owned());
    let mut wants = walk_in(2, -20);
    wants.expert = Some(UserId::from(Uuid::from_u128(9)));
    let mut cut = walk_in(3, -10);
    cut.skill = Some("cut".to_owned());
    let entries = [other, wants, cut, walk_in(4, -5)];
    assert_eq!(next_for(&desk(1), &entries, at(0)), Some(2));
    assert_eq!(next_for(&desk(9), &entries, at(0)), Some(1));
}

#[test]
fn a_desk_that_is_not_free_calls_nobody() {
    let entries = [walk_in(1, -30)];
    let call = |change: &dyn Fn(&mut Desk)| {
        let mut desk = desk(1);
        change(&mut desk);
        next_for(&desk, &entries, at(0))
    };
    assert_eq!(call(&|_| ()), Some(0));
    assert_eq!(call(&|desk| desk.free_at = at(1)), None);
    assert_eq!(call(&|desk| desk.closes_at = Some(at(0))), None);
    let serving = Serving {
        skill: None,
        expected_minutes: 30,
        since: at(-10),
    };
    assert_eq!(call(&|desk| desk.serving = Some(serving.clone())), None);
}

#[test]
fn a_walk_in_must_fit_before_what_is_booked() {
    let mut short = walk_in(2, -10);
    short.expected_minutes = 15;
    let entries = [walk_in(1, -30), short];
    let call = |purpose: Purpose| {
        let mut desk = desk(1);
        desk.booked = vec![stretch(20, 50, purpose)];
        next_for(&desk, &entries, at(0))
    };
    assert_eq!(call(Purpose::Away), Some(1), "the long one does not fit");
    assert_eq!(call(Purpose::Expected { skill: None }), Some(1));
    assert_eq!(call(Purpose::Waiting(Uuid::from_u128(2))), Some(1));
    assert_eq!(
        call(Purpose::Waiting(Uuid::from_u128(1))),
        Some(0),
        "their own"
    );
    assert_eq!(
        call(Purpose::Waiting(Uuid::from_u128(8))),
        Some(0),
        "who is gone"
    );
}

#[test]
fn an_appointment_is_kept_from_nothing_but_a_break() {
    let entries = [appointment(1, 0)];
    let call = |from: i64, purpose: Purpose| {
        let mut desk = desk(1);
        desk.booked = vec![stretch(from, from + 30, purpose)];
        next_for(&desk, &entries, at(0))
    };
    assert_eq!(call(10, Purpose::Expected { skill: None }), Some(0));
    assert_eq!(call(10, Purpose::Away), Some(0));
    assert_eq!(call(-10, Purpose::Away), None);
    assert_eq!(next_for(&desk(1), &entries, at(-1)), None, "not yet");
}

fn party(number: u128) -> Party {
    Party {
        id: UserId::from(Uuid::from_u128(number)),
        name: String::new(),
    }
}

/// Somebody in the rows of a line: who they want, what, for how long, their appointment, their rest, and their standing.
type Wish = (Option<u128>, bool, u16, bool, Option<i64>, (i64, i64));

fn visit(
    (wanted, skill, minutes, booked, not_before, (rank, placed)): Wish,
    number: u128,
) -> Visit {
    let tie = Uuid::from_u128(100 + number);
    let branch = BranchRef {
        id: Uuid::nil().into(),
        name: String::new(),
    };
    Visit {
        id: tie.into(),
        booking_id: booked.then(|| tie.into()),
        wanted: wanted.map(party),
        skill: skill.then(|| "cut".to_owned()),
        not_before: not_before.map(at),
        standing: Standing {
            rank,
            at: at(placed),
            tie,
        },
        ..Visit::walked_in(branch, String::new(), minutes, TimeDelta::hours(8), at(-60))
    }
}

/// The visits of a line in their order, and free desks, as rows and as calendars tell of them.
fn moment() -> impl Strategy<Value = (Vec<Visit>, Vec<(queue::Desk, Desk)>)> {
    let wish = (
        proptest::option::of(0..4u128),
        any::<bool>(),
        5..40u16,
        any::<bool>(),
        proptest::option::of(-20..20i64),
        (0..3i64, -60..5i64),
    );
    let calendar = (
        any::<bool>(),
        proptest::option::of((-20..60i64, any::<bool>())),
        proptest::option::of(-5..0i64),
    );
    let visits = proptest::collection::vec(wish, 0..8);
    (visits, proptest::collection::vec(calendar, 0..4)).prop_map(|(wishes, calendars)| {
        let mut line: Vec<Visit> = wishes
            .into_iter()
            .zip(0..)
            .map(|(w, n)| visit(w, n))
            .collect();
        line.sort_by(|one, other| one.before(other, at(0)));
        let desks = calendars.into_iter().zip(0u128..);
        let desks = desks.map(|((able, taken, idle), number)| {
            let skills: Vec<String> = able.then(|| "cut".to_owned()).into_iter().collect();
            // What keeps an appointment waiting, a break that has begun, the rows do not tell.
            let purpose = |from, away| match away && from > 0 {
                true => Purpose::Away,
                false => Purpose::Expected { skill: None },
            };
            let booked = taken.map(|(from, away)| stretch(from, from + 30, purpose(from, away)));
            let rows = queue::Desk {
                expert: party(number),
                skills: skills.clone(),
                taken_from: taken.map(|(from, _)| at(from)),
                idle_since: idle.map(at),
            };
            let calendar = Desk {
                expert: rows.expert.id,
                skills,
                booked: booked.into_iter().collect(),
                ..desk(number)
            };
            (rows, calendar)
        });
        (line, desks.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_calendars_say_alike_whose_turn_it_is((line, desks) in moment()) {
        let mut entries: Vec<Entry> = line.iter().map(Entry::from).collect();
        let asked: Vec<Uuid> = order(&entries, at(0)).into_iter().map(|place| entries[place].id).collect();
        let stand: Vec<Uuid> = line.iter().map(|visit| visit.id.uuid()).collect();
        prop_assert_eq!(asked, stand);
        let rows: Vec<queue::Desk> = desks.iter().map(|(rows, _)| rows.clone()).collect();
        let turns = queue::turns(&line, &rows, at(0));
        let mut turns: Vec<_> = turns.into_iter().map(|turn| (turn.visit.uuid(), turn.expert.id)).collect();
        // Whoever has been idle longest asks first.
        let mut asking: Vec<_> = desks.iter().collect();
        asking.sort_by_key(|(rows, _)| (rows.idle_since, rows.expert.id));
        let mut called = Vec::new();
        for (_, desk) in asking {
            if let Some(next) = next_for(desk, &entries, at(0)) {
                called.push((entries.remove(next).id, desk.expert));
            }
        }
        turns.sort();
        called.sort();
        prop_assert_eq!(turns, called);
    }
}
