//! Bookings that share a transaction: each stands or falls by itself (C3.2).

use std::collections::BTreeSet;

use belfry_actors::group_commit::GroupCommit;
use belfry_domain::Instant;
use belfry_domain::account::{Account, Role};
use belfry_domain::booking::{Actor, Booking, BookingError, Hold, Mode, Party, Status};
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::event::Told;
use belfry_domain::id::{BookingId, HoldId};
use belfry_store::booking::{Grouped, NewBooking};
use belfry_store::idempotency::IdempotencyKey;
use belfry_store::occupancy::NewHold;
use chrono::TimeDelta;
use futures::future::join_all;

use crate::engine::{Fresh, on_both_engines};
use crate::town::guests;

on_both_engines!(
    a_group_is_written_with_all_that_belongs_to_each,
    one_that_is_refused_leaves_the_others_and_gives_its_time_back,
    expired_holds_make_way_for_a_group,
    those_that_may_stand_in_each_others_way_are_judged_apart,
    a_refused_one_keeps_its_hold,
    in_company_everybody_gets_their_own_answer,
);

/// Two experts and many clients on a store of their own.
struct Place<'a> {
    fresh: &'a Fresh,
    now: Instant,
    experts: Vec<Party>,
    clients: Vec<Party>,
}

impl<'a> Place<'a> {
    async fn new(fresh: &'a Fresh) -> Self {
        let now = "2027-03-01T12:00:00Z".parse().unwrap();
        let experts = guests(&fresh.store, 2, Role::Expert, now).await;
        let mut tx = fresh.store.begin().await.unwrap();
        for (expert, _) in &experts {
            let rules = BookingRules::default();
            belfry_store::expert::insert(&mut tx, expert.id, chrono_tz::UTC, &rules, now)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let clients = guests(&fresh.store, 40, Role::User, now).await;
        let party = |(account, _): (Account, String)| Party {
            id: account.id,
            name: account.name,
        };
        Self {
            fresh,
            now,
            experts: experts.into_iter().map(party).collect(),
            clients: clients.into_iter().map(party).collect(),
        }
    }

    /// Half an hour of an expert for a client, so many half hours from tomorrow noon.
    fn wish(&self, expert: usize, client: usize, place: i64) -> NewBooking {
        let starts_at = self.now + TimeDelta::days(1) + TimeDelta::minutes(30 * place);
        let ends_at = starts_at + TimeDelta::minutes(30);
        NewBooking {
            booking: Booking {
                id: BookingId::at(self.now),
                code: String::new(),
                status: Status::Pending,
                expert: self.experts[expert].clone(),
                expert_branch: None,
                client: self.clients[client].clone(),
                starts_at,
                ends_at,
                promised_start: None,
                time_zone: chrono_tz::UTC,
                mode: Mode::Online,
                place: None,
                link: None,
                note: Some(format!("wish of {client}")),
                reason: None,
                sequence: 0,
                version: 1,
                created_at: self.now,
                updated_at: self.now,
                confirmed_at: None,
                review: None,
                series: None,
                session: None,
            },
            stretch: (starts_at, ends_at),
            holder: self.clients[client].id,
            holds: Vec::new(),
            offers: Vec::new(),
            session_version: None,
            needs_offer: false,
            caps: Vec::new(),
            assignment: None,
            guest: None,
            reminder_offsets: vec![60],
            told: Told::by(Actor::system()),
            key: None,
        }
    }

    /// Holds the time of a wish for its client, or for somebody else, until so many minutes from now.
    async fn hold(&self, wish: &NewBooking, client: usize, minutes: i64) -> HoldId {
        let hold = Hold {
            id: HoldId::at(self.now),
            expert_id: wish.booking.expert.id,
            client_id: self.clients[client].id,
            starts_at: wish.booking.starts_at,
            ends_at: wish.booking.ends_at,
            expires_at: self.now + TimeDelta::minutes(minutes),
        };
        let id = hold.id;
        let new = NewHold {
            hold,
            stretch: wish.stretch,
            replaced: Vec::new(),
            most: 3,
            key: None,
        };
        // Long before now, so that it may have run out by now.
        let before = self.now - TimeDelta::days(1);
        self.fresh
            .store
            .insert_hold(&new, before)
            .await
            .unwrap()
            .unwrap();
        id
    }

    async fn insert(&self, wishes: &[&NewBooking]) -> Grouped {
        self.fresh.store.insert_bookings(wishes).await.unwrap()
    }

    /// The sources of all taken time.
    async fn taken(&self) -> BTreeSet<uuid::Uuid> {
        let ledger = self.fresh.store.ledger().await.unwrap();
        ledger.occupancies.iter().map(|o| o.source_id).collect()
    }
}

fn decided(grouped: Grouped) -> Vec<Result<Booking, BookingError>> {
    match grouped {
        Grouped::Decided(decided) => decided,
        Grouped::Apart => panic!("judged apart"),
    }
}

async fn a_group_is_written_with_all_that_belongs_to_each(fresh: &Fresh) {
    let place = Place::new(fresh).await;
    let wishes: Vec<NewBooking> = (0..32).map(|n| place.wish(n % 2, n, n as i64)).collect();
    let made = decided(place.insert(&wishes.iter().collect::<Vec<_>>()).await);
    let ledger = fresh.store.ledger().await.unwrap();
    let codes: BTreeSet<_> = ledger.bookings.iter().map(|b| b.code.clone()).collect();
    assert_eq!(codes.len(), 32, "a code for each");
    for (wish, made) in wishes.iter().zip(made) {
        let made = made.unwrap();
        assert_eq!(made.note, wish.booking.note, "answers are in order");
        let stored = fresh.store.booking(made.id).await.unwrap().unwrap();
        assert_eq!(stored, made, "what was answered is what is there");
        let id = made.id.uuid();
        let taken = ledger.occupancies.iter().filter(|o| o.source_id == id);
        assert_eq!(taken.count(), 2, "both sides' time");
        let steps = ledger.history.iter().filter(|step| step.booking_id == id);
        assert_eq!(steps.count(), 1);
        let reminders = ledger.reminders.iter().filter(|r| r.booking_id == id);
        assert_eq!(reminders.count(), 1);
        let subject = format!("booking/{id}");
        let told = ledger.events.iter().filter(|e| e.subject == subject);
        assert_eq!(told.count(), 1);
    }
}

async fn one_that_is_refused_leaves_the_others_and_gives_its_time_back(fresh: &Fresh) {
    let place = Place::new(fresh).await;
    let first = place.wish(0, 0, 0);
    fresh.store.insert_booking(&first).await.unwrap().unwrap();
    // The same client at the same time with the other expert, whose time is free.
    let (busy, other) = (place.wish(1, 0, 0), place.wish(1, 1, 1));
    let answers = decided(place.insert(&[&busy, &other]).await);
    assert_eq!(answers[0], Err(BookingError::ClientBusy));
    let made = answers[1].as_ref().unwrap().id.uuid();
    let expected = BTreeSet::from([first.booking.id.uuid(), made]);
    assert_eq!(
        place.taken().await,
        expected,
        "nothing is left of the refused one"
    );
    let again = place.wish(1, 2, 0);
    assert!(fresh.store.insert_booking(&again).await.unwrap().is_ok());
}

async fn expired_holds_make_way_for_a_group(fresh: &Fresh) {
    let place = Place::new(fresh).await;
    let (held, live, free) = (
        place.wish(0, 0, 0),
        place.wish(0, 1, 1),
        place.wish(0, 2, 2),
    );
    place.hold(&held, 9, -1).await;
    place.hold(&live, 9, 1).await;
    let answers = decided(place.insert(&[&held, &live, &free]).await);
    assert!(answers[0].is_ok(), "its hold had run out");
    assert_eq!(answers[1], Err(BookingError::SlotTaken));
    assert!(answers[2].is_ok());
}

async fn those_that_may_stand_in_each_others_way_are_judged_apart(fresh: &Fresh) {
    let place = Place::new(fresh).await;
    let first = place.wish(0, 0, 0);
    fresh.store.insert_booking(&first).await.unwrap().unwrap();
    // The first is refused for the expert's sake; the second was only in the way of it by its client.
    let (taken, innocent) = (place.wish(0, 1, 0), place.wish(1, 1, 0));
    assert!(matches!(
        place.insert(&[&taken, &innocent]).await,
        Grouped::Apart
    ));
    assert_eq!(place.taken().await.len(), 1, "nothing was written");
    let group_commit = GroupCommit::start(fresh.store.clone());
    let answers = join_all([
        group_commit.book(taken),
        group_commit.book(place.wish(0, 3, 5)),
        group_commit.book(innocent),
    ]);
    let answers: Vec<_> = answers.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers[0], Err(BookingError::SlotTaken));
    assert!(answers[2].is_ok(), "whose client was free all along");
}

async fn a_refused_one_keeps_its_hold(fresh: &Fresh) {
    let place = Place::new(fresh).await;
    let first = place.wish(0, 0, 0);
    fresh.store.insert_booking(&first).await.unwrap().unwrap();
    let (mut busy, other) = (place.wish(1, 0, 0), place.wish(1, 1, 1));
    let hold = place.hold(&busy, 0, 5).await;
    busy.holds.push(hold);
    let apart = place.insert(&[&busy, &other]).await;
    assert!(matches!(apart, Grouped::Apart));
    let answer = fresh.store.insert_booking(&busy).await.unwrap();
    assert_eq!(answer, Err(BookingError::ClientBusy));
    assert!(fresh.store.hold(hold).await.unwrap().is_some(), "it stands");
    assert!(place.taken().await.contains(&hold.uuid()));
}

async fn in_company_everybody_gets_their_own_answer(fresh: &Fresh) {
    let place = Place::new(fresh).await;
    let group_commit = GroupCommit::start(fresh.store.clone());
    let wishes: Vec<NewBooking> = (0..40)
        .map(|n| {
            // Every tenth wants what the one before has; one names a key that nobody waits for.
            let slot = if n % 10 == 9 { n - 1 } else { n };
            let mut wish = place.wish(0, n, slot as i64);
            wish.key = (n == 20).then(|| IdempotencyKey {
                caller: "nobody".to_owned(),
                key: "given-up".to_owned(),
            });
            wish
        })
        .collect();
    let ids: Vec<BookingId> = wishes.iter().map(|wish| wish.booking.id).collect();
    let answers = join_all(wishes.into_iter().map(|wish| group_commit.book(wish))).await;
    for (n, (answer, id)) in answers.into_iter().zip(ids).enumerate() {
        let there = fresh.store.booking(id).await.unwrap().is_some();
        match answer {
            Ok(Ok(booking)) => assert!(there && booking.id == id && n != 20),
            Ok(Err(error)) => {
                assert_eq!(error, BookingError::SlotTaken);
                assert!(!there && n % 10 >= 8, "{n}");
            }
            Err(_) => assert!(!there && n == 20, "{n}"),
        }
    }
    let ledger = fresh.store.ledger().await.unwrap();
    assert_eq!(ledger.bookings.len(), 40 - 4 - 1);
}
