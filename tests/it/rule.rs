//! Rules are data: edited by administrators version by version, tried on what happened, and heeded at once (T5).

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(
    the_house_comes_with_the_rules_of_its_own_file,
    a_rule_that_was_edited_counts_from_the_next_event_on,
    a_condition_decides_by_the_facts_and_the_trace_says_so,
    managers_and_followers_are_told_by_rules_of_their_own,
    a_rule_is_tried_on_what_happened_and_nothing_comes_of_it,
    what_makes_no_sense_is_refused_where_it_stands,
    two_who_edit_one_rule_do_not_overwrite_each_other,
);

const RULES: &str = "/admin/rules";

fn path(id: &str) -> String {
    format!("{RULES}/{id}")
}

/// What may be put back after it was read.
fn draft(rule: &Value) -> Value {
    let mut draft = rule.clone();
    for given in ["id", "version", "created_at", "created_by", "edited"] {
        draft.as_object_mut().unwrap().remove(given);
    }
    draft
}

/// Changes members of a rule in force.
async fn edit(admin: &Person, id: &str, changes: Value) -> Value {
    let mut wanted = draft(&admin.get(&path(id)).await.expect(200).body);
    for (name, value) in changes.as_object().unwrap() {
        wanted[name] = value.clone();
    }
    admin.put(&path(id), wanted).await.expect(200).body
}

async fn trio(town: &Town) -> (Person, Person, Person) {
    (town.admin().await, town.expert().await, town.client().await)
}

/// The kinds in somebody's inbox, oldest first, once there are `count` of them.
pub async fn kinds(person: &Person, count: usize) -> Vec<String> {
    let started = Instant::now();
    loop {
        let list = person
            .get("/notifications?limit=100")
            .await
            .expect(200)
            .body;
        let items = list["items"].as_array().unwrap().iter().rev();
        let kinds: Vec<String> = items
            .map(|item| item["kind"].as_str().unwrap().to_owned())
            .collect();
        if kinds.len() >= count {
            return kinds;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{kinds:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn the_house_comes_with_the_rules_of_its_own_file(fresh: &Fresh) {
    let book = fresh.store.rule_book().await.unwrap();
    let defaults = belfry_domain::rule::RuleBook::defaults().unwrap();
    let shown = |book: &belfry_domain::rule::RuleBook| -> Vec<_> {
        let rules = book.all().iter();
        rules
            .map(|rule| (rule.id.clone(), rule.draft.clone()))
            .collect()
    };
    assert_eq!(shown(&book), shown(&defaults));
    assert!(book.all().iter().all(|rule| rule.version == 1));
    let kinds = belfry_domain::template::Templates::kinds();
    for rule in book.all() {
        let faults = rule.draft.faults(&kinds, &[]);
        assert!(faults.is_empty(), "{}: {faults:?}", rule.id);
    }
}

async fn a_rule_that_was_edited_counts_from_the_next_event_on(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = trio(&town).await;
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    assert_eq!(kinds(&client, 1).await, ["booking.created"]);
    let before = admin.get(&path("booking.created.client")).await.expect(200);
    assert_eq!(before.body["edited"], json!(false));
    let after = edit(&admin, "booking.created.client", json!({ "inbox": false })).await;
    assert_eq!(after["version"], json!(2));
    assert_eq!(after["edited"], json!(true));
    assert_eq!(after["created_by"], json!(admin.id));
    let booked = client
        .book(&expert, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    // The expert's rule is another one, and tells when the event was planned.
    assert_eq!(
        kinds(&expert, 2).await,
        ["booking.created", "booking.created"]
    );
    assert_eq!(kinds(&client, 1).await, ["booking.created"]);
    // Back to what the house came with, as a version of its own.
    let reset = admin
        .post(
            &format!("{}/reset", path("booking.created.client")),
            json!({}),
        )
        .await;
    let reset = reset.expect(200).body;
    assert_eq!(
        (&reset["version"], &reset["edited"]),
        (&json!(3), &json!(false))
    );
    let versions = admin
        .get(&format!("{}/versions", path("booking.created.client")))
        .await;
    let versions = versions.expect(200).body;
    let inbox: Vec<bool> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["inbox"].as_bool().unwrap())
        .collect();
    assert_eq!(inbox, [true, false, true]);
    let wish = json!({ "reason": "no time" });
    expert
        .post(&format!("/bookings/{}/reject", booked.text("id")), wish)
        .await
        .expect(200);
    assert_eq!(
        kinds(&client, 2).await,
        ["booking.created", "booking.rejected"]
    );
    town.close().await;
}

async fn a_condition_decides_by_the_facts_and_the_trace_says_so(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = trio(&town).await;
    let only_offline = json!({ "condition": "mode == \"offline\"" });
    edit(&admin, "booking.created.client", only_offline).await;
    let booked = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    kinds(&expert, 1).await;
    let event = event_of(&admin, &booked.text("id"), "booking.created").await;
    let told = explain(&admin, &event, &client.id).await;
    let decision = &told["decisions"][0];
    assert_eq!(decision["rule_id"], json!("booking.created.client"));
    assert_eq!(decision["rule_version"], json!(2));
    assert_eq!(
        decision["condition"],
        json!({ "gate": "condition", "passed": false, "reason": "not_met" })
    );
    assert_eq!(
        (&decision["inbox"], &decision["ways"]),
        (&json!(false), &json!([]))
    );
    assert_eq!(told["entries"], json!([]));
    assert_eq!(told["deliveries"], json!([]));
    let at = "2027-03-03T10:00:00Z";
    let body = json!({ "expert_id": expert.id, "starts_at": at, "minutes": 60, "mode": "offline" });
    client.post("/bookings", body).await.expect(201);
    assert_eq!(kinds(&client, 1).await, ["booking.created"]);
    town.close().await;
}

async fn managers_and_followers_are_told_by_rules_of_their_own(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = json!({ "name": "Here", "time_zone": "UTC" });
    let branch = admin.post("/branches", branch).await.expect(201).text("id");
    let manager = town.manager(Some(&branch)).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let base = draft(
        &admin
            .get(&path("booking.created.expert"))
            .await
            .expect(200)
            .body,
    );
    for audience in ["manager", "followers"] {
        for on in ["booking.created", "booking.confirmed"] {
            let mut rule = base.clone();
            rule["on"] = json!(on);
            rule["kind"] = json!(on);
            rule["audience"] = json!(audience);
            let new = json!({ "id": format!("{on}.{audience}"), "rule": rule });
            admin.post(RULES, new.clone()).await.expect(201);
            admin.post(RULES, new).await.problem(409, "conflict");
        }
    }
    let booked = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let booking = booked.text("id");
    assert_eq!(kinds(&manager, 1).await, ["booking.created"]);
    // Who may not see a booking cannot follow it; who is named in it is not told twice.
    let follow = format!("/bookings/{booking}/follow");
    let stranger = town.client().await;
    stranger
        .put(&follow, json!({}))
        .await
        .problem(404, "not-found");
    for person in [&admin, &client, &admin] {
        person.put(&follow, json!({})).await.expect(204);
    }
    let confirm = format!("/bookings/{booking}/confirm");
    expert.post(&confirm, json!({})).await.expect(200);
    assert_eq!(kinds(&admin, 1).await, ["booking.confirmed"]);
    assert_eq!(
        kinds(&manager, 2).await,
        ["booking.created", "booking.confirmed"]
    );
    assert_eq!(
        kinds(&client, 2).await,
        ["booking.created", "booking.confirmed"]
    );
    admin.delete(&follow).await.expect(204);
    let cancel = format!("/bookings/{booking}/cancel");
    client.post(&cancel, json!({})).await.expect(200);
    assert_eq!(kinds(&client, 3).await.len(), 3);
    assert_eq!(kinds(&admin, 1).await, ["booking.confirmed"]);
    town.close().await;
}

async fn a_rule_is_tried_on_what_happened_and_nothing_comes_of_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = trio(&town).await;
    let booked = client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    kinds(&client, 1).await;
    let event = event_of(&admin, &booked.text("id"), "booking.created").await;
    let mut rule = draft(
        &admin
            .get(&path("booking.created.client"))
            .await
            .expect(200)
            .body,
    );
    rule["enabled"] = json!(false);
    rule["delay_minutes"] = json!(30);
    let tries = format!("{RULES}/try");
    let outcome = admin
        .post(&tries, json!({ "event_id": event, "rule": rule }))
        .await
        .expect(200)
        .body;
    assert_eq!(outcome["for_this_event"], json!(true));
    assert_eq!(outcome["fault"], Value::Null);
    assert_eq!(outcome["decisions"][0]["user"]["id"], json!(client.id));
    assert_eq!(outcome["entries"].as_array().unwrap().len(), 1);
    let message = &outcome["messages"][0];
    assert_eq!(
        (&message["channel"], &message["rank"]),
        (&json!("email"), &json!(0))
    );
    assert_eq!(outcome["decisions"][0]["ways"][0]["outcome"], json!("held"));
    rule["condition"] = json!("mode == \"offline\"");
    let outcome = admin
        .post(&tries, json!({ "event_id": event, "rule": rule }))
        .await
        .expect(200)
        .body;
    assert_eq!(outcome["decisions"][0]["condition"]["passed"], json!(false));
    assert_eq!(outcome["messages"], json!([]));
    rule["on"] = json!("booking.rejected");
    rule["condition"] = Value::Null;
    let outcome = admin
        .post(&tries, json!({ "event_id": event, "rule": rule }))
        .await
        .expect(200)
        .body;
    assert_eq!(outcome["for_this_event"], json!(false));
    // Nothing was written: one entry, one decision, one mail, as planned when it happened.
    let told = explain(&admin, &event, &client.id).await;
    assert_eq!(told["decisions"].as_array().unwrap().len(), 1);
    assert_eq!(told["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(kinds(&client, 1).await, ["booking.created"]);
    town.close().await;
}

async fn what_makes_no_sense_is_refused_where_it_stands(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let rule = path("booking.created.client");
    let good = draft(&admin.get(&rule).await.expect(200).body);
    for (name, value) in [
        ("condition", json!("mode ==")),
        ("condition", json!("nobody_knows_this == 1")),
        ("condition", json!("code")),
        ("condition", json!("range(1000000000) | list | length > 1")),
        ("kind", json!("booking.exploded")),
        ("delay_minutes", json!(-1)),
        ("delay_minutes", json!(43_201)),
        ("audience", json!("holder")),
        ("page", json!("reset")),
        ("fallback", json!(["email"])),
        ("channels", json!(["email", "email"])),
    ] {
        let mut bad = good.clone();
        bad[name] = value.clone();
        let answer = admin.put(&rule, bad).await;
        pointed_at(answer, &format!("/{name}"), "invalid");
    }
    let mut bad = good.clone();
    bad["chanels"] = json!([]);
    admin.put(&rule, bad).await.problem(422, "validation");
    admin
        .get(&path("no.such.rule"))
        .await
        .problem(404, "not-found");
    admin
        .put(&path("no.such.rule"), good.clone())
        .await
        .problem(404, "not-found");
    for id in ["", "A", "../x", &"a".repeat(61)] {
        let answer = admin.post(RULES, json!({ "id": id, "rule": good })).await;
        pointed_at(answer, "/id", "invalid");
    }
    assert_eq!(admin.get(&rule).await.expect(200).body["version"], json!(1));
    town.close().await;
}

async fn two_who_edit_one_rule_do_not_overwrite_each_other(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let rule = path("booking.created.client");
    let before = admin.get(&rule).await.expect(200);
    let tag = before.header("etag").unwrap().to_owned();
    let wanted = draft(&before.body);
    let put = async || {
        let headers = [("if-match", tag.as_str())];
        admin
            .send(Method::PUT, &rule, Some(wanted.clone()), &headers)
            .await
    };
    let (one, other) = futures::join!(put(), put());
    let mut answers = [one.status, other.status];
    answers.sort_unstable();
    assert_eq!(answers, [200, 412]);
    assert_eq!(admin.get(&rule).await.expect(200).body["version"], json!(2));
    town.close().await;
}

/// The id of the event of this type about a booking.
pub async fn event_of(admin: &Person, booking: &str, kind: &str) -> String {
    let path = format!("/admin/events?type={kind}&subject=booking/{booking}");
    admin.get(&path).await.expect(200).body["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Why somebody was told of an event, or was not.
pub async fn explain(admin: &Person, event: &str, user: &str) -> Value {
    let path = format!("/admin/explain?event_id={event}&user_id={user}");
    admin.get(&path).await.expect(200).body
}
