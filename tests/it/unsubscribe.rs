//! One click stops mails of a kind (RFC 8058), and nothing but the right link does (C4.5).

use belfry::secret::Secret;
use belfry::token::{Purpose, Tokens};
use belfry_domain::notification::Category;
use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::mail::server::{MailServer, Received};
use crate::town::{Person, Town};

on_both_engines!(
    one_click_stops_mails_of_the_kind_and_of_no_other,
    the_page_asks_and_says_what_it_did_in_the_readers_language,
    a_foreign_or_outdated_link_changes_nothing,
);

/// A town whose mails arrive somewhere.
async fn town_with(fresh: &Fresh, server: &MailServer) -> Town {
    let address = format!("smtp://127.0.0.1:{}", server.port());
    Town::open_with(fresh, |settings| {
        settings.email.smtp_url = Secret::new(address);
        settings.email.from = "Belfry <mail@belfry.test>".to_owned();
    })
    .await
}

async fn mail_to(server: &MailServer, to: &str, text: &str) -> Received {
    for count in 1..=100 {
        let mails = server.mails(count).await;
        let mut found = mails.iter();
        if let Some(mail) = found.find(|mail| mail.to == to && mail.text.contains(text)) {
            return mail.clone();
        }
    }
    panic!("no such mail");
}

/// A header of a mail, its folded lines joined.
fn header(mail: &str, name: &str) -> Option<String> {
    let head = mail
        .split("\r\n\r\n")
        .next()?
        .replace("\r\n ", "")
        .replace("\r\n\t", "");
    let line = head
        .lines()
        .find(|line| line.starts_with(&format!("{name}: ")))?;
    Some(line[name.len() + 2..].to_owned())
}

async fn choices(person: &Person) -> Value {
    person.get("/me/preferences").await.expect(200).body
}

async fn one_click_stops_mails_of_the_kind_and_of_no_other(fresh: &Fresh) {
    let server = MailServer::start().await;
    let town = town_with(fresh, &server).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let booking = client
        .book(&expert, "2027-03-01T14:00:00Z")
        .await
        .expect(201)
        .text("id");
    let invitation = mail_to(&server, &client.email, "METHOD:REQUEST").await.text;
    assert_eq!(
        header(&invitation, "List-Unsubscribe"),
        None,
        "what one asked for has no such link"
    );
    expert
        .post(&format!("/bookings/{booking}/confirm"), json!({}))
        .await
        .expect(200);

    town.clock.advance(TimeDelta::minutes(61));
    let (expert, client) = (town.again(expert).await, town.again(client).await);
    let reminder = mail_to(&server, &client.email, "/unsubscribe/").await.text;
    let one_click = header(&reminder, "List-Unsubscribe-Post");
    assert_eq!(one_click.as_deref(), Some("List-Unsubscribe=One-Click"));
    let link = header(&reminder, "List-Unsubscribe")
        .unwrap()
        .replace(' ', "");
    let link = link.trim_matches(['<', '>']);
    // What a mail program does: no cookies, no redirects, that body.
    let post = crate::engine::http().post(link);
    let answer = post
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let after = choices(&client).await;
    assert_eq!(after["categories"]["reminder"]["email"], false);
    assert_eq!(after["categories"]["reminder"]["push"], true);
    assert_eq!(after["categories"]["booking"]["email"], true);
    assert_eq!(after["channels"]["email"], true);
    assert_eq!(
        choices(&expert).await["categories"]["reminder"]["email"],
        true
    );

    // The next reminder reaches the inbox alone; the invitation before it still comes by mail.
    let next = client
        .book(&expert, "2027-03-01T16:00:00Z")
        .await
        .expect(201)
        .text("id");
    expert
        .post(&format!("/bookings/{next}/confirm"), json!({}))
        .await
        .expect(200);
    town.clock.advance(TimeDelta::hours(2));
    let (expert, client) = (town.again(expert).await, town.again(client).await);
    let reminded = async |person: &Person| {
        eventually("reminded twice", async || {
            let inbox = person
                .get("/notifications?limit=100")
                .await
                .expect(200)
                .body;
            let items = inbox["items"].as_array().unwrap().iter();
            items
                .filter(|item| item["kind"] == "booking.reminder")
                .count()
                == 2
        })
        .await
    };
    reminded(&client).await;
    reminded(&expert).await;
    let admin = town.admin().await;
    let mails = |email: &str| format!("/admin/deliveries?limit=100&query={email}");
    let count = async |person: &Person, kind: &str| {
        let found = admin.get(&mails(&person.email)).await.expect(200).body;
        let items = found["items"].as_array().unwrap().iter();
        items.filter(|item| item["kind"] == kind).count()
    };
    assert_eq!(count(&expert, "booking.reminder").await, 2);
    assert_eq!(count(&client, "booking.reminder").await, 1);
    assert_eq!(count(&client, "booking.created").await, 2);
    town.close().await;
}

async fn page(town: &Town, method: Method, path: &str, accept: &str) -> (u16, String) {
    let base = format!("http://{}", town.nodes[0].address);
    let request = crate::engine::http().request(method, format!("{base}{path}"));
    let answer = request
        .header("accept-language", accept)
        .send()
        .await
        .unwrap();
    let headers = answer.headers().clone();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "same-origin");
    assert!(
        headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(!headers.contains_key("set-cookie"));
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn link(town: &Town, secret: &str, person: &Person, category: Category) -> String {
    let tokens = Tokens::new(Secret::new(secret.to_owned()));
    let token = tokens.unsubscribe(person.id.parse().unwrap(), category, town.now());
    format!("/unsubscribe/{token}")
}

const SECRET: &str = "a secret of this house, long enough";

async fn the_page_asks_and_says_what_it_did_in_the_readers_language(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.auth.secret = Secret::new(SECRET.to_owned());
    })
    .await;
    for (locale, ask, done) in [
        (
            "en",
            "Stop mails about reviews?",
            "You will get no more mails about reviews.",
        ),
        (
            "vi-VN",
            "Ngừng nhận thư về đánh giá?",
            "Bạn sẽ không nhận thư về đánh giá nữa.",
        ),
        ("zh", "停止接收评价邮件？", "您将不再收到评价邮件。"),
    ] {
        let client = town.client().await;
        client
            .patch("/me", json!({ "locale": locale }))
            .await
            .expect(200);
        let path = link(&town, SECRET, &client, Category::Review);
        let (status, text) = page(&town, Method::GET, &path, "en").await;
        assert!(status == 200 && text.contains(ask), "{text}");
        assert!(text.contains("<form method=\"post\">") && !text.contains("<script"));
        assert_eq!(
            choices(&client).await["categories"]["review"]["email"],
            true,
            "asked only"
        );
        let (status, text) = page(&town, Method::POST, &path, "en").await;
        assert!(
            status == 200 && text.contains(done) && text.contains("href=\"/me\""),
            "{text}"
        );
        assert_eq!(
            choices(&client).await["categories"]["review"]["email"],
            false
        );
        // Once more is as good as once, and the page no longer asks.
        assert_eq!(page(&town, Method::POST, &path, "en").await.0, 200);
        let (_, text) = page(&town, Method::GET, &path, "en").await;
        assert!(text.contains(done) && !text.contains("<form"), "{text}");
    }
    let client = town.client().await;
    let path = link(&town, SECRET, &client, Category::Digest);
    assert_eq!(page(&town, Method::POST, &path, "en").await.0, 200);
    let after = choices(&client).await;
    let email = |category: &str| after["categories"][category]["email"].clone();
    assert_eq!(
        [email("booking"), email("review"), email("reminder")],
        [false, false, true]
    );
    town.close().await;
}

async fn a_foreign_or_outdated_link_changes_nothing(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.auth.secret = Secret::new(SECRET.to_owned());
    })
    .await;
    let client = town.client().await;
    let before = choices(&client).await;
    let good = link(&town, SECRET, &client, Category::Review);
    let tokens = Tokens::new(Secret::new(SECRET.to_owned()));
    let id = client.id.parse().unwrap();
    let other_purpose = tokens.link(Purpose::Verify, id, Some(&client.email), None, town.now());
    let nobody = belfry_domain::id::UserId::at(town.now());
    let nobody = tokens.unsubscribe(nobody, Category::Review, town.now());
    for path in [
        link(
            &town,
            "a secret of another house, as long",
            &client,
            Category::Review,
        ),
        good[..good.len() - 2].to_owned(),
        format!("/unsubscribe/{other_purpose}"),
        format!("/unsubscribe/{}", client.token.as_deref().unwrap()),
        format!("/unsubscribe/{nobody}"),
        "/unsubscribe/x".to_owned(),
    ] {
        for method in [Method::GET, Method::POST] {
            let (status, text) = page(&town, method, &path, "vi").await;
            assert_eq!(status, 410, "{path}");
            assert!(text.contains("Liên kết không hoạt động"), "{text}");
        }
    }
    town.clock.advance(TimeDelta::days(366));
    assert_eq!(page(&town, Method::POST, &good, "en").await.0, 410);
    let client = town.again(client).await;
    assert_eq!(choices(&client).await, before);
    town.close().await;
}
