//! The calendar that a person subscribes to, read as a program would (C2.7). The reader is a library that the
//! writer knows nothing of.

use calcard::common::{IanaString, PartialDateTime};
use calcard::icalendar::{ICalendar, ICalendarComponentType, ICalendarProperty, ICalendarValue};
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    both_sides_subscribe_to_their_bookings,
    a_feed_says_what_the_mails_said,
    an_unchanged_feed_is_not_sent_again,
    a_new_address_ends_the_old_one,
    nobody_reads_a_feed_without_its_address,
    a_feed_is_bounded,
    one_feed_is_not_asked_for_without_end,
);

const TEN: &str = "2027-03-02T10:00:00Z";

/// Gives somebody a feed and answers its path.
async fn subscribe(person: &Person) -> String {
    let made = person.post("/me/calendar-feed", json!({})).await;
    path(&made.expect(201))
}

fn path(answer: &Answer) -> String {
    let url = answer.text("url");
    let at = url.find("/calendar/").unwrap();
    assert!(url.ends_with(".ics"), "{url}");
    url[at..].to_owned()
}

/// What a program without an account finds there.
async fn fetch(town: &Town, path: &str) -> Answer {
    town.stranger().get(path).await
}

/// One entry as the library reads it.
#[derive(PartialEq, Debug)]
struct Entry {
    uid: String,
    sequence: i64,
    status: String,
    starts_at: String,
    ends_at: String,
    summary: String,
    description: String,
}

fn entries(file: &str) -> Vec<Entry> {
    let calendar = ICalendar::parse(file).unwrap();
    let events = calendar.components.iter();
    let events = events.filter(|part| part.component_type == ICalendarComponentType::VEvent);
    events
        .map(|event| {
            let value = |name: ICalendarProperty| {
                let entry = event.entries.iter().find(|entry| entry.name == name);
                entry.and_then(|entry| entry.values.first()).cloned()
            };
            let text = |name: ICalendarProperty| match value(name) {
                Some(ICalendarValue::Text(text)) => text,
                None => String::new(),
                other => panic!("{other:?}"),
            };
            let time = |name: ICalendarProperty| match value(name) {
                Some(ICalendarValue::PartialDateTime(time)) => instant(&time),
                other => panic!("{other:?}"),
            };
            Entry {
                uid: text(ICalendarProperty::Uid),
                sequence: match value(ICalendarProperty::Sequence) {
                    Some(ICalendarValue::Integer(number)) => number,
                    other => panic!("{other:?}"),
                },
                status: match value(ICalendarProperty::Status) {
                    Some(ICalendarValue::Status(status)) => status.as_str().to_owned(),
                    other => panic!("{other:?}"),
                },
                starts_at: time(ICalendarProperty::Dtstart),
                ends_at: time(ICalendarProperty::Dtend),
                summary: text(ICalendarProperty::Summary),
                description: text(ICalendarProperty::Description),
            }
        })
        .collect()
}

fn instant(time: &PartialDateTime) -> String {
    let read = time.to_date_time().unwrap();
    assert_eq!(read.offset.map(|offset| offset.local_minus_utc()), Some(0));
    format!("{}Z", read.date_time.format("%Y-%m-%dT%H:%M:%S"))
}

async fn both_sides_subscribe_to_their_bookings(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let nothing = client.get("/me/calendar-feed").await.expect(200);
    assert_eq!(nothing.body["url"], Value::Null);
    let (hers, his) = (subscribe(&expert).await, subscribe(&client).await);
    assert!(!hers.contains(&expert.id) && hers != his);
    let shown = client.get("/me/calendar-feed").await.expect(200);
    assert_eq!(path(&shown), his);
    assert_eq!(shown.header("cache-control"), Some("private, no-cache"));
    assert!(entries(&fetch(&town, &his).await.expect(200).text).is_empty());

    let booking = client.book(&expert, TEN).await.expect(201);
    let file = fetch(&town, &his).await.expect(200);
    assert_eq!(
        file.header("content-type"),
        Some("text/calendar; charset=utf-8")
    );
    for line in [
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M\r\n",
        "X-PUBLISHED-TTL:PT15M\r\n",
        "X-WR-TIMEZONE:UTC\r\n",
    ] {
        assert!(file.text.contains(line), "{line} in {}", file.text);
    }
    let [seen] = &entries(&file.text)[..] else {
        panic!("{}", file.text);
    };
    assert_eq!(seen.uid, format!("{}@belfry", booking.text("id")));
    assert_eq!(
        (&*seen.starts_at, &*seen.ends_at),
        (TEN, "2027-03-02T11:00:00Z")
    );
    assert_eq!(seen.status, "TENTATIVE");
    let name = async |person: &Person| person.get("/me").await.expect(200).text("name");
    assert_eq!(
        seen.summary,
        format!("Appointment with {}", name(&expert).await)
    );
    assert!(seen.description.contains(&booking.text("code")));
    let hers = entries(&fetch(&town, &hers).await.expect(200).text);
    assert_eq!(
        hers[0].summary,
        format!("Appointment with {}", name(&client).await)
    );
    assert_eq!(hers[0].uid, seen.uid);
    // Somebody else's calendar has nothing of it.
    let other = subscribe(&town.client().await).await;
    assert!(entries(&fetch(&town, &other).await.expect(200).text).is_empty());
    town.close().await;
}

async fn a_feed_says_what_the_mails_said(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let (expert, client) = (town.expert().await, town.client().await);
    let feed = subscribe(&client).await;
    let id = client.book(&expert, TEN).await.expect(201).text("id");
    let step = |name: &str| format!("/bookings/{id}/{name}");
    let mut seen = Vec::new();
    let mut look = async |status: &str| {
        let [entry] = <[Entry; 1]>::try_from(entries(&fetch(&town, &feed).await.text)).unwrap();
        assert_eq!(entry.status, status);
        seen.push(entry);
    };
    look("TENTATIVE").await;
    expert.post(&step("confirm"), json!({})).await.expect(200);
    look("CONFIRMED").await;
    let later = json!({ "starts_at": "2027-03-02T14:00:00Z" });
    client.post(&step("reschedule"), later).await.expect(200);
    look("TENTATIVE").await;
    let reason = json!({ "reason": "A cold; sorry, really" });
    client.post(&step("cancel"), reason).await.expect(200);
    look("CANCELLED").await;
    assert!(seen[3].description.contains("A cold; sorry, really"));
    assert_eq!(seen[2].starts_at, "2027-03-02T14:00:00Z");

    // What came by mail has the same identity and the same place in the order.
    let mails = loop {
        let query = format!(
            "/admin/deliveries?channel=email&limit=100&query={}",
            client.email
        );
        let found = admin.get(&query).await.expect(200);
        let found = found.body["items"].as_array().unwrap().clone();
        let kinds: Vec<_> = found.iter().map(|item| item["kind"].clone()).collect();
        if ["created", "confirmed", "rescheduled", "cancelled"]
            .iter()
            .all(|kind| kinds.contains(&json!(format!("booking.{kind}"))))
        {
            break found;
        }
        tokio::task::yield_now().await;
    };
    let mut sent = Vec::new();
    for mail in mails {
        let path = format!("/admin/deliveries/{}", mail["id"].as_str().unwrap());
        let found = admin.get(&path).await.expect(200).body;
        if let Some(file) = found["attachments"][0]["text"].as_str() {
            sent.extend(entries(file));
        }
    }
    sent.sort_by_key(|entry| entry.sequence);
    let essence = |entry: &Entry| {
        (
            entry.uid.clone(),
            entry.sequence,
            entry.status.clone(),
            entry.starts_at.clone(),
            entry.summary.clone(),
        )
    };
    let (sent, seen): (Vec<_>, Vec<_>) = (
        sent.iter().map(essence).collect(),
        seen.iter().map(essence).collect(),
    );
    assert_eq!(sent, seen);
    assert!(seen.is_sorted_by(|a, b| a.1 < b.1));
    town.close().await;
}

async fn an_unchanged_feed_is_not_sent_again(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let feed = subscribe(&client).await;
    client.book(&expert, TEN).await.expect(201);
    let first = fetch(&town, &feed).await.expect(200);
    let tag = first.header("etag").unwrap().to_owned();
    let again = async |tag: &str| {
        let headers = [("if-none-match", tag)];
        let stranger = town.stranger();
        stranger.send(Method::GET, &feed, None, &headers).await
    };
    town.clock.advance(TimeDelta::minutes(1));
    let same = again(&tag).await.expect(304);
    assert_eq!((same.text.as_str(), same.header("etag")), ("", Some(&*tag)));
    client
        .book(&expert, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    let other = again(&tag).await.expect(200);
    assert_ne!(other.header("etag"), Some(&*tag));
    assert_eq!(entries(&other.text).len(), 2);
    town.close().await;
}

async fn a_new_address_ends_the_old_one(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let first = subscribe(&client).await;
    let second = subscribe(&client).await;
    assert_ne!(first, second);
    fetch(&town, &first).await.problem(404, "not-found");
    fetch(&town, &second).await.expect(200);
    client.delete("/me/calendar-feed").await.expect(204);
    client.delete("/me/calendar-feed").await.expect(204);
    fetch(&town, &second).await.problem(404, "not-found");
    let none = client.get("/me/calendar-feed").await.expect(200);
    assert_eq!(none.body, json!({ "url": null, "created_at": null }));
    town.close().await;
}

async fn nobody_reads_a_feed_without_its_address(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let client = town.client().await;
    let feed = subscribe(&client).await;
    let secret = &feed["/calendar/".len()..feed.len() - ".ics".len()];
    assert!(secret.len() >= 43, "{secret}");
    let last = if secret.ends_with('A') { 'B' } else { 'A' };
    for odd in [
        format!("{}{last}", &secret[..secret.len() - 1]),
        secret[1..].to_owned(),
        secret.to_lowercase() + "x",
        client.id.clone(),
        String::from("%00"),
    ] {
        let path = format!("/calendar/{odd}.ics");
        fetch(&town, &path).await.problem(404, "not-found");
        admin.get(&path).await.problem(404, "not-found");
    }
    // An account that is shut out takes its calendar along.
    let path = format!("/admin/users/{}", client.id);
    let off = json!({ "disabled": true });
    admin.patch(&path, off).await.expect(200);
    fetch(&town, &feed).await.problem(404, "not-found");
    town.close().await;
}

async fn a_feed_is_bounded(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let feed = subscribe(&client).await;
    client.book(&expert, TEN).await.expect(201);
    town.clock.advance(TimeDelta::days(31));
    let seen = entries(&fetch(&town, &feed).await.expect(200).text);
    assert_eq!(seen.len(), 1, "a month back");
    town.clock.advance(TimeDelta::days(2));
    let gone = entries(&fetch(&town, &feed).await.expect(200).text);
    assert_eq!(gone, [], "further back is history");
    town.close().await;
}

async fn one_feed_is_not_asked_for_without_end(fresh: &Fresh) {
    let limited = |settings: &mut belfry::config::Settings| {
        settings.limits.enabled = true;
        settings.limits.calendar_feed = 3;
    };
    let town = Town::open_with(fresh, limited).await;
    let (one, other) = (town.client().await, town.client().await);
    let (feed, theirs) = (subscribe(&one).await, subscribe(&other).await);
    for _ in 0..3 {
        fetch(&town, &feed).await.expect(200);
    }
    let refused = fetch(&town, &feed).await.problem(429, "too-many-requests");
    assert!(refused.header("retry-after").is_some());
    fetch(&town, &theirs).await.expect(200);
    town.close().await;
}
