//! The demo promises the same whenever it is filled: by night and by day, before a weekend and in it, at the end of a
//! month, on the eve of a clock change. What its pages and the stories in `tests/browser` count on is looked for through the door.

use belfry_domain::Instant;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::engine::Fresh;
use crate::eventually::eventually;
use crate::town::{Person, Town};

/// What the log-ins of the demo are opened with.
const PASSWORD: &str = "belfry-demo-2026";
const EXPERTS: usize = 8;
/// Stories look for times that can be moved and called off.
const AHEAD: TimeDelta = TimeDelta::hours(26);

/// Makes each moment a test of its own; what the demo holds does not depend on the engine.
macro_rules! filled_at {
    ($($name:ident: $moment:literal),+ $(,)?) => {
        $(#[actix_rt::test]
        async fn $name() {
            filled($moment.parse().unwrap()).await;
        })+
    };
}

filled_at!(
    on_a_friday_noon: "2026-11-27T12:00:00Z",
    on_the_last_evening_of_a_year: "2026-12-31T22:50:00Z",
    after_midnight_on_the_day_of_a_clock_change: "2027-03-28T00:20:00Z",
);

async fn filled(now: Instant) {
    let fresh = Fresh::sqlite().await;
    let mut town = Town::over(&fresh.store, None);
    town.clock.set(now);
    belfry::demo::fill(&fresh.store, &town.settings, now)
        .await
        .unwrap();
    town.add_node().await;
    everybody_has_times(&town).await;
    somebody_comes_every_week(&town).await;
    seats_are_offered(&town).await;
    there_is_work_behind_and_ahead(&town).await;
    a_place_that_came_free_is_offered(&town).await;
    a_line_stands_at_each_branch(&town).await;
    town.close().await;
}

async fn demo(town: &Town, name: &str) -> Person {
    let mut person = town.stranger();
    let body = json!({ "email": format!("{name}@belfry.test"), "password": PASSWORD });
    let session = person.post("/auth/login", body).await.expect(200);
    person.sign_in_as(&session);
    person
}

async fn items(person: &Person, path: &str) -> Vec<Value> {
    let answer = person.get(path).await.expect(200);
    answer.body["items"].as_array().unwrap().clone()
}

fn instant(of: &Value) -> Instant {
    of.as_str().unwrap().parse().unwrap()
}

/// Each expert has several free times within ten days, and the list says so.
async fn everybody_has_times(town: &Town) {
    let visitor = town.stranger();
    let experts = items(&visitor, "/experts?limit=100").await;
    assert_eq!(experts.len(), EXPERTS);
    for expert in experts {
        let name = &expert["name"];
        let next = instant(&expert["next_free_at"]);
        assert!(next - town.now() < TimeDelta::days(7), "{name}: {next}");
        let path = format!(
            "/experts/{}/slots?from={}&days=10&time_zone=UTC",
            expert["id"].as_str().unwrap(),
            (town.now() + TimeDelta::days(1)).date_naive()
        );
        let days = visitor.get(&path).await.expect(200).body["days"].clone();
        let slots = days.as_array().unwrap().iter();
        let slots = slots.flat_map(|day| day["slots"].as_array().unwrap());
        let ahead = slots.filter(|slot| instant(&slot["starts_at"]) - town.now() > AHEAD);
        assert!(ahead.count() >= 8, "{name} has next to no time");
    }
}

/// The series is there with all of its times, and found by its note.
async fn somebody_comes_every_week(town: &Town) {
    let client = demo(town, "client4").await;
    let all = items(&client, "/bookings?query=The+same+hour+every+week").await;
    assert_eq!(all.len(), 5);
    for booking in all {
        assert!(instant(&booking["starts_at"]) > town.now());
        assert_eq!(booking["status"], "confirmed");
        assert_eq!(booking["series"]["of"], 5);
    }
}

/// Two experts offer sessions, one of which is full.
async fn seats_are_offered(town: &Town) {
    let mut sessions = Vec::new();
    for name in ["expert1", "expert2"] {
        let expert = demo(town, name).await;
        let own = items(&expert, &format!("/experts/{}/sessions?days=60", expert.id)).await;
        assert_eq!(own.len(), 2, "{name}");
        sessions.extend(own);
    }
    assert!(sessions.iter().any(|one| one["left"] == 0));
    assert!(sessions.iter().any(|one| one["left"] != 0));
}

/// Clients have what is over and what comes, something to review among it; experts have requests to answer.
async fn there_is_work_behind_and_ahead(town: &Town) {
    let may = |bookings: &[Value], action: &str| {
        let actions = |one: &Value| one["actions"].as_array().unwrap().contains(&json!(action));
        bookings.iter().any(actions)
    };
    let client = demo(town, "client1").await;
    let mine = items(&client, "/bookings?limit=100").await;
    assert!(mine.iter().any(|one| one["status"] == "completed"));
    assert!(may(&mine, "cancel"), "nothing comes");
    let mut reviewable = false;
    for n in 1..=5 {
        let client = demo(town, &format!("client{n}")).await;
        let done = items(&client, "/bookings?status=completed&limit=100").await;
        reviewable |= may(&done, "review");
    }
    assert!(reviewable, "nothing is left to review");
    for n in 1..=EXPERTS {
        let expert = demo(town, &format!("expert{n}")).await;
        let asked = format!("/bookings?expert_id={}&status=pending&limit=100", expert.id);
        let asked = items(&expert, &asked).await;
        assert!(may(&asked, "confirm"), "expert{n} is asked for nothing");
        let over = format!(
            "/bookings?expert_id={}&status=completed,missed&limit=100",
            expert.id
        );
        let over = items(&expert, &over).await;
        assert!(!over.is_empty(), "expert{n} has no past");
    }
    let manager = demo(town, "manager").await;
    assert!(
        items(&manager, "/admin/reports/weekly?limit=100")
            .await
            .len()
            > 5
    );
}

/// The first client waited for days on which there are times, and is offered one as soon as the house is open.
async fn a_place_that_came_free_is_offered(town: &Town) {
    let client = demo(town, "client1").await;
    eventually("a place is offered", async || {
        town.sweep().await;
        let places = items(&client, "/waiting-list?open=true").await;
        places.iter().any(|one| one["status"] == "offered")
    })
    .await;
}

/// Somebody is served and others wait, after the scheduler has looked at them, whether or not it was midnight meanwhile.
async fn a_line_stands_at_each_branch(town: &Town) {
    let admin = demo(town, "admin").await;
    let branches = items(&admin, "/branches").await;
    assert_eq!(branches.len(), 2);
    for branch in branches {
        let path = format!("/branches/{}/queue", branch["id"].as_str().unwrap());
        let visits = admin.get(&path).await.expect(200).body["visits"].clone();
        let names: Vec<&Value> = visits
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["name"])
            .collect();
        assert_eq!(names.len(), 4, "{}: {names:?}", branch["name"]);
    }
}
