//! Whose turn it is.

use chrono::{DateTime, TimeDelta};

use super::*;

fn at(minutes: i64) -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn walk_in(number: u128, joined: i64) -> Entry {
    Entry {
        id: Uuid::from_u128(number),
        expert: None,
        skill: None,
        expected_minutes: 30,
        not_before: None,
        joined_at: at(joined),
        turn_at: at(joined),
    }
}

fn appointment(number: u128, start: i64) -> Entry {
    Entry {
        not_before: Some(at(start)),
        turn_at: at(start),
        ..walk_in(number, start - 20)
    }
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
    entries[0].turn_at = at(-15);
    assert_eq!(order(&entries, at(0)), [1, 0, 2]);
    entries[2].turn_at = at(-40);
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
