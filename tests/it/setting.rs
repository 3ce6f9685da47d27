//! What administrators set for the house: each setting acts, everywhere, at once (C6.2).

use belfry_domain::setting::HouseSettings;
use belfry_store::setting::put_house_settings;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Answer, PASSWORD, Person, Town};

on_both_engines!(
    a_house_has_the_name_and_the_contact_that_it_was_given,
    new_accounts_and_new_experts_start_with_what_was_set,
    reminders_follow_what_was_set_when_the_booking_was_made,
    a_house_may_close_its_doors_to_strangers_and_open_them_again,
    what_the_operator_rules_out_is_no_switch,
    what_the_operator_rules_out_later_is_no_obstacle,
    who_does_not_care_for_versions_is_never_too_late,
    two_who_set_at_once_do_not_overwrite_each_other_and_the_log_tells_what_changed,
    what_makes_no_sense_is_told_at_its_place,
    what_the_operator_configured_is_shown_without_its_secrets,
);

const SETTINGS: &str = "/admin/settings";

/// Sets some of it and leaves the rest.
async fn set(admin: &Person, changes: Value) -> Value {
    let mut wanted = admin.get(SETTINGS).await.expect(200).body;
    for (name, value) in changes.as_object().unwrap() {
        wanted[name] = value.clone();
    }
    admin.put(SETTINGS, wanted).await.expect(200).body
}

/// Where the faults of an answer lie.
fn pointed_at(answer: &Answer) -> Vec<&str> {
    let faults = answer.body["errors"].as_array().unwrap().iter();
    faults
        .map(|fault| fault["pointer"].as_str().unwrap())
        .collect()
}

/// Waits until the other node calls the house so. What nodes tell each other takes a moment; where no bus is between
/// them, the next look of the planner brings it.
async fn known_at(town: &Town, node: usize, name: &str) {
    eventually("the other node hears of it", async || {
        let house = town.stranger_at(node).get("/house").await.expect(200);
        house.body["name"] == name
    })
    .await;
}

/// A mail to somebody, with its text and its look.
async fn mail(admin: &Person, to: &Person, kind: &str) -> Value {
    let path = format!("/admin/deliveries?limit=100&query={}", to.email);
    let id = eventually("the mail", async || {
        let page = admin.get(&path).await.expect(200).body;
        let items = page["items"].as_array().unwrap();
        let found = items.iter().find(|one| one["kind"] == kind)?;
        Some(found["id"].as_str().unwrap().to_owned())
    })
    .await;
    admin
        .get(&format!("/admin/deliveries/{id}"))
        .await
        .expect(200)
        .body
}

async fn a_house_has_the_name_and_the_contact_that_it_was_given(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (admin, expert) = (town.admin().await, town.expert().await);
    let before = town.stranger().get("/house").await.expect(200).body;
    assert_eq!(
        (&before["name"], &before["contact"]),
        (&json!("Belfry"), &Value::Null)
    );
    set(
        &admin,
        json!({ "name": "Elm & Oak", "contact": "help@elm.test" }),
    )
    .await;
    let after = town.stranger().get("/house").await.expect(200).body;
    assert_eq!(
        (&after["name"], &after["contact"]),
        (&json!("Elm & Oak"), &json!("help@elm.test"))
    );
    known_at(&town, 1, "Elm & Oak").await;

    // Whichever node plans the event, the mail is of the house as it is called now.
    let late = town.client().await;
    let welcome = mail(&admin, &late, "account.registered").await;
    assert_eq!(
        welcome["subject"],
        format!(
            "Welcome to Elm & Oak, {}",
            late.get("/me").await.expect(200).text("name")
        )
    );
    for part in ["text", "html"] {
        let words = welcome[part].as_str().unwrap().replace("&amp;", "&");
        assert!(words.contains("account at Elm & Oak"), "{part}: {words}");
        assert!(
            words.contains("Questions? help@elm.test"),
            "{part}: {words}"
        );
        assert!(!words.contains("Belfry"), "{part}: {words}");
    }
    late.at(&town, 1)
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let feed = late
        .post("/me/calendar-feed", json!({}))
        .await
        .expect(201)
        .text("url");
    let path = &feed[feed.find("/calendar/").unwrap()..];
    let file = town.stranger().get(path).await.expect(200).text;
    assert!(file.contains("X-WR-CALNAME:Elm & Oak\r\n"), "{file}");
    town.close().await;
}

async fn new_accounts_and_new_experts_start_with_what_was_set(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let admin = town.admin().await;
    let rules = json!({
        "minutes": [45, 90], "interval_minutes": 15, "buffer_before_minutes": 5, "buffer_after_minutes": 10,
        "min_notice_minutes": 120, "horizon_days": 30, "max_per_day": 4, "max_per_week": null, "auto_confirm": true,
        "cancel_notice_minutes": 180,
    });
    set(
        &admin,
        json!({ "locale": "vi", "time_zone": "Asia/Ho_Chi_Minh", "booking_rules": rules }),
    )
    .await;
    // The other node reads what was acknowledged, whether or not it was told already.
    let door = town.stranger_at(1);
    let body = json!({ "email": "new@belfry.test", "password": PASSWORD, "name": "Ngọc" });
    let session = door.post("/auth/register", body).await.expect(201).body;
    assert_eq!(session["user"]["locale"], "vi");
    assert_eq!(session["user"]["time_zone"], "Asia/Ho_Chi_Minh");
    let body = json!({ "email": "own@belfry.test", "password": PASSWORD, "name": "Otto", "locale": "en", "time_zone": "UTC" });
    let own = door.post("/auth/register", body).await.expect(201).body;
    assert_eq!(
        (&own["user"]["locale"], &own["user"]["time_zone"]),
        (&json!("en"), &json!("UTC"))
    );

    let id = session["user"]["id"].as_str().unwrap();
    let there = admin.at(&town, 1);
    there
        .patch(&format!("/admin/users/{id}"), json!({ "role": "expert" }))
        .await
        .expect(200);
    let schedule = there
        .get(&format!("/experts/{id}/schedule"))
        .await
        .expect(200)
        .body;
    assert_eq!(schedule["booking_rules"], rules);
    town.close().await;
}

async fn reminders_follow_what_was_set_when_the_booking_was_made(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let offsets = async |booking: &str| {
        let ledger = town.store.ledger().await.unwrap();
        let of = ledger
            .reminders
            .iter()
            .filter(|line| line.booking_id.to_string() == booking);
        let mut offsets: Vec<i64> = of.map(|line| line.offset_minutes).collect();
        offsets.sort_unstable();
        offsets
    };
    let first = client
        .book(&expert, "2027-03-03T10:00:00Z")
        .await
        .expect(201)
        .text("id");
    assert_eq!(offsets(&first).await, [60]);
    set(
        &admin,
        json!({ "reminder_offsets_minutes": [1440, 15], "name": "Elm" }),
    )
    .await;
    let second = client
        .book(&expert, "2027-03-03T11:00:00Z")
        .await
        .expect(201)
        .text("id");
    assert_eq!(offsets(&second).await, [15, 1440]);
    known_at(&town, 1, "Elm").await;
    let there = client.at(&town, 1);
    let third = there
        .book(&expert, "2027-03-03T12:00:00Z")
        .await
        .expect(201)
        .text("id");
    assert_eq!(offsets(&third).await, [15, 1440]);
    assert_eq!(
        offsets(&first).await,
        [60],
        "what was promised before stays"
    );
    set(&admin, json!({ "reminder_offsets_minutes": [] })).await;
    let last = client
        .book(&expert, "2027-03-03T13:00:00Z")
        .await
        .expect(201)
        .text("id");
    assert!(offsets(&last).await.is_empty());
    town.close().await;
}

async fn a_house_may_close_its_doors_to_strangers_and_open_them_again(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (admin, expert) = (town.admin().await, town.expert().await);
    let door = town.stranger_at(1);
    let register = async |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Rita" });
        door.post("/auth/register", body).await
    };
    let visit = async |at: &str| {
        let guest = json!({ "name": "Gia", "email": "gia@guests.test" });
        let body =
            json!({ "expert_id": expert.id, "starts_at": at, "mode": "online", "guest": guest });
        door.post("/bookings", body).await
    };
    register("one@belfry.test").await.expect(201);
    visit("2027-03-02T10:00:00Z").await.expect(201);
    set(
        &admin,
        json!({ "registration": false, "guest_bookings": false }),
    )
    .await;
    register("two@belfry.test")
        .await
        .problem(403, "registration-closed");
    visit("2027-03-02T11:00:00Z")
        .await
        .problem(401, "unauthenticated");
    let house = door.get("/house").await.expect(200).body;
    assert_eq!(
        (&house["registration"], &house["guest_bookings"]),
        (&json!(false), &json!(false))
    );
    set(
        &admin,
        json!({ "registration": true, "guest_bookings": true }),
    )
    .await;
    register("two@belfry.test").await.expect(201);
    visit("2027-03-02T11:00:00Z").await.expect(201);
    town.close().await;
}

async fn what_the_operator_rules_out_is_no_switch(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| settings.booking.guest_bookings = 0).await;
    let admin = town.admin().await;
    let mut wanted = admin.get(SETTINGS).await.expect(200).body;
    wanted["guest_bookings"] = json!(true);
    let refused = admin.put(SETTINGS, wanted).await.problem(422, "validation");
    assert_eq!(pointed_at(&refused), ["/guest_bookings"]);
    assert_eq!(
        town.stranger().get("/house").await.expect(200).body["guest_bookings"],
        false
    );
    town.close().await;
}

async fn what_the_operator_rules_out_later_is_no_obstacle(fresh: &Fresh) {
    let kept = json!(HouseSettings::default());
    let (_, before) = fresh.store.house_settings().await.unwrap();
    let mut tx = fresh.store.begin().await.unwrap();
    let put = put_house_settings(&mut tx, &kept, before).await.unwrap();
    assert!(put.is_some());
    tx.commit().await.unwrap();
    let town = Town::open_with(fresh, |settings| settings.booking.guest_bookings = 0).await;
    let admin = town.admin().await;
    let kept = set(&admin, json!({ "name": "After" })).await;
    let told = (&kept["name"], &kept["guest_bookings"]);
    assert_eq!(told, (&json!("After"), &json!(true)));
    set(&admin, json!({ "guest_bookings": false })).await;
    let mut wanted = admin.get(SETTINGS).await.expect(200).body;
    wanted["guest_bookings"] = json!(true);
    let refused = admin.put(SETTINGS, wanted).await.problem(422, "validation");
    assert_eq!(pointed_at(&refused), ["/guest_bookings"]);
    town.close().await;
}

async fn who_does_not_care_for_versions_is_never_too_late(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let wanted = admin.get(SETTINGS).await.expect(200).body;
    let names: Vec<String> = (0..12).map(|number| format!("House {number}")).collect();
    let set = names.iter().map(async |name| {
        let mut wanted = wanted.clone();
        wanted["name"] = json!(name);
        admin.put(SETTINGS, wanted).await.expect(200);
    });
    join_all(set).await;
    let log = admin
        .get("/admin/audit?action=settings&limit=100")
        .await
        .expect(200);
    assert_eq!(log.body["items"].as_array().unwrap().len(), names.len());
    town.close().await;
}

async fn two_who_set_at_once_do_not_overwrite_each_other_and_the_log_tells_what_changed(
    fresh: &Fresh,
) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let read = admin.get(SETTINGS).await.expect(200);
    let tag = read.headers["etag"].to_str().unwrap().to_owned();
    let mut wanted = read.body.clone();
    wanted["name"] = json!("First");
    let first = admin
        .send(
            Method::PUT,
            SETTINGS,
            Some(wanted.clone()),
            &[("if-match", &tag)],
        )
        .await
        .expect(200);
    assert_ne!(first.headers["etag"].to_str().unwrap(), tag);
    wanted["name"] = json!("Second");
    let second = admin
        .send(Method::PUT, SETTINGS, Some(wanted), &[("if-match", &tag)])
        .await;
    second.problem(412, "stale");
    assert_eq!(admin.get(SETTINGS).await.expect(200).body["name"], "First");
    let log = admin
        .get("/admin/audit?action=settings")
        .await
        .expect(200)
        .body;
    let entries = log["items"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{log}");
    let told = (
        &entries[0]["action"],
        &entries[0]["before"]["name"],
        &entries[0]["after"]["name"],
    );
    assert_eq!(
        told,
        (
            &json!("settings.changed"),
            &json!("Belfry"),
            &json!("First")
        )
    );
    town.close().await;
}

async fn what_makes_no_sense_is_told_at_its_place(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let sound = admin.get(SETTINGS).await.expect(200).body;
    for (name, value, pointer) in [
        ("name", json!(""), "/name"),
        ("name", json!("x".repeat(25)), "/name"),
        ("contact", json!("a\u{7}b"), "/contact"),
        ("locale", json!("no language"), "/locale"),
        ("time_zone", json!("Mars/Base"), "/time_zone"),
        (
            "reminder_offsets_minutes",
            json!([60, 60]),
            "/reminder_offsets_minutes/1",
        ),
        (
            "reminder_offsets_minutes",
            json!([1, 2, 3, 4, 5, 6, 7]),
            "/reminder_offsets_minutes",
        ),
        ("registration", json!("yes"), "/registration"),
        ("colour", json!("red"), "/colour"),
    ] {
        let mut wanted = sound.clone();
        wanted[name] = value;
        let refused = admin.put(SETTINGS, wanted).await.problem(422, "validation");
        assert_eq!(pointed_at(&refused), [pointer]);
    }
    let mut wanted = sound.clone();
    wanted["booking_rules"]["horizon_days"] = json!(0);
    let refused = admin.put(SETTINGS, wanted).await.problem(422, "validation");
    assert_eq!(pointed_at(&refused), ["/booking_rules/horizon_days"]);
    assert_eq!(admin.get(SETTINGS).await.expect(200).body, sound);
    town.close().await;
}

async fn what_the_operator_configured_is_shown_without_its_secrets(fresh: &Fresh) {
    let variables = [
        ("BELFRY_EMAIL__BOUNCE_SECRET", "a secret of the mail server"),
        ("BELFRY_SCHEDULER__TIME_ZONE", "Europe/Berlin"),
        ("BELFRY_LIMITS__ENABLED", "false"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let file = std::env::temp_dir().join(format!("belfry-{}.toml", uuid::Uuid::now_v7()));
    std::fs::write(&file, "[digest]\nat = \"09:30\"\n").unwrap();
    let loaded = belfry::config::Settings::load(Some(&file), variables.into_iter()).unwrap();
    std::fs::remove_file(&file).unwrap();
    let town = Town::open_with(fresh, |settings| *settings = loaded).await;
    let admin = town.admin().await;
    let answer = admin.get("/admin/settings/configured").await.expect(200);
    assert!(!answer.text.contains("a secret of"), "{}", answer.text);
    let items = answer.body["items"].as_array().unwrap();
    let item = |name: &str| items.iter().find(|item| item["name"] == name).unwrap();
    let secret = item("email.bounce_secret");
    assert_eq!(
        (&secret["value"], &secret["secret"], &secret["set"]),
        (&Value::Null, &json!(true), &json!(true))
    );
    assert_eq!(item("auth.secret")["set"], false);
    let zone = item("scheduler.time_zone");
    assert_eq!(
        (&zone["value"], &zone["origin"]),
        (&json!("Europe/Berlin"), &json!("environment"))
    );
    assert_eq!(zone["variable"], "BELFRY_SCHEDULER__TIME_ZONE");
    assert_eq!(
        (&item("digest.at")["value"], &item("digest.at")["origin"]),
        (&json!("09:30"), &json!("file"))
    );
    assert_eq!(item("live.heartbeat_seconds")["origin"], "default");
    // Every line of the manual is there.
    let heads = belfry::config::DEFAULT.lines();
    let sections: Vec<&str> = heads
        .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
        .collect();
    assert!(sections.len() > 15);
    for section in sections {
        let named = |item: &Value| item["name"].as_str().unwrap().starts_with(section);
        assert!(items.iter().any(named), "{section}");
    }
    town.close().await;
}
