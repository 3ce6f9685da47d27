//! Visits beside their periods, their experts' time and their events.

use std::collections::{BTreeMap, BTreeSet};

use belfry_domain::queue::State;
use belfry_store::ledger::Ledger;

/// Every visit went by the table of moves without a gap in time, each move that is told was told once; nobody has two
/// visitors; time is taken for visits with an expert alone; numbers are called out once.
pub fn agrees(ledger: &Ledger) {
    let mut with = BTreeSet::new();
    let mut numbers = BTreeMap::new();
    for visit in &ledger.visits {
        let state: State = visit.state.parse().unwrap();
        let periods = ledger.visit_periods.iter();
        let periods: Vec<_> = periods.filter(|p| p.visit_id == visit.id).collect();
        let versions: Vec<i64> = periods.iter().map(|period| period.version).collect();
        assert_eq!(
            versions,
            (1..=visit.version).collect::<Vec<_>>(),
            "{visit:?}"
        );
        let states: Vec<State> = periods.iter().map(|p| p.state.parse().unwrap()).collect();
        assert_eq!(states.first(), Some(&State::Waiting), "{visit:?}");
        assert_eq!(states.last(), Some(&state), "{visit:?}");
        for (pair, times) in states.windows(2).zip(periods.windows(2)) {
            assert!(pair[0].may_become(pair[1]), "{pair:?} of {visit:?}");
            if pair[0].is_open() {
                assert_eq!(times[0].ended_at, Some(times[1].began_at), "{visit:?}");
            }
        }
        assert_eq!(visit.ended_at.is_none(), state.is_open(), "{visit:?}");
        assert_eq!(visit.next_id.is_some(), state == State::Transferred);
        if state.has_expert() {
            let expert = visit.expert_id.expect("who has an expert names them");
            assert!(with.insert(expert), "{expert} has two visitors");
        }
        let subject = format!("visit/{}", visit.id);
        let told = ledger.events.iter().filter(|e| e.subject == subject);
        let told: Vec<&str> = told.map(|event| event.kind.as_str()).collect();
        let mut expected = vec!["visit.joined"];
        expected.extend(states.windows(2).filter_map(|pair| match pair[1] {
            State::Waiting if pair[0] == State::NoShow => Some("visit.joined"),
            State::Waiting | State::Serving => None,
            State::Offered => Some("visit.offered"),
            State::Called => Some("visit.called"),
            State::Done => Some("visit.served"),
            State::Left => Some("visit.left"),
            State::NoShow => Some("visit.no_show"),
            State::TimedOut => Some("visit.timed_out"),
            State::Transferred => Some("visit.transferred"),
        }));
        assert_eq!(told, expected, "{visit:?}");
        // Numbers begin anew with the date; the tests' branches are on UTC.
        let began = periods[0].began_at.date_naive();
        let key = (visit.branch_id, began, visit.number);
        let before = numbers.insert(key, visit.id);
        assert!(before.is_none(), "{key:?} was given twice");
    }
    for taken in ledger.occupancies.iter().filter(|o| o.kind == "service") {
        let mut visits = ledger.visits.iter();
        let visit = visits.find(|visit| visit.id == taken.source_id);
        let visit = visit.unwrap_or_else(|| panic!("{taken:?} is for nobody"));
        let state: State = visit.state.parse().unwrap();
        assert!(state.has_expert(), "{taken:?} is still taken for {visit:?}");
        assert_eq!(visit.expert_id, Some(taken.subject_id));
    }
    for visit in ledger
        .visits
        .iter()
        .filter(|v| v.state == "offered" && v.booking_id.is_none())
    {
        let taken = ledger.occupancies.iter().any(|o| o.source_id == visit.id);
        assert!(taken, "nothing is kept for {visit:?}");
    }
}
