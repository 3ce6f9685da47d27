//! Mail through a whole house, and the outbox that administrators see.

use belfry::secret::Secret;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::mail::server::{MailServer, Mood, Received};
use crate::town::{Answer, PASSWORD, Person, Town};

on_both_engines!(
    a_new_account_is_welcomed_and_the_link_proves_the_address,
    a_forgotten_password_is_replaced_through_the_mailed_link,
    a_booking_is_mailed_to_both_with_a_calendar_file,
    what_cannot_be_sent_is_seen_and_sent_again_by_an_administrator,
    without_a_mail_server_the_outbox_shows_what_would_have_been_sent,
    the_outbox_is_for_administrators,
);

const TEN: &str = "2027-03-02T10:00:00Z";

async fn town_with(fresh: &Fresh, server: &MailServer) -> Town {
    let address = format!("smtp://127.0.0.1:{}", server.port());
    Town::open_with(fresh, |settings| {
        settings.email.smtp_url = Secret::new(address);
        settings.email.from = "Belfry <mail@belfry.test>".to_owned();
    })
    .await
}

/// Waits for a mail to somebody that contains `text`.
async fn mail_to(server: &MailServer, to: &str, text: &str) -> Received {
    for count in 1..=100 {
        let mails = server.mails(count).await;
        let found = mails
            .iter()
            .find(|mail| mail.to == to && mail.text.contains(text));
        if let Some(mail) = found {
            return mail.clone();
        }
    }
    panic!("no such mail");
}

/// The token of a link in a mail's plain text.
fn token(mail: &Received, page: &str) -> String {
    // In quoted-printable an equals sign is written as its code.
    let text = mail.text.replace("=3D", "=");
    let start = text.find(page).expect("the link") + page.len();
    let rest = &text[start..];
    let end = rest.find(|c: char| c.is_whitespace() || c == '"' || c == '<');
    rest[..end.unwrap_or(rest.len())].to_owned()
}

async fn a_new_account_is_welcomed_and_the_link_proves_the_address(fresh: &Fresh) {
    let server = MailServer::start().await;
    let town = town_with(fresh, &server).await;
    let person = town.client().await;
    let before = person.get("/me").await.expect(200);
    assert_eq!(before.body["email_verified"], false);
    let mail = mail_to(&server, &person.email, "/verify?token").await;
    let body = json!({ "token": token(&mail, "/verify?token=") });
    person.post("/auth/email/verify", body).await.expect(204);
    let after = person.get("/me").await.expect(200);
    assert_eq!(after.body["email_verified"], true);
    let id = person.id.parse().unwrap();
    let inbox = town.store.inbox_page(id, false, None, 10).await.unwrap();
    assert!(inbox.is_empty(), "mail only");
    town.close().await;
}

async fn a_forgotten_password_is_replaced_through_the_mailed_link(fresh: &Fresh) {
    let server = MailServer::start().await;
    let town = town_with(fresh, &server).await;
    let person = town.client().await;
    let body = json!({ "email": person.email });
    person.post("/auth/password/forgot", body).await.expect(202);
    let mail = mail_to(&server, &person.email, "/reset?token").await;
    let new = "another long password";
    let body = json!({ "token": token(&mail, "/reset?token="), "password": new });
    person.post("/auth/password/reset", body).await.expect(204);
    let log_in = |password: &str| json!({ "email": person.email, "password": password });
    let old = person.post("/auth/login", log_in(PASSWORD)).await;
    old.problem(401, "bad-credentials");
    person.post("/auth/login", log_in(new)).await.expect(200);
    town.close().await;
}

async fn a_booking_is_mailed_to_both_with_a_calendar_file(fresh: &Fresh) {
    let server = MailServer::start().await;
    let town = town_with(fresh, &server).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let booking = client.book(&expert, TEN).await.expect(201).text("id");
    for person in [&expert, &client] {
        let mail = mail_to(&server, &person.email, "METHOD:REQUEST").await;
        assert!(mail.text.contains("STATUS:TENTATIVE"));
        assert!(mail.text.contains(&format!("UID:{booking}@belfry")));
    }
    let confirm = format!("/bookings/{booking}/confirm");
    expert.post(&confirm, json!({})).await.expect(200);
    for person in [&expert, &client] {
        let mail = mail_to(&server, &person.email, "STATUS:CONFIRMED").await;
        assert!(mail.text.contains("METHOD:REQUEST"));
    }
    let cancel = format!("/bookings/{booking}/cancel");
    client.post(&cancel, json!({})).await.expect(200);
    for person in [&expert, &client] {
        mail_to(&server, &person.email, "METHOD:CANCEL").await;
    }
    town.close().await;
}

/// Waits until the outbox, asked so, has an item that fits.
async fn listed(admin: &Person, query: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("it is listed: {query}"), async || {
        let answer = admin.get(&format!("/admin/deliveries?{query}")).await;
        let page = answer.expect(200).body;
        let mut items = page["items"].as_array().unwrap().iter();
        items.find(|item| fits(item)).cloned()
    })
    .await
}

async fn what_cannot_be_sent_is_seen_and_sent_again_by_an_administrator(fresh: &Fresh) {
    let server = MailServer::start().await;
    let town = town_with(fresh, &server).await;
    let admin = town.admin().await;
    server.mails(1).await;
    server.set(Mood::NobodyHere).await;
    let person = town.client().await;
    let item = listed(&admin, "status=dead&channel=email", |_| true).await;
    assert_eq!(item["address"], person.email);
    assert_eq!(item["user"]["id"], person.id);
    assert_eq!(item["attempt"], 1);
    assert_eq!(item["next_at"], Value::Null);
    assert!(item["last_error"].as_str().unwrap().contains("5.1.1"));

    server.set(Mood::Well).await;
    let path = format!("/admin/deliveries/{}", item["id"].as_str().unwrap());
    let retried = admin.post(&format!("{path}/retry"), json!({})).await;
    retried.expect(200);
    let text = format!("query={}&status=sent", person.email);
    listed(&admin, &text, |found| found["id"] == item["id"]).await;
    let found = admin.get(&path).await.expect(200).body;
    let outcomes: Vec<&Value> = found["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["outcome"])
        .collect();
    assert_eq!(outcomes, ["dead_address", "sent"]);
    assert!(found["text"].as_str().unwrap().contains("/verify?token="));
    let again: Answer = admin.post(&format!("{path}/retry"), json!({})).await;
    again.problem(409, "conflict");
    town.close().await;
}

async fn without_a_mail_server_the_outbox_shows_what_would_have_been_sent(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let (expert, client) = (town.expert().await, town.client().await);
    client.book(&expert, TEN).await.expect(201);
    let invited = |item: &Value| item["kind"] == "booking.created";
    let query = format!("status=kept&query={}", client.email);
    let item = listed(&admin, &query, invited).await;
    let path = format!("/admin/deliveries/{}", item["id"].as_str().unwrap());
    let found = admin.get(&path).await.expect(200).body;
    let file = &found["attachments"][0];
    assert_eq!(file["name"], "invite.ics");
    assert!(
        file["text"]
            .as_str()
            .unwrap()
            .starts_with("BEGIN:VCALENDAR")
    );
    assert!(found["html"].as_str().unwrap().contains("<!doctype html>"));

    let first = admin.get("/admin/deliveries?limit=2").await.expect(200);
    assert_eq!(first.body["items"].as_array().unwrap().len(), 2);
    let next = first.text("next");
    let second = admin
        .get(&format!("/admin/deliveries?limit=100&after={next}"))
        .await
        .expect(200);
    assert_eq!(second.body["next"], Value::Null);
    let ids = |answer: &Answer| -> Vec<String> {
        let items = answer.body["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].to_string()).collect()
    };
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
    // The other way round they are the same, page by page.
    let mut newest = ids(&first);
    newest.extend(ids(&second));
    let mut oldest = Vec::new();
    let mut path = "/admin/deliveries?sort=created_at&limit=3".to_owned();
    loop {
        let page = admin.get(&path).await.expect(200);
        oldest.extend(ids(&page));
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        path = format!("/admin/deliveries?sort=created_at&limit=3&after={next}");
    }
    newest.reverse();
    assert_eq!(oldest, newest);
    for bad in ["status=lost", "sort=subject"] {
        let answer = admin.get(&format!("/admin/deliveries?{bad}")).await;
        answer.problem(422, "validation");
    }
    let parked = admin.get("/admin/parked-events").await.expect(200);
    assert_eq!(parked.body["items"], json!([]));
    town.close().await;
}

async fn the_outbox_is_for_administrators(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let nothing = "00000000-0000-7000-8000-000000000000";
    let paths = [
        format!("/admin/deliveries/{nothing}"),
        format!("/admin/deliveries/{nothing}/retry"),
        format!("/admin/parked-events/{nothing}/retry"),
    ];
    for list in ["/admin/deliveries", "/admin/parked-events"] {
        client.get(list).await.problem(403, "forbidden");
        town.stranger()
            .get(list)
            .await
            .problem(401, "unauthenticated");
    }
    for path in paths {
        let ask = async |person: &Person| match path.ends_with("/retry") {
            true => person.post(&path, json!({})).await,
            false => person.get(&path).await,
        };
        ask(&client).await.problem(403, "forbidden");
        ask(&admin).await.problem(404, "not-found");
    }
    town.close().await;
}
