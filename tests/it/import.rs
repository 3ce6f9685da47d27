//! Calendars that experts keep elsewhere, as they and their clients notice them (C2.7).

use belfry::config::Settings;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::standin::{Reply, StandIn};
use crate::town::{Person, Town};

/// A real CalDAV server, and one that means harm.
mod caldav;
/// What fails, what means harm, and what must not get out.
mod harm;

on_both_engines!(
    busy_time_elsewhere_is_not_offered_here,
    every_node_knows_at_once,
    a_booking_in_the_way_stays_and_its_expert_is_told_once,
    our_own_bookings_coming_back_are_not_in_their_own_way,
    the_clock_of_the_expert_counts_where_none_is_named,
    a_calendar_is_read_again_by_itself,
);

const NINE: &str = "2027-03-02T09:00:00Z";
const TEN: &str = "2027-03-02T10:00:00Z";

fn here(settings: &mut Settings) {
    settings.outbound.allow_loopback = true;
}

/// A file with events that last from one time until another, `UID` after `UID`.
fn calendar(events: &[(&str, &str, &str)]) -> String {
    let mut file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n".to_owned();
    for (uid, from, until) in events {
        file += &format!(
            "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART:{from}\r\nDTEND:{until}\r\nEND:VEVENT\r\n"
        );
    }
    file + "END:VCALENDAR\r\n"
}

/// Something from nine until ten, UTC.
fn at_nine() -> String {
    calendar(&[("a", "20270302T090000Z", "20270302T100000Z")])
}

async fn serving(text: String) -> StandIn {
    StandIn::start(move |_| Reply::text(200, &text)).await
}

async fn add(expert: &Person, body: Value) -> String {
    let path = format!("/experts/{}/imports", expert.id);
    expert.post(&path, body).await.expect(201).text("id")
}

async fn add_ics(expert: &Person, server: &StandIn) -> String {
    let url = format!("{}/private.ics", server.url());
    add(
        expert,
        json!({ "kind": "ics", "name": "Private", "url": url }),
    )
    .await
}

/// Waits until an expert's only calendar is in some state.
async fn until(expert: &Person, look: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/experts/{}/imports", expert.id);
    eventually("the calendar comes so far", async || {
        let found = expert.get(&path).await.expect(200).body["items"][0].take();
        if !look(&found) {
            return Err(found);
        }
        Ok(found)
    })
    .await
}

async fn read(expert: &Person) -> Value {
    until(expert, |found| found["read_at"].is_string()).await
}

/// Has it read now, and waits until the server was asked once more and the answer was kept.
async fn refresh(town: &Town, expert: &Person, id: &str) -> Value {
    // Another instant, to be told from the reading before.
    town.clock.advance(TimeDelta::seconds(1));
    let path = format!("/experts/{}/imports/{id}/refresh", expert.id);
    expert.post(&path, json!({})).await.expect(202);
    let now = json!(
        town.now()
            .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    );
    until(expert, |found| {
        [&found["read_at"], &found["failed_at"]].contains(&&now)
    })
    .await
}

async fn missing(expert: &Person, time: &str) -> String {
    let path = format!(
        "/experts/{}/slots/explain?date={}&minutes=60",
        expert.id,
        &time[..10]
    );
    let day = expert.get(&path).await.expect(200);
    let mut slots = day.body["slots"].as_array().unwrap().iter();
    let slot = slots.find(|slot| slot["starts_at"] == time).unwrap();
    slot["missing"].as_str().unwrap_or("free").to_owned()
}

async fn busy_time_elsewhere_is_not_offered_here(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let server = serving(at_nine()).await;
    assert!(
        client
            .slots(&expert, "2027-03-02", 1)
            .await
            .contains(&NINE.to_owned())
    );
    let id = add_ics(&expert, &server).await;
    let found = read(&expert).await;
    assert_eq!(
        (&found["events"], &found["fault"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(found["host"], "127.0.0.1");
    assert!(!found.to_string().contains("private.ics"), "{found}");
    let free = client.slots(&expert, "2027-03-02", 1).await;
    assert_eq!(free[0], TEN);
    assert_eq!(missing(&expert, NINE).await, "imported");
    // To others it is time off like any other.
    let refused = client
        .book(&expert, NINE)
        .await
        .problem(422, "slot-not-offered");
    assert!(
        refused.text.contains("time_off") && !refused.text.contains("imported"),
        "{}",
        refused.text
    );

    // The calendar says something else.
    server.next([Reply::text(
        200,
        &calendar(&[("a", "20270302T100000Z", "20270302T110000Z")]),
    )]);
    refresh(&town, &expert, &id).await;
    let free = client.slots(&expert, "2027-03-02", 1).await;
    assert!(free.contains(&NINE.to_owned()) && !free.contains(&TEN.to_owned()));
    // And without it all is free.
    let path = format!("/experts/{}/imports/{id}", expert.id);
    expert.delete(&path).await.expect(204);
    expert.delete(&path).await.problem(404, "not-found");
    assert!(
        client
            .slots(&expert, "2027-03-02", 1)
            .await
            .contains(&TEN.to_owned())
    );
    town.close().await;
}

async fn every_node_knows_at_once(fresh: &Fresh) {
    let town = Town::open_two_with(fresh, here).await;
    if !town.has_redis() {
        return town.close().await;
    }
    let (expert, client) = (town.expert().await, town.client().await);
    let there = client.at(&town, 1);
    assert_eq!(there.slots(&expert, "2027-03-02", 1).await[0], NINE);
    let server = serving(at_nine()).await;
    add_ics(&expert, &server).await;
    read(&expert).await;
    eventually("the other node no longer offers it", async || {
        there.slots(&expert, "2027-03-02", 1).await[0] == TEN
    })
    .await;
    town.close().await;
}

/// What an expert was told of other calendars.
async fn told(expert: &Person) -> Vec<Value> {
    let inbox = expert.get("/notifications?limit=100").await.expect(200);
    let items = inbox.body["items"].as_array().unwrap().clone().into_iter();
    items
        .filter(|item| item["kind"] == "calendar.conflict")
        .collect()
}

async fn a_booking_in_the_way_stays_and_its_expert_is_told_once(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let booking = client.book(&expert, NINE).await.expect(201).text("id");
    let server = serving(at_nine()).await;
    let id = add_ics(&expert, &server).await;
    let found = read(&expert).await;
    assert_eq!(found["conflicts"][0]["booking_id"], json!(booking));
    let heard = eventually("the expert is told", async || {
        let heard = told(&expert).await;
        (!heard.is_empty()).then_some(heard)
    })
    .await;
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["data"]["booking_id"], json!(booking));
    assert!(
        heard[0]["body"].as_str().unwrap().contains("Private"),
        "{}",
        heard[0]
    );
    // Nothing was done about it, and the client knows of nothing.
    let shown = client
        .get(&format!("/bookings/{booking}"))
        .await
        .expect(200);
    assert_eq!(shown.body["status"], "pending");
    assert!(told(&client).await.is_empty());
    // Nobody else gets the time, and the same is not told again.
    assert_eq!(missing(&expert, NINE).await, "imported");
    refresh(&town, &expert, &id).await;
    let other = calendar(&[("a", "20270302T093000Z", "20270302T094500Z")]);
    server.next([Reply::text(200, &other)]);
    refresh(&town, &expert, &id).await;
    expert
        .post(&format!("/bookings/{booking}/confirm"), json!({}))
        .await
        .expect(200);
    assert_eq!(told(&expert).await.len(), 1);
    // Moved out of the way, it is in nobody's.
    let later = json!({ "starts_at": "2027-03-02T14:00:00Z" });
    expert
        .post(&format!("/bookings/{booking}/reschedule"), later)
        .await
        .expect(200);
    let found = refresh(&town, &expert, &id).await;
    assert_eq!(found["conflicts"], json!([]));
    town.close().await;
}

async fn our_own_bookings_coming_back_are_not_in_their_own_way(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let (expert, other, client) = (
        town.expert().await,
        town.expert().await,
        town.client().await,
    );
    let feed = expert
        .post("/me/calendar-feed", json!({}))
        .await
        .expect(201)
        .text("url");
    let feed = feed[feed.find("/calendar/").unwrap()..].to_owned();
    let booking = client.book(&expert, NINE).await.expect(201).text("id");
    let file = town.stranger().get(&feed).await.expect(200).text;
    let server = serving(file).await;
    add_ics(&expert, &server).await;
    let found = read(&expert).await;
    assert_eq!(
        (&found["events"], &found["conflicts"]),
        (&json!(1), &json!([]))
    );
    // Called off here, the time is free, though the calendar elsewhere does not know it yet.
    client
        .post(&format!("/bookings/{booking}/cancel"), json!({}))
        .await
        .expect(200);
    assert_eq!(missing(&expert, NINE).await, "free");
    // In somebody else's calendar it is an appointment like any other.
    add_ics(&other, &server).await;
    read(&other).await;
    assert_eq!(missing(&other, NINE).await, "imported");
    town.close().await;
}

async fn the_clock_of_the_expert_counts_where_none_is_named(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let expert = town.expert().await;
    let path = format!("/experts/{}/schedule", expert.id);
    let mut schedule = expert.get(&path).await.expect(200).body;
    schedule["time_zone"] = json!("Asia/Ho_Chi_Minh");
    expert.put(&path, schedule).await.expect(200);
    let server = serving(calendar(&[("a", "20270302T090000", "20270302T100000")])).await;
    add_ics(&expert, &server).await;
    read(&expert).await;
    assert_eq!(missing(&expert, "2027-03-02T02:00:00Z").await, "imported");
    assert_eq!(missing(&expert, "2027-03-02T03:00:00Z").await, "free");
    town.close().await;
}

async fn a_calendar_is_read_again_by_itself(fresh: &Fresh) {
    let town = Town::open_with(fresh, here).await;
    let expert = town.expert().await;
    let server = StandIn::start(|_| Reply::text(200, &at_nine()).with("etag", "\"1\"")).await;
    add_ics(&expert, &server).await;
    read(&expert).await;
    assert_eq!(server.asked()[0].header("accept-encoding"), "gzip");
    server.next([Reply::status(304), Reply::status(500)]);
    town.clock.advance(TimeDelta::minutes(14));
    assert_eq!(server.asked().len(), 1);
    town.clock.advance(TimeDelta::minutes(4));
    let asked = server.asked_times(2).await;
    assert_eq!(asked[1].header("if-none-match"), "\"1\"");
    let again = town.now();
    let expert = town.again(expert).await;
    until(&expert, |found| found["read_at"] == json!(again)).await;
    assert_eq!(missing(&expert, NINE).await, "imported");
    // A failure does not make it forgotten, and is waited out.
    town.clock.advance(TimeDelta::minutes(18));
    let expert = town.again(expert).await;
    let failed = until(&expert, |found| found["fault"] == "server_error").await;
    assert!(failed["next_at"].as_str() > failed["failed_at"].as_str());
    // On another day the whole file is asked for: rules without an end give new dates.
    town.clock.advance(TimeDelta::hours(23));
    let asked = server.asked_times(4).await;
    assert_eq!(asked[3].header("if-none-match"), "");
    town.close().await;
}
