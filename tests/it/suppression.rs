//! Mails that come back: what mail servers report is believed when it is about a mail of ours, and nothing more
//! goes where nothing arrives (C5.2).

use belfry::secret::Secret;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Answer, Person, Town};

on_both_engines!(
    an_address_that_does_not_exist_gets_nothing_more_until_it_is_lifted,
    what_may_pass_is_counted_and_many_in_a_week_are_too_many,
    a_complaint_ends_mails_of_its_kind,
    reports_of_others_mails_and_what_is_no_report_change_nothing,
    only_who_knows_the_secret_may_report,
    administrators_find_and_lift_what_is_suppressed,
);

/// What follows for the next way of a rule.
mod second_way;

const SECRET: &str = "the pipe's own secret";
const BOUNCE: &str = include_str!("suppression/postfix.eml");
const DELAYED: &str = include_str!("suppression/delayed.eml");
const COMPLAINT: &str = include_str!("suppression/complaint.eml");

async fn town(fresh: &Fresh) -> Town {
    Town::open_with(fresh, |settings| {
        settings.email.from = "Belfry <mail@belfry.test>".to_owned();
        settings.email.bounce_secret = Secret::new(SECRET.to_owned());
    })
    .await
}

async fn report(town: &Town, secret: &str, kind: &str, body: String) -> Answer {
    let pipe = town.stranger().request(Method::POST, "/mail/bounces");
    let pipe = pipe.header("authorization", format!("Bearer {secret}"));
    let sent = pipe.header("content-type", kind).body(body).send().await;
    Answer::of(sent.unwrap()).await
}

async fn posted(town: &Town, sample: &str, delivery: &str) -> Value {
    let body = sample.replace("{ID}", delivery);
    report(town, SECRET, "message/rfc822", body)
        .await
        .expect(200)
        .body
}

/// The mails to a person, newest first, once there are so many and none is under way.
async fn mails(admin: &Person, person: &Person, count: usize) -> Vec<Value> {
    eventually(&format!("{count} mails are at rest"), async || {
        let path = format!(
            "/admin/deliveries?limit=100&channel=email&query={}",
            person.email
        );
        let found = admin.get(&path).await.expect(200).body["items"].clone();
        let found = found.as_array().unwrap().clone();
        let mut at_rest = found.iter().map(|mail| mail["status"].as_str().unwrap());
        (found.len() >= count && at_rest.all(|status| matches!(status, "kept" | "skipped")))
            .then_some(found)
    })
    .await
}

fn id(mail: &Value) -> &str {
    mail["id"].as_str().unwrap()
}

async fn suppressions(admin: &Person, query: &str) -> Vec<Value> {
    let path = format!("/admin/suppressions?{query}");
    admin.get(&path).await.expect(200).body["items"]
        .as_array()
        .unwrap()
        .clone()
}

/// Leads to one mail in most cases, and to an inbox entry in all.
async fn booked(client: &Person, expert: &Person, day: u32, count: usize) {
    let starts_at = format!("2027-03-{day:02}T10:00:00Z");
    client.book(expert, &starts_at).await.expect(201);
    eventually("told", async || {
        let inbox = client
            .get("/notifications?limit=100")
            .await
            .expect(200)
            .body;
        inbox["items"].as_array().unwrap().len() >= count
    })
    .await;
}

/// The mails that did not end before they left.
fn alive(mails: &[Value]) -> usize {
    let ended = ["skipped", "dead"];
    mails
        .iter()
        .filter(|mail| !ended.contains(&mail["status"].as_str().unwrap()))
        .count()
}

async fn an_address_that_does_not_exist_gets_nothing_more_until_it_is_lifted(fresh: &Fresh) {
    let town = town(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let welcome = mails(&admin, &client, 1).await[0].clone();
    for _ in 0..2 {
        let told = posted(&town, BOUNCE, id(&welcome)).await;
        assert_eq!(
            told,
            json!({ "outcome": "bounced", "matched": true, "suppressed": true })
        );
    }
    let found = suppressions(&admin, "").await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["channel"], &found[0]["cause"]),
        (&json!("email"), &json!("bounced"))
    );
    assert_eq!(found[0]["address"], client.email.as_str());
    assert!(found[0]["detail"].as_str().unwrap().starts_with("5.1.1"));
    let path = format!("/admin/deliveries/{}", id(&welcome));
    let told = admin.get(&path).await.expect(200).body;
    assert!(
        told["last_error"]
            .as_str()
            .unwrap()
            .contains("does not exist")
    );

    booked(&client, &expert, 2, 1).await;
    assert_eq!(
        alive(&mails(&admin, &client, 1).await),
        1,
        "the inbox alone was told"
    );
    let lift = format!("/admin/suppressions/email/{}", client.email);
    admin.delete(&lift).await.expect(204);
    admin.delete(&lift).await.problem(404, "not-found");
    booked(&client, &expert, 3, 2).await;
    eventually("a mail after the address was lifted", async || {
        alive(&mails(&admin, &client, 1).await) == 2
    })
    .await;
    town.close().await;
}

async fn what_may_pass_is_counted_and_many_in_a_week_are_too_many(fresh: &Fresh) {
    let town = town(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    for (before, day) in [2, 3, 4, 5, 8, 9, 10].into_iter().enumerate() {
        booked(&client, &expert, day, before + 1).await;
    }
    let sent = mails(&admin, &client, 8).await;
    let soft = async |mail: &Value| {
        let told = posted(&town, DELAYED, id(mail)).await;
        assert_eq!(
            (&told["outcome"], &told["matched"]),
            (&json!("soft_bounced"), &json!(true))
        );
        told["suppressed"] == true
    };
    // The same mail counts once; a week later it no longer counts.
    assert!(!soft(&sent[0]).await && !soft(&sent[0]).await);
    town.clock.advance(chrono::TimeDelta::days(7));
    let admin = town.again(admin).await;
    for mail in &sent[1..5] {
        assert!(!soft(mail).await);
    }
    assert!(suppressions(&admin, "").await.is_empty());
    assert!(soft(&sent[5]).await, "the fifth in seven days");
    let found = suppressions(&admin, "").await;
    assert_eq!(found[0]["cause"], "bounced");
    assert!(
        found[0]["detail"]
            .as_str()
            .unwrap()
            .starts_with("5 times in 7 days: 4.2.2")
    );
    // Lifted, it starts anew.
    let lift = format!("/admin/suppressions/email/{}", client.email);
    admin.delete(&lift).await.expect(204);
    assert!(!soft(&sent[6]).await);
    town.close().await;
}

async fn a_complaint_ends_mails_of_its_kind(fresh: &Fresh) {
    let town = town(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    booked(&client, &expert, 2, 1).await;
    let sent = mails(&admin, &client, 2).await;
    let invitation = sent
        .iter()
        .find(|mail| mail["kind"] == "booking.created")
        .unwrap();
    let told = posted(&town, COMPLAINT, id(invitation)).await;
    assert_eq!(
        told,
        json!({ "outcome": "complained", "matched": true, "suppressed": true })
    );
    let found = suppressions(&admin, &format!("query={}", client.email)).await;
    assert_eq!(found[0]["cause"], "complained");
    let chosen = client.get("/me/preferences").await.expect(200).body;
    let email = |category: &str| chosen["categories"][category]["email"].clone();
    assert_eq!([email("booking"), email("reminder")], [false, true]);
    town.close().await;
}

async fn reports_of_others_mails_and_what_is_no_report_change_nothing(fresh: &Fresh) {
    let town = town(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let welcome = mails(&admin, &client, 1).await[0].clone();
    let nothing = json!({ "outcome": "none", "matched": false, "suppressed": false });
    let unknown = "0199d000-0000-7000-8000-000000000001";
    assert_eq!(posted(&town, BOUNCE, unknown).await, nothing);
    let elsewhere = BOUNCE.replace("@belfry.test>\n\n--9B", "@elsewhere.test>\n\n--9B");
    assert_eq!(posted(&town, &elsewhere, id(&welcome)).await, nothing);
    let relayed = BOUNCE.replace("Action: failed", "Action: relayed");
    assert_eq!(posted(&town, &relayed, id(&welcome)).await, nothing);
    let answer = "From: a@b\r\nSubject: Re: hello\r\n\r\nI am away.".to_owned();
    let answer = report(&town, SECRET, "message/rfc822", answer).await;
    answer.problem(422, "validation");
    let json = report(&town, SECRET, "application/json", "{}".to_owned()).await;
    json.problem(415, "unsupported-media-type");
    let large = report(&town, SECRET, "message/rfc822", "x".repeat(1024 * 1024 + 1)).await;
    large.problem(413, "payload-too-large");
    assert!(suppressions(&admin, "").await.is_empty());
    // The inside alone, with the division in the request's own header, as some pipes post it.
    let (head, inside) = BOUNCE.split_once("\n\n").unwrap();
    let (_, kind) = head.split_once("Content-Type: ").unwrap();
    let kind = kind
        .lines()
        .take(2)
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    let inside = inside.replace("{ID}", id(&welcome));
    let told = report(&town, SECRET, &kind, inside).await.expect(200).body;
    assert_eq!(told["outcome"], "bounced");
    town.close().await;
}

async fn only_who_knows_the_secret_may_report(fresh: &Fresh) {
    let closed = Town::open(fresh).await;
    for secret in ["", "x", SECRET] {
        let answer = report(&closed, secret, "message/rfc822", BOUNCE.to_owned()).await;
        answer.problem(401, "unauthenticated");
    }
    closed.close().await;
}

async fn administrators_find_and_lift_what_is_suppressed(fresh: &Fresh) {
    use belfry_domain::channel::Channel;
    use belfry_store::suppression::{self, Suppression};
    let town = town(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let mut tx = town.store.begin().await.unwrap();
    for number in 0..25 {
        let suppression = Suppression {
            channel: if number % 5 == 0 {
                Channel::Telegram
            } else {
                Channel::Email
            },
            address: format!("person{number}%@example.com"),
            cause: "blocked".to_owned(),
            detail: "as it was told".to_owned(),
            at: town.now() - chrono::TimeDelta::minutes(number / 10),
        };
        suppression::suppress(&mut tx, &suppression).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut after = String::new();
    let mut seen = Vec::new();
    loop {
        let path = format!("/admin/suppressions?limit=7{after}");
        let page = admin.get(&path).await.expect(200).body;
        let items = page["items"].as_array().unwrap().iter();
        seen.extend(items.map(|item| item["address"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((all, seen.len()), (25, 25), "none twice, none missing");
    assert_eq!(
        suppressions(&admin, "channel=telegram&limit=100")
            .await
            .len(),
        5
    );
    assert_eq!(suppressions(&admin, "query=PERSON24").await.len(), 1);
    let blocked = suppressions(&admin, "cause=blocked&limit=100").await;
    assert_eq!(blocked.len(), 25);
    assert_eq!(blocked[0]["user"], Value::Null);
    assert!(suppressions(&admin, "cause=bounced").await.is_empty());
    // Whose an address is, stands beside it.
    let mine = Suppression {
        channel: Channel::Email,
        address: client.email.clone(),
        cause: "bounced".to_owned(),
        detail: String::new(),
        at: town.now(),
    };
    let mut tx = town.store.begin().await.unwrap();
    suppression::suppress(&mut tx, &mine).await.unwrap();
    tx.commit().await.unwrap();
    let found = suppressions(&admin, "cause=bounced").await;
    assert_eq!(found[0]["user"]["id"], json!(client.id));
    let lift = format!("/admin/suppressions/email/{}", client.email);
    admin.delete(&lift).await.expect(204);
    admin
        .get("/admin/suppressions?channel=fax")
        .await
        .problem(422, "validation");
    client
        .get("/admin/suppressions")
        .await
        .problem(403, "forbidden");
    let one = "/admin/suppressions/telegram/person20%25@example.com";
    client.delete(one).await.problem(403, "forbidden");
    admin.delete(one).await.expect(204);
    admin
        .delete("/admin/suppressions/fax/x")
        .await
        .problem(404, "not-found");
    assert_eq!(
        suppressions(&admin, "channel=telegram&limit=100")
            .await
            .len(),
        4
    );
    town.close().await;
}
