//! Who may call what: every call of the document, for every kind of caller, against one table (C1.3).

use belfry::secret::Secret;
use belfry::token::Tokens;
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration, time::Instant};

use super::UNKNOWN;
use super::document::calls;
use crate::account::profile::PNG;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

on_both_engines!(every_call_is_for_those_the_table_names,);

/// The columns of the table.
pub const CALLERS: [&str; 10] = [
    "nobody",
    "an administrator by a forged token",
    "a disabled administrator",
    "another user",
    "the booking's client",
    "the booking's expert",
    "another expert of the branch",
    "the expert's manager",
    "another branch's manager",
    "an administrator",
];

/// `y` may, `u` must sign in, `d` is disabled, `f` is forbidden, `h` is not told that the thing exists. The
/// hold is the client's, the notification the expert's; a stream's token is its ticket, which nobody has
/// here. Bodies are empty objects or what [`call`] says, so that little is changed.
const TABLE: &str = "
    yyyyyyyyyy POST /api/v1/auth/email/verify
    yyyyyyyyyy POST /api/v1/auth/login
    yyyyyyyyyy GET /api/v1/auth/oidc
    yyyyyyyyyy POST /api/v1/auth/oidc/start
    yyyyyyyyyy POST /api/v1/auth/oidc/callback
    yyyyyyyyyy POST /api/v1/auth/logout
    yyyyyyyyyy POST /api/v1/auth/password/forgot
    yyyyyyyyyy POST /api/v1/auth/password/reset
    yyyyyyyyyy POST /api/v1/auth/refresh
    yyyyyyyyyy POST /api/v1/auth/register
    yyyyyyyyyy GET /api/v1/users/{id}/avatar
    uudyyyyyyy GET /api/v1/me
    uudyyyyyyy PATCH /api/v1/me
    uudyyyyyyy DELETE /api/v1/me
    uudyyyyyyy GET /api/v1/me/export
    uudyyyyyyy DELETE /api/v1/me/avatar
    uudyyyyyyy PUT /api/v1/me/avatar
    uudyyyyyyy GET /api/v1/me/preferences
    uudyyyyyyy PUT /api/v1/me/preferences
    uudyyyyyyy GET /api/v1/me/ways
    uudyyyyyyy GET /api/v1/me/sign-ins
    uudhhhhhhh DELETE /api/v1/me/sign-ins/{id}
    uudyyyyyyy DELETE /api/v1/me/telegram
    uudyyyyyyy GET /api/v1/me/telegram
    uudyyyyyyy POST /api/v1/me/telegram
    uudyyyyyyy DELETE /api/v1/me/calendar-feed
    uudyyyyyyy GET /api/v1/me/calendar-feed
    uudyyyyyyy POST /api/v1/me/calendar-feed
    yyyyyyyyyy GET /calendar/{secret}.ics
    uudyyyyyyy GET /api/v1/me/devices
    uudyyyyyyy POST /api/v1/me/devices
    uudhhhhhhh DELETE /api/v1/me/devices/{id}
    yyyyyyyyyy GET /api/v1/push/key
    yyyyyyyyyy GET /api/v1/experts
    yyyyyyyyyy GET /api/v1/experts/{id}
    uudffyfyfy PATCH /api/v1/experts/{id}
    uudffyfyfy GET /api/v1/experts/{id}/agenda
    uudffyfyfy GET /api/v1/experts/{id}/holidays
    uudffyfyfy PUT /api/v1/experts/{id}/holidays
    uudffyfyfy GET /api/v1/experts/{id}/imports
    uudffyfyfy POST /api/v1/experts/{id}/imports
    uudffhfhfh DELETE /api/v1/experts/{id}/imports/{import_id}
    uudffhfhfh POST /api/v1/experts/{id}/imports/{import_id}/refresh
    uudffyfyfy GET /api/v1/experts/{id}/overrides
    uudffyfyfy DELETE /api/v1/experts/{id}/overrides/{date}
    uudffyfyfy PUT /api/v1/experts/{id}/overrides/{date}
    uudffyfyfy PUT /api/v1/experts/{id}/presence
    yyyyyyyyyy GET /api/v1/experts/{id}/reviews
    uudffyfyfy GET /api/v1/experts/{id}/schedule
    uudffyfyfy PUT /api/v1/experts/{id}/schedule
    yyyyyyyyyy GET /api/v1/experts/{id}/slots
    uudffyfyfy GET /api/v1/experts/{id}/slots/explain
    uudffyfyfy GET /api/v1/experts/{id}/time-off
    uudffyfyfy POST /api/v1/experts/{id}/time-off
    uudffyfyfy DELETE /api/v1/experts/{id}/time-off/{time_off_id}
    uudyyyyyyy POST /api/v1/holds
    uudhyhhhhh DELETE /api/v1/holds/{id}
    uudyyyyyyy GET /api/v1/bookings
    uudyyyyyyy POST /api/v1/bookings
    uudyyyyyyy GET /api/v1/bookings.csv
    uudyyyyyyy POST /api/v1/bookings/claim
    yyyyyyyyyy POST /api/v1/bookings/lookup
    yyyyyyyyyy POST /api/v1/bookings/lookup/cancel
    yyyyyyyyyy POST /api/v1/bookings/lookup/link
    yyyyyyyyyy POST /api/v1/bookings/lookup/otp
    yyyyyyyyyy POST /api/v1/bookings/lookup/otp/show
    uudhyyhyhy GET /api/v1/bookings/{id}
    uudhyyhyhy PATCH /api/v1/bookings/{id}
    uudhfyhyhy GET /api/v1/bookings/{id}/assignment
    uudhyyhyhy GET /api/v1/bookings/{id}/calendar.ics
    uudhyyhyhy POST /api/v1/bookings/{id}/cancel
    uudhfyhyhy POST /api/v1/bookings/{id}/complete
    uudhfyhyhy POST /api/v1/bookings/{id}/confirm
    uudhyyhyhy DELETE /api/v1/bookings/{id}/follow
    uudhyyhyhy PUT /api/v1/bookings/{id}/follow
    uudhyyhyhy GET /api/v1/bookings/{id}/history
    uudhyyhyhy POST /api/v1/bookings/{id}/keep
    uudhfyhyhy POST /api/v1/bookings/{id}/miss
    uudhfyhyhy POST /api/v1/bookings/{id}/reject
    uudhyyhyhy POST /api/v1/bookings/{id}/reschedule
    uudhyfhfhf POST /api/v1/bookings/{id}/review
    uudyyyyyyy POST /api/v1/series
    uudyyyyyyy POST /api/v1/series/preview
    uudhyyhyhy GET /api/v1/series/{id}
    uudhfyhyhy POST /api/v1/series/{id}/confirm
    uudhfyhyhy POST /api/v1/series/{id}/reject
    uudhyyhyhy POST /api/v1/series/{id}/cancel
    yyyyyyyyyy GET /api/v1/experts/{id}/sessions
    uudffyfyfy POST /api/v1/experts/{id}/sessions
    yyyyyyyyyy GET /api/v1/sessions/{id}
    uudffyfyfy PATCH /api/v1/sessions/{id}
    uudffyfyfy POST /api/v1/sessions/{id}/cancel
    uudyyfyyyy POST /api/v1/sessions/{id}/waiting-list
    uudyyfyyyy POST /api/v1/experts/{id}/waiting-list
    uudyyyyyyy GET /api/v1/waiting-list
    uudhyyhyhy GET /api/v1/waiting-list/{id}
    uudhyfhfhf POST /api/v1/waiting-list/{id}/accept
    uudhyfhfhf POST /api/v1/waiting-list/{id}/decline
    uudhyyhyhy GET /api/v1/waiting-list/{id}/history
    uudhyyhyhy DELETE /api/v1/waiting-list/{id}
    uudyyyyyyy GET /api/v1/notifications
    uudyyyyyyy POST /api/v1/notifications/read-all
    uudyyyyyyy GET /api/v1/notifications/unread-count
    uudhhyhhhh POST /api/v1/notifications/{id}/read
    uudhhyhhhh DELETE /api/v1/notifications/{id}
    uuuuuuuuuu GET /api/v1/live/events
    uudyyyyyyy POST /api/v1/live/ticket
    yyyyyyyyyy GET /api/v1/branches
    uudffffffy POST /api/v1/branches
    yyyyyyyyyy GET /api/v1/branches/{id}
    uudffffyfy PATCH /api/v1/branches/{id}
    yyyyyyyyyy GET /api/v1/branches/{id}/days
    yyyyyyyyyy GET /api/v1/branches/{id}/slots
    yudyyyyyyy GET /api/v1/branches/{id}/queue
    yudyyyyyyy POST /api/v1/branches/{id}/queue
    uudhyyhyhy POST /api/v1/bookings/{id}/check-in
    uudhyyyyhy GET /api/v1/visits/{id}
    uudhyyyyhy GET /api/v1/visits/{id}/history
    uudhyfffhf POST /api/v1/visits/{id}/accept-offer
    uudhyfffhf POST /api/v1/visits/{id}/decline-offer
    uudhfyyyhy POST /api/v1/visits/{id}/accept
    uudhfyyyhy POST /api/v1/visits/{id}/start
    uudhfyyyhy POST /api/v1/visits/{id}/finish
    uudhfyyyhy POST /api/v1/visits/{id}/skip
    uudhfyyyhy POST /api/v1/visits/{id}/recall
    uudhfyyyhy POST /api/v1/visits/{id}/no-show
    uudhfyyyhy POST /api/v1/visits/{id}/transfer
    uudhyyyyhy POST /api/v1/visits/{id}/leave
    uudffffyfy GET /api/v1/branches/{id}/day
    uudffffyfy GET /api/v1/branches/{id}/statistics
    uudffffyfy GET /api/v1/branches/{id}/statistics.csv
    uudffffffy GET /api/v1/admin/api-keys
    uudffffffy POST /api/v1/admin/api-keys
    uudffffffy GET /api/v1/admin/api-keys/{id}
    uudffffffy DELETE /api/v1/admin/api-keys/{id}
    uudffffffy GET /api/v1/admin/audit
    uudffffffy GET /api/v1/admin/deliveries
    uudffffffy GET /api/v1/admin/events
    uudffffffy GET /api/v1/admin/explain
    uudffffyyy GET /api/v1/admin/overview
    uudffffyyy GET /api/v1/admin/reports/weekly
    uudffffyyy GET /api/v1/admin/reports/weekly.csv
    uudffffffy GET /api/v1/admin/rules
    uudffffffy POST /api/v1/admin/rules
    uudffffffy POST /api/v1/admin/rules/try
    uudffffffy GET /api/v1/admin/rules/{id}
    uudffffffy PUT /api/v1/admin/rules/{id}
    uudffffffy POST /api/v1/admin/rules/{id}/reset
    uudffffffy GET /api/v1/admin/rules/{id}/versions
    uudffffffy GET /api/v1/admin/deliveries/{id}
    uudffffffy POST /api/v1/admin/deliveries/{id}/retry
    uudffffffy POST /api/v1/admin/deliveries/retry
    uudffffffy GET /api/v1/admin/providers
    uudffffffy GET /api/v1/admin/suppressions
    uudffffffy DELETE /api/v1/admin/suppressions/{channel}/{address}
    uudffffffy GET /api/v1/admin/templates
    uudffffffy GET /api/v1/admin/templates/{kind}/{channel}/{language}
    uudffffffy PUT /api/v1/admin/templates/{kind}/{channel}/{language}
    uudffffffy DELETE /api/v1/admin/templates/{kind}/{channel}/{language}
    uudffffffy POST /api/v1/admin/templates/{kind}/{channel}/{language}/preview
    uuuuuuuuuu POST /api/v1/mail/bounces
    uudffffffy GET /api/v1/admin/parked-events
    uudffffffy POST /api/v1/admin/parked-events/{id}/retry
    uudffffffy GET /api/v1/admin/webhooks
    uudffffffy POST /api/v1/admin/webhooks
    uudffffffy GET /api/v1/admin/webhooks/{id}
    uudffffffy PATCH /api/v1/admin/webhooks/{id}
    uudffffffy DELETE /api/v1/admin/webhooks/{id}
    uudffffffy GET /api/v1/admin/webhooks/{id}/deliveries
    uudffffffy POST /api/v1/admin/webhooks/{id}/replay
    uudffffffy POST /api/v1/admin/webhooks/{id}/rotate
    uudffffffy POST /api/v1/admin/webhooks/{id}/test
    yyyyyyyyyy GET /api/v1/house
    uudffffffy GET /api/v1/admin/settings
    uudffffffy PUT /api/v1/admin/settings
    uudffffffy GET /api/v1/admin/settings/configured
    uudffffffy GET /api/v1/admin/users
    uudffffffy GET /api/v1/admin/users.csv
    uudffffffy GET /api/v1/admin/users/{id}
    uudffffffy PATCH /api/v1/admin/users/{id}
    uudffffffy DELETE /api/v1/admin/users/{id}
    yyyyyyyyyy GET /healthz
    yyyyyyyyyy GET /metrics
    yyyyyyyyyy GET /readyz
";

/// Routes that are no operations of the API.
const PAGES: [&str; 8] = [
    "/openapi.json",
    "/asyncapi.json",
    "/ws",
    "/hooks/telegram",
    "/docs",
    "/problems/{slug}",
    "/static/{path:.*}",
    "/unsubscribe/{token}",
];

pub fn rows() -> impl Iterator<Item = (&'static str, Method, &'static str)> {
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        (word(), word().parse().unwrap(), word())
    })
}

fn named() -> BTreeSet<String> {
    rows()
        .map(|(_, method, path)| format!("{method} {path}"))
        .collect()
}

#[test]
fn the_table_names_every_call_of_the_document_for_every_caller() {
    let documented: BTreeSet<String> = calls()
        .iter()
        .map(|call| format!("{} {}", call.method, call.path))
        .collect();
    assert_eq!(documented, named());
    for (columns, method, path) in rows() {
        assert_eq!(columns.len(), CALLERS.len(), "{method} {path}");
        let public = calls()
            .into_iter()
            .any(|call| call.public && call.method == method.as_str() && call.path == path);
        // Without a token these want something else: a ticket, or who the guest is.
        let named =
            path.ends_with("/live/events") || (method == "POST" && path.ends_with("/bookings"));
        let open = columns.starts_with('y') || named;
        assert_eq!(open, public, "{method} {path}: the document says otherwise");
    }
}

/// What is routed, read from the one screen that routes it.
fn routed() -> BTreeSet<String> {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http.rs"));
    let source = source.unwrap();
    let (root, api) = source.split_once("fn api(").unwrap();
    let mut routed = BTreeSet::new();
    for (prefix, part) in [("", root), ("/api/v1", api)] {
        for resource in part.split("web::resource(\"").skip(1) {
            let (path, methods) = resource.split_once("\")").unwrap();
            let end = methods.find("web::").unwrap_or(methods.len());
            for method in ["get", "post", "put", "patch", "delete"] {
                if methods[..end].contains(&format!(".{method}(")) && !PAGES.contains(&path) {
                    routed.insert(format!("{} {prefix}{path}", method.to_uppercase()));
                }
            }
        }
    }
    routed
}

#[test]
fn nothing_is_routed_that_the_table_leaves_out() {
    let routed = routed();
    assert!(routed.len() > 60, "the routes were not found");
    assert_eq!(routed, named());
}

/// What the calls of the table are about.
struct Things {
    branch: String,
    /// A booking that the branch gave to the expert, who alone can do it.
    assigned: String,
    expert: String,
    other: String,
    booking: String,
    hold: String,
    series: String,
    session: String,
    waiting: String,
    visit: String,
    notification: String,
    delivery: String,
    time_off: String,
}

impl Things {
    fn path(&self, path: &str) -> String {
        let ids = [
            ("/experts/{id}", &self.expert),
            ("/api/v1/users/{id}", &self.expert),
            ("/admin/users/{id}", &self.other),
            ("/branches/{id}", &self.branch),
            ("/bookings/{id}/assignment", &self.assigned),
            ("/bookings/{id}", &self.booking),
            ("/holds/{id}", &self.hold),
            ("/series/{id}", &self.series),
            ("/sessions/{id}", &self.session),
            ("/waiting-list/{id}", &self.waiting),
            ("/visits/{id}", &self.visit),
            ("/notifications/{id}", &self.notification),
            ("/deliveries/{id}", &self.delivery),
        ];
        let filled = ids.iter().fold(path.to_owned(), |path, (place, id)| {
            path.replace(place, &place.replace("{id}", id))
        });
        filled
            .replace("{time_off_id}", &self.time_off)
            .replace("{date}", "2027-03-02")
            .replace("{kind}/{channel}/{language}", "booking.kept/inbox/en")
            .replace("{channel}/{address}", "email/nobody@belfry.test")
            .replace("{id}", UNKNOWN)
            .replace("{secret}", UNKNOWN)
            .replace("{import_id}", UNKNOWN)
    }
}

/// The first item of a list that fills by itself.
async fn first(person: &Person, path: &str) -> String {
    let started = Instant::now();
    loop {
        let list = person.get(path).await.expect(200);
        if let Some(id) = list.body["items"][0]["id"].as_str() {
            return id.to_owned();
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{path}");
        tokio::task::yield_now().await;
    }
}

async fn things(people: &[Person]) -> Things {
    let [.., other, client, expert, _, _, _, admin] = people else {
        unreachable!("there are ten");
    };
    let booking = client.book(expert, "2027-03-02T10:00:00Z").await;
    let wish =
        json!({ "expert_id": expert.id, "starts_at": "2027-03-03T10:00:00Z", "minutes": 60 });
    let hold = client.post("/holds", wish).await.expect(201).text("id");
    // A Saturday: nothing is offered.
    let wish = json!({ "from": "2027-03-06", "mode": "online" });
    let path = format!("/experts/{}/waiting-list", expert.id);
    let waiting = client.post(&path, wish).await.expect(201).text("id");
    let wish = json!({
        "expert_id": expert.id, "starts_at": "2027-03-03T14:00:00Z", "mode": "online",
        "rule": { "every": "week", "count": 3 },
    });
    let series = client.post("/series", wish).await.expect(201).text("id");
    let draft = json!({
        "title": "Yoga", "starts_at": "2027-03-06T10:00:00Z", "minutes": 60, "seats": 3, "mode": "online",
    });
    let path = format!("/experts/{}/sessions", expert.id);
    let session = expert.post(&path, draft).await.expect(201).text("id");
    let off = json!({ "starts_at": "2027-04-01T00:00:00Z", "ends_at": "2027-04-02T00:00:00Z" });
    let path = format!("/experts/{}/time-off", expert.id);
    let time_off = expert.post(&path, off).await.expect(201).text("id");
    let put = expert.request(Method::PUT, "/me/avatar").body(PNG.to_vec());
    Answer::of(put.send().await.unwrap()).await.expect(200);
    let skill = json!({ "tags": ["law"] });
    let path = format!("/experts/{}", expert.id);
    expert.patch(&path, skill).await.expect(200);
    let branch = first(admin, "/branches").await;
    let wish = json!({ "branch_id": branch, "skill": "law", "starts_at": "2027-03-02T14:00:00Z", "mode": "online" });
    let path = format!("/branches/{branch}/queue");
    let visit = client.post(&path, json!({})).await.expect(201).text("id");
    let assigned = client.post("/bookings", wish).await.expect(201).text("id");
    Things {
        branch,
        assigned,
        expert: expert.id.clone(),
        other: other.id.clone(),
        booking: booking.expect(201).text("id"),
        hold,
        series,
        session,
        waiting,
        visit,
        notification: first(expert, "/notifications").await,
        delivery: first(admin, "/admin/deliveries").await,
        time_off,
    }
}

/// Somebody for every column, and what the calls are about.
pub async fn people(town: &Town) -> Vec<Person> {
    let admin = town.admin().await;
    let branch = async |name: &str| {
        let body = json!({ "name": name, "time_zone": "UTC" });
        admin.post("/branches", body).await.expect(201).text("id")
    };
    let (here, there) = (branch("Here").await, branch("There").await);
    let disabled = town.admin().await;
    let path = format!("/admin/users/{}", disabled.id);
    let body = json!({ "disabled": true });
    admin.patch(&path, body).await.expect(200);
    let mut forged = admin.clone();
    let foreign = Tokens::new(Secret::new("a secret of another house, as long".to_owned()));
    let account = town.store.account(admin.id.parse().unwrap()).await.unwrap();
    forged.token = Some(foreign.access(&account.unwrap(), 15, town.now()));
    vec![
        town.stranger(),
        forged,
        disabled,
        town.client().await,
        town.client().await,
        town.expert_with(json!({}), Some(&here)).await,
        town.expert_with(json!({}), Some(&here)).await,
        town.manager(Some(&here)).await,
        town.manager(Some(&there)).await,
        admin,
    ]
}

async fn every_call_is_for_those_the_table_names(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let people = people(&town).await;
    let things = things(&people).await;
    let booking = format!("/bookings/{}", things.booking);
    let mut faults = Vec::new();
    for (columns, method, path) in rows() {
        let path = things.path(path);
        let before = people[4].get(&booking).await.expect(200).text;
        let mut callers: Vec<_> = columns.chars().zip(&people).zip(CALLERS).collect();
        // Those who may not come first: nothing that they do may change anything.
        callers.sort_by_key(|((mark, _), _)| *mark == 'y');
        let mut refusing = true;
        for ((mark, person), name) in callers {
            if mark == 'y' && refusing {
                refusing = false;
                let after = people[4].get(&booking).await.expect(200).text;
                assert_eq!(before, after, "{method} {path} was refused and done");
            }
            let answer = call(person, &method, &path).await;
            if !fits(mark, &answer, &method, &path) {
                let (status, text) = (answer.status, answer.text);
                faults.push(format!(
                    "{method} {path} by {name}: {status}, not {mark}: {text}"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    town.close().await;
}

fn fits(mark: char, answer: &Answer, method: &Method, path: &str) -> bool {
    let refused = |status: u16, slug: &str| {
        answer.status == status && answer.body["type"] == format!("/problems/{slug}")
    };
    match mark {
        'u' => {
            let challenged = answer.header("www-authenticate") == Some("Bearer");
            refused(401, "unauthenticated") && challenged
        }
        'd' => refused(403, "account-disabled"),
        'f' => refused(403, "forbidden"),
        'h' => refused(404, "not-found"),
        _ => {
            // The second who deletes a thing finds nothing.
            let may_be_gone = path.contains(UNKNOWN) || *method == Method::DELETE;
            ![401, 403, 405].contains(&answer.status)
                && answer.status < 500
                && (answer.status != 404 || may_be_gone)
        }
    }
}

async fn call(person: &Person, method: &Method, path: &str) -> Answer {
    let body: Option<Value> = match path.rsplit('/').next() {
        _ if *method == Method::GET => None,
        Some("review") => Some(json!({ "stars": 5 })),
        _ => Some(json!({})),
    };
    person.send(method.clone(), path, body, &[]).await
}
