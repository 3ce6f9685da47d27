//! An update of the zone database: bookings whose clock it moves are marked, and both sides are told.

use std::time::Duration;

use belfry_domain::booking::{Booking, Status};
use belfry_domain::event::EventType;
use belfry_domain::wall::{self, ZONE_DATA};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::scheduler::house::{House, change};
use crate::town::{Person, Town};

on_both_engines!(
    only_open_bookings_ahead_whose_clock_shows_another_time_are_marked,
    a_look_that_is_cut_off_is_finished_by_another_node_and_tells_nothing_twice,
    an_older_node_leaves_newer_bookings_alone,
    a_clock_that_moves_back_takes_the_mark_away,
    both_sides_are_told_and_either_may_keep_the_time,
    a_move_or_the_experts_answer_settles_it,
);

/// A release before any that is built in.
const OLDER: &str = "2024a";

/// Lets a booking look as if an older build had made it, whose rules showed `minutes` more at its start.
async fn reckon_by_older_rules(house: &House<'_>, booking: &Booking, minutes: i64) {
    let said = booking.wall_start() + TimeDelta::minutes(minutes);
    let done = house.store.backdate_clock(booking.id, said, OLDER).await;
    done.unwrap();
}

async fn as_it_is(house: &House<'_>, booking: &Booking) -> Booking {
    house.store.booking(booking.id).await.unwrap().unwrap()
}

/// The bookings that were said to have moved, as often as they were.
async fn told(house: &House<'_>) -> Vec<String> {
    let events = house.store.ledger().await.unwrap().events;
    let moved = EventType::BookingClockMoved.as_str();
    let told = events.into_iter().filter(|event| event.kind == moved);
    told.map(|event| event.subject).collect()
}

async fn only_open_bookings_ahead_whose_clock_shows_another_time_are_marked(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let mut made = Vec::new();
    for (status, begins_in, minutes) in [
        (Status::Confirmed, 600, -60),
        (Status::Pending, 700, 30),
        (Status::Confirmed, 800, 0),
        (Status::Confirmed, 10, -60),
        (Status::Confirmed, 900, -60),
    ] {
        let booking = house.book(&client, status, begins_in, &[]).await;
        reckon_by_older_rules(&house, &booking, minutes).await;
        made.push(booking);
    }
    let off = change(&made[4], Status::Cancelled, EventType::BookingCancelled);
    let off = house
        .store
        .change_booking(made[4].id, None, |_| Ok(off.clone()), house.now());
    off.await.unwrap().unwrap();
    house.advance(30);

    let report = house.node("one").tick(house.now()).await;
    assert_eq!((report.clocks, report.failed.len()), (2, 0));
    for (booking, moved) in made.iter().zip([true, true, false, false, false]) {
        let after = as_it_is(&house, booking).await;
        assert_eq!(after.promised_start.is_some(), moved, "{after:?}");
        assert_eq!(
            (after.starts_at, after.ends_at),
            (booking.starts_at, booking.ends_at)
        );
    }
    let after = as_it_is(&house, &made[0]).await;
    let promised = made[0].wall_start() - TimeDelta::hours(1);
    assert_eq!(after.promised_start, Some(promised));
    assert_eq!((after.version, after.sequence), (2, made[0].sequence));
    let history = house.store.booking_history(made[0].id).await.unwrap();
    let step = history.last().unwrap();
    assert_eq!(
        (&*step.event, &*step.actor_role),
        ("booking.clock_moved", "system")
    );
    let changes = json!({
        "wall_start": { "from": wall::written(promised), "to": wall::written(made[0].wall_start()) },
    });
    assert_eq!(step.changes.0, changes);
    assert!(!house.store.has_older_clocks(ZONE_DATA).await.unwrap());

    // Nothing is older any more: the next looks find nothing, and nobody hears of it again.
    assert_eq!(house.node("one").tick(house.now()).await.clocks, 0);
    assert_eq!(house.node("one").beat(house.now()).await.unwrap().clocks, 0);
    assert_eq!(told(&house).await.len(), 2);
}

async fn a_look_that_is_cut_off_is_finished_by_another_node_and_tells_nothing_twice(fresh: &Fresh) {
    const BOOKINGS: i64 = 40;
    let house = House::new(fresh).await;
    let client = house.client().await;
    for number in 1..=BOOKINGS {
        let booking = house
            .book(&client, Status::Confirmed, 600 + number * 60, &[])
            .await;
        reckon_by_older_rules(&house, &booking, -60).await;
    }
    // One node gets this far and dies in the middle of the next batch.
    let first = house.store.recheck_clocks(ZONE_DATA, house.now(), 7).await;
    assert_eq!(first.unwrap().moved, 7);
    let unfinished = house.store.recheck_clocks(ZONE_DATA, house.now(), 7);
    tokio::time::timeout(Duration::ZERO, unfinished).await.ok();
    // Two others look at the same time.
    let looks = (0..2).map(|_| {
        let (store, now) = (house.store.clone(), house.now());
        actix_rt::spawn(async move {
            while store.has_older_clocks(ZONE_DATA).await.unwrap() {
                store.recheck_clocks(ZONE_DATA, now, 7).await.unwrap();
            }
        })
    });
    for look in looks.collect::<Vec<_>>() {
        look.await.unwrap();
    }
    let mut told = told(&house).await;
    assert_eq!(told.len() as i64, BOOKINGS);
    told.sort();
    told.dedup();
    assert_eq!(told.len() as i64, BOOKINGS, "each is told of once");
}

async fn an_older_node_leaves_newer_bookings_alone(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let booking = house.book(&client, Status::Confirmed, 600, &[]).await;
    // While nodes are replaced, one that is still old may hold the lease, and book.
    let said = booking.wall_start() - TimeDelta::hours(1);
    let newer = house.store.backdate_clock(booking.id, said, "9999z").await;
    newer.unwrap();
    assert_eq!(house.node("old").tick(house.now()).await.clocks, 0);
    assert_eq!(as_it_is(&house, &booking).await, booking);

    let late = house.book(&client, Status::Confirmed, 700, &[]).await;
    let found = house.store.recheck_clocks("9999z", house.now(), 100).await;
    assert_eq!((found.unwrap().compared, late.promised_start), (1, None));
}

async fn a_clock_that_moves_back_takes_the_mark_away(fresh: &Fresh) {
    let house = House::new(fresh).await;
    let client = house.client().await;
    let booking = house.book(&client, Status::Confirmed, 600, &[]).await;
    reckon_by_older_rules(&house, &booking, -60).await;
    house.node("one").tick(house.now()).await;
    let marked = as_it_is(&house, &booking).await;
    assert!(marked.promised_start.is_some());
    // What the rules in between made of it, seen from still newer ones that are as before.
    let between = booking.wall_start() + TimeDelta::hours(1);
    let promised = Booking {
        promised_start: Some(booking.wall_start()),
        ..marked
    };
    let mut change = change(&promised, Status::Confirmed, EventType::BookingEdited);
    change.after.promised_start = promised.promised_start;
    let edited = house
        .store
        .change_booking(booking.id, None, |_| Ok(change.clone()), house.now());
    edited.await.unwrap().unwrap();
    house
        .store
        .backdate_clock(booking.id, between, OLDER)
        .await
        .unwrap();
    assert_eq!(house.node("one").tick(house.now()).await.clocks, 1);
    assert_eq!(as_it_is(&house, &booking).await.promised_start, None);
    assert_eq!(
        told(&house).await.len(),
        2,
        "people hear that it is as agreed"
    );
}

/// How often a person was told this.
async fn times(person: &Person, kind: &str) -> usize {
    let page = person.get("/notifications?limit=100").await.expect(200);
    let items = page.body["items"].as_array().unwrap();
    items.iter().filter(|item| item["kind"] == kind).count()
}

/// Waits until a person was told this.
async fn hears(person: &Person, kind: &str) {
    eventually(&format!("told of {kind}"), async || {
        times(person, kind).await > 0
    })
    .await;
}

/// A booking at noon that had been agreed for eleven, marked by the running node.
async fn marked(town: &Town, expert: &Person, client: &Person, day: &str) -> String {
    let starts_at = format!("{day}T12:00:00Z");
    let booking = client.book(expert, &starts_at).await.expect(201);
    let id = booking.text("id");
    let said = wall::read(&format!("{day}T11:00")).unwrap();
    let backdated = town.store.backdate_clock(id.parse().unwrap(), said, OLDER);
    backdated.await.unwrap();
    // The next look of the scheduler is at most this far away.
    town.clock.advance(TimeDelta::seconds(21));
    eventually("the clock is looked at", async || {
        let shown = client.get(&format!("/bookings/{id}")).await.expect(200);
        shown.body["clock_moved"] != Value::Null
    })
    .await;
    id
}

async fn both_sides_are_told_and_either_may_keep_the_time(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let id = marked(&town, &expert, &client, "2027-03-15").await;
    for person in [&client, &expert] {
        hears(person, "booking.clock_moved").await;
        let shown = person.get(&format!("/bookings/{id}")).await.expect(200);
        let moved = json!({ "promised": "2027-03-15T11:00", "shown": "2027-03-15T12:00" });
        assert_eq!(shown.body["clock_moved"], moved);
        assert_eq!(shown.body["starts_at"], "2027-03-15T12:00:00Z");
        let actions = shown.body["actions"].as_array().unwrap();
        assert!(actions.contains(&json!("keep")) && actions.contains(&json!("reschedule")));
    }
    let agenda = format!("/experts/{}/agenda?from=2027-03-15&days=1", expert.id);
    let agenda = expert.get(&agenda).await.expect(200);
    assert_eq!(
        agenda.body["items"][0]["clock_moved"]["promised"],
        "2027-03-15T11:00"
    );
    let mails = admin.get("/admin/deliveries?limit=100").await.expect(200);
    let mails = mails.body["items"].as_array().unwrap().iter();
    let mails = mails.filter(|mail| mail["kind"] == "booking.clock_moved");
    assert_eq!(mails.count(), 2);

    let stranger = town.client().await;
    let keep = format!("/bookings/{id}/keep");
    stranger.post(&keep, json!({})).await.expect(404);
    let kept = client.post(&keep, json!({})).await.expect(200);
    assert_eq!(kept.body["clock_moved"], Value::Null);
    assert!(
        !kept.body["actions"]
            .as_array()
            .unwrap()
            .contains(&json!("keep"))
    );
    hears(&expert, "booking.kept").await;
    // The other side presses the same button a moment later.
    let again = expert.post(&keep, json!({})).await.expect(200);
    assert_eq!(again.body["version"], kept.body["version"]);
    let history = client
        .get(&format!("/bookings/{id}/history"))
        .await
        .expect(200);
    let steps = history.body["items"].as_array().unwrap();
    let events: Vec<&str> = steps
        .iter()
        .map(|step| step["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        ["booking.created", "booking.clock_moved", "booking.kept"]
    );
    assert_eq!(steps[1]["actor"]["role"], "system");
    for person in [&client, &expert] {
        assert_eq!(times(person, "booking.clock_moved").await, 1);
    }
    town.close().await;
}

async fn a_move_or_the_experts_answer_settles_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let id = marked(&town, &expert, &client, "2027-03-16").await;
    // What changes neither time nor clock leaves the question open.
    let edited = client
        .patch(&format!("/bookings/{id}"), json!({ "note": "Hello" }))
        .await
        .expect(200);
    assert_eq!(edited.body["clock_moved"]["promised"], "2027-03-16T11:00");
    let confirmed = expert
        .post(&format!("/bookings/{id}/confirm"), json!({}))
        .await
        .expect(200);
    assert_eq!(confirmed.body["clock_moved"], Value::Null);

    let id = marked(&town, &expert, &client, "2027-03-17").await;
    let to = json!({ "starts_at": "2027-03-17T11:00:00Z" });
    let moved = client
        .post(&format!("/bookings/{id}/reschedule"), to)
        .await
        .expect(200);
    assert_eq!(moved.body["clock_moved"], Value::Null);
    assert!(!town.store.has_older_clocks(ZONE_DATA).await.unwrap());
    town.close().await;
}
