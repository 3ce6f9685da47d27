//! Who may call what: every protected call of the document against one table (C1.3).

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::UNKNOWN;
use super::document::{calls, fill};
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Person, Town};

on_both_engines!(every_call_is_for_those_the_table_names);

/// The columns: the booking's client, another user, the booking's expert, another expert of the branch, the
/// expert's manager, another branch's manager, an administrator. `y` may, `f` is forbidden, `h` is not told
/// that the thing exists. Bodies are empty objects or what `BODIES` says, so that little is changed.
const TABLE: &str = "
    yyyyyyy GET /api/v1/me
    yyyyyyy PATCH /api/v1/me
    yyyyyyy PUT /api/v1/me/avatar
    yyyyyyy DELETE /api/v1/me/avatar
    ffyfyfy PATCH /api/v1/experts/{id}
    ffyfyfy PUT /api/v1/experts/{id}/presence
    ffyfyfy GET /api/v1/experts/{id}/schedule
    ffyfyfy PUT /api/v1/experts/{id}/schedule
    ffyfyfy GET /api/v1/experts/{id}/overrides
    ffyfyfy PUT /api/v1/experts/{id}/overrides/{date}
    ffyfyfy DELETE /api/v1/experts/{id}/overrides/{date}
    ffyfyfy GET /api/v1/experts/{id}/time-off
    ffyfyfy POST /api/v1/experts/{id}/time-off
    ffyfyfy DELETE /api/v1/experts/{id}/time-off/{time_off_id}
    ffyfyfy GET /api/v1/experts/{id}/agenda
    yyyyyyy POST /api/v1/holds
    hhhhhhh DELETE /api/v1/holds/{id}
    yyyyyyy GET /api/v1/bookings
    yyyyyyy POST /api/v1/bookings
    yhyhyhy GET /api/v1/bookings/{id}
    yhyhyhy PATCH /api/v1/bookings/{id}
    yhyhyhy GET /api/v1/bookings/{id}/history
    yhyhyhy GET /api/v1/bookings/{id}/calendar.ics
    yhyhyhy POST /api/v1/bookings/{id}/reschedule
    fhyhyhy POST /api/v1/bookings/{id}/confirm
    fhyhyhy POST /api/v1/bookings/{id}/complete
    fhyhyhy POST /api/v1/bookings/{id}/miss
    yhfhfhf POST /api/v1/bookings/{id}/review
    fhyhyhy POST /api/v1/bookings/{id}/reject
    yhyhyhy POST /api/v1/bookings/{id}/cancel
    yyyyyyy GET /api/v1/notifications
    yyyyyyy GET /api/v1/notifications/unread-count
    yyyyyyy POST /api/v1/notifications/read-all
    hhhhhhh POST /api/v1/notifications/{id}/read
    hhhhhhh DELETE /api/v1/notifications/{id}
    yyyyyyy POST /api/v1/live/ticket
    ffffffy POST /api/v1/branches
    ffffffy GET /api/v1/admin/users
    ffffffy GET /api/v1/admin/users/{id}
    ffffffy PATCH /api/v1/admin/users/{id}
    ffffffy GET /api/v1/admin/deliveries
    ffffffy GET /api/v1/admin/deliveries/{id}
    ffffffy POST /api/v1/admin/deliveries/{id}/retry
    ffffffy GET /api/v1/admin/parked-events
    ffffffy POST /api/v1/admin/parked-events/{id}/retry
";

fn rows() -> impl Iterator<Item = (&'static str, Method, &'static str)> {
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        (word(), word().parse().unwrap(), word())
    })
}

#[test]
fn the_table_names_every_protected_call() {
    let protected = calls()
        .into_iter()
        .filter(|call| !call.public && !call.path.ends_with("/live/events"));
    let documented: BTreeSet<String> = protected
        .map(|call| format!("{} {}", call.method, call.path))
        .collect();
    let named: BTreeSet<String> = rows()
        .map(|(_, method, path)| format!("{method} {path}"))
        .collect();
    assert_eq!(documented, named);
}

async fn every_call_is_for_those_the_table_names(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = async |name: &str| {
        let body = json!({ "name": name, "time_zone": "UTC" });
        admin.post("/branches", body).await.expect(201).text("id")
    };
    let (here, there) = (branch("Here").await, branch("There").await);
    let expert = town.expert_with(json!({}), Some(&here)).await;
    let owner = town.client().await;
    let booking = owner
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201)
        .text("id");
    let people = [
        owner,
        town.client().await,
        expert.clone(),
        town.expert_with(json!({}), Some(&here)).await,
        town.manager(Some(&here)).await,
        town.manager(Some(&there)).await,
        admin,
    ];
    let mut faults = Vec::new();
    for (columns, method, path) in rows() {
        let path = path.replace("/bookings/{id}", &format!("/bookings/{booking}"));
        let path = path.replace(
            "/admin/users/{id}",
            &format!("/admin/users/{}", people[1].id),
        );
        let path = fill(&path, &expert.id);
        for (person, expected) in people.iter().zip(columns.chars()) {
            let status = call(person, &method, &path).await;
            let names_nothing = path.contains(UNKNOWN) || method == Method::DELETE;
            let fits = match expected {
                'f' => status == 403,
                'h' => status == 404,
                _ => {
                    ![401, 403, 405].contains(&status)
                        && status < 500
                        && (status != 404 || names_nothing)
                }
            };
            if !fits {
                faults.push(format!(
                    "{method} {path} by {}: {status}, not {expected}",
                    person.email
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    town.close().await;
}

async fn call(person: &Person, method: &Method, path: &str) -> u16 {
    let body: Option<Value> = match path.rsplit('/').next() {
        _ if *method == Method::GET => None,
        Some("review") => Some(json!({ "stars": 5 })),
        _ => Some(json!({})),
    };
    person.send(method.clone(), path, body, &[]).await.status
}
