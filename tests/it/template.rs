//! Administrators' own texts: kept in versions, refused when they do not suit every reader, read by people from
//! then on (T7).

use reqwest::Method;
use serde_json::{Value, json};

use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Answer, Person, Town};

on_both_engines!(
    own_words_are_read_from_then_on_and_the_builtin_ones_again_when_they_are_withdrawn,
    every_edit_is_a_version_and_none_overwrites_another_unseen,
    words_that_do_not_suit_every_reader_are_refused_with_their_place,
    a_preview_shows_words_and_keeps_nothing,
    the_list_says_what_is_in_force,
    words_that_an_update_made_unfit_are_left_out_and_nobody_goes_untold,
);

const INBOX_VI: &str = "/admin/templates/booking.created/inbox/vi";

fn sections(title: &str) -> Value {
    json!({ "sections": { "title": title, "body": "{{ starts }}" } })
}

/// The title of the newest inbox entry of a kind, once there are so many.
async fn title(person: &Person, kind: &str, count: usize) -> String {
    eventually(&format!("told {kind} {count} times"), async || {
        let inbox = person
            .get("/notifications?limit=100")
            .await
            .expect(200)
            .body;
        let items = inbox["items"].as_array().unwrap().iter();
        let found: Vec<_> = items.filter(|item| item["kind"] == kind).collect();
        (found.len() >= count).then(|| found[0]["title"].as_str().unwrap().to_owned())
    })
    .await
}

async fn reader(town: &Town, locale: &str) -> Person {
    let person = town.client().await;
    person
        .patch("/me", json!({ "locale": locale }))
        .await
        .expect(200);
    person
}

async fn own_words_are_read_from_then_on_and_the_builtin_ones_again_when_they_are_withdrawn(
    fresh: &Fresh,
) {
    // The other node has read the texts before they are changed here.
    let town = Town::open_two(fresh).await;
    let (admin, expert) = (town.admin().await, town.expert().await);
    let (hanoi, berlin) = (reader(&town, "vi-VN").await, reader(&town, "de").await);
    let built_in = |name: &str| format!("Đã gửi yêu cầu hẹn với {name}");
    let name = expert.get("/me").await.expect(200).text("name");
    hanoi
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    assert_eq!(title(&hanoi, "booking.created", 1).await, built_in(&name));

    admin
        .put(INBOX_VI, sections("Xin chào {{ me }}"))
        .await
        .expect(200);
    hanoi
        .at(&town, 1)
        .book(&expert, "2027-03-03T10:00:00Z")
        .await
        .expect(201);
    let mine = hanoi.get("/me").await.expect(200).text("name");
    assert_eq!(
        title(&hanoi, "booking.created", 2).await,
        format!("Xin chào {mine}")
    );
    // Who reads another language is told in it.
    berlin
        .book(&expert, "2027-03-04T10:00:00Z")
        .await
        .expect(201);
    let english = title(&berlin, "booking.created", 1).await;
    assert_eq!(english, format!("Booking requested with {name}"));
    // A closer language wins.
    let closer = INBOX_VI.replace("/vi", "/vi-VN");
    admin.put(&closer, sections("Hà Nội")).await.expect(200);
    hanoi
        .book(&expert, "2027-03-05T10:00:00Z")
        .await
        .expect(201);
    assert_eq!(title(&hanoi, "booking.created", 3).await, "Hà Nội");

    admin.delete(&closer).await.expect(204);
    admin.delete(INBOX_VI).await.expect(204);
    admin.delete(INBOX_VI).await.problem(404, "not-found");
    hanoi
        .book(&expert, "2027-03-08T10:00:00Z")
        .await
        .expect(201);
    assert_eq!(title(&hanoi, "booking.created", 4).await, built_in(&name));
    town.close().await;
}

async fn every_edit_is_a_version_and_none_overwrites_another_unseen(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let put = async |title: &str, tag: &str| -> Answer {
        let headers = [("if-match", tag)];
        admin
            .send(Method::PUT, INBOX_VI, Some(sections(title)), &headers)
            .await
    };
    let first = admin.get(INBOX_VI).await.expect(200);
    assert_eq!(first.header("etag"), Some("\"0\""));
    assert_eq!(first.body["source"], "builtin");
    assert!(
        first.body["sections"]["title"]
            .as_str()
            .unwrap()
            .contains("{{ other }}")
    );
    assert!(
        first.body["variables"]
            .as_array()
            .unwrap()
            .contains(&json!("starts"))
    );
    let one = put("one", "\"0\"").await.expect(200);
    assert_eq!(one.header("etag"), Some("\"1\""));
    put("lost", "\"0\"").await.problem(412, "stale");
    let two = put("two", "\"1\"").await.expect(200);
    assert_eq!(two.body["version"], 2);
    assert_eq!(two.body["sections"]["title"], "two");
    let stale = [("if-match", "\"1\"")];
    admin
        .send(Method::DELETE, INBOX_VI, None, &stale)
        .await
        .problem(412, "stale");
    admin.delete(INBOX_VI).await.expect(204);
    put("three", "\"2\"").await.problem(412, "stale");
    put("three", "\"0\"").await.expect(200);
    let history = admin.get(INBOX_VI).await.expect(200).body["history"].clone();
    let told: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|version| {
            assert_eq!(version["created_by"], admin.id.as_str());
            (
                version["version"].clone(),
                version["sections"]["title"].clone(),
                version["current"].clone(),
            )
        })
        .collect();
    assert_eq!(
        json!(told),
        json!([[3, "three", true], [2, "two", false], [1, "one", false]])
    );
    // Of many at once for the same version, one is kept.
    let many = futures::future::join_all((0..8).map(|n| put_own(&admin, n))).await;
    let kept = many.iter().filter(|status| **status == 200).count();
    assert_eq!((kept, many.len()), (1, 8), "{many:?}");
    let now = admin.get(INBOX_VI).await.expect(200).body;
    assert_eq!(
        (
            now["version"].clone(),
            now["history"].as_array().unwrap().len()
        ),
        (json!(4), 4)
    );
    town.close().await;
}

async fn put_own(admin: &Person, n: usize) -> u16 {
    let headers = [("if-match", "\"3\"")];
    let body = Some(sections(&format!("{n}")));
    admin
        .send(Method::PUT, INBOX_VI, body, &headers)
        .await
        .status
}

async fn words_that_do_not_suit_every_reader_are_refused_with_their_place(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let put = async |path: &str, sections: Value| {
        let path = format!("/admin/templates/booking.cancelled/{path}");
        admin.put(&path, json!({ "sections": sections })).await
    };
    let inbox = async |title: &str| put("inbox/en", json!({ "title": title, "body": "x" })).await;
    for (title, code, said) in [
        ("a\n{{ nobody }}", "invalid", "Line 2: there is no nobody"),
        ("{% if pending %}", "invalid", "Line 1"),
        ("{{ reason }}", "invalid", "not always there"),
        ("", "required", "needed"),
        (
            "{% if pending %}x{% endif %}",
            "required",
            "Nothing would be read",
        ),
    ] {
        let answer = inbox(title).await;
        assert!(answer.text.contains(said), "{}", answer.text);
        pointed_at(answer, "/sections/title", code);
    }
    let long = "x".repeat(161);
    pointed_at(
        put("sms/en", json!({ "text": long })).await,
        "/sections/text",
        "too_long",
    );
    let push = json!({ "title": "y".repeat(66), "body": "x" });
    pointed_at(put("push/en", push).await, "/sections/title", "too_long");
    let odd = json!({ "title": "x", "body": "x", "footer": "x" });
    pointed_at(
        put("push/en", odd).await,
        "/sections/footer",
        "unknown_field",
    );
    for path in ["fax/en", "sms/e", "inbox/x"] {
        put(path, json!({ "text": "x" }))
            .await
            .problem(404, "not-found");
    }
    let unknown = "/admin/templates/booking.eaten/inbox/en";
    admin
        .put(unknown, sections("x"))
        .await
        .problem(404, "not-found");
    client
        .put(INBOX_VI, sections("x"))
        .await
        .problem(403, "forbidden");
    let untouched = admin
        .get("/admin/templates/booking.cancelled/inbox/en")
        .await
        .expect(200);
    assert_eq!(untouched.body["history"], json!([]));
    town.close().await;
}

async fn a_preview_shows_words_and_keeps_nothing(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let path = "/admin/templates/booking.confirmed/email/en/preview";
    let shown = admin.post(path, json!({})).await.expect(200).body;
    let examples = shown["examples"].as_array().unwrap();
    assert!(examples.len() >= 4, "{examples:?}");
    let html = examples[0]["html"].as_str().unwrap();
    assert!(html.contains("<!doctype html>") && html.contains("Open the booking"));
    let own =
        json!({ "sections": { "subject": "Hooray", "lead": "So <b>good</b>", "action": "Look" } });
    let shown = admin.post(path, own).await.expect(200).body;
    for example in shown["examples"].as_array().unwrap() {
        assert_eq!(example["title"], "Hooray");
        assert!(example["text"].as_str().unwrap().contains("So <b>good</b>"));
        assert!(
            example["html"]
                .as_str()
                .unwrap()
                .contains("So &lt;b&gt;good&lt;"),
            "{example}"
        );
    }
    let broken = json!({ "sections": { "subject": "{{", "lead": "x", "action": "x" } });
    pointed_at(
        admin.post(path, broken).await,
        "/sections/subject",
        "invalid",
    );
    let sms = path.replace("/email/", "/sms/");
    let shown = admin.post(&sms, json!({})).await.expect(200).body;
    assert!(
        shown["examples"][0]["text"]
            .as_str()
            .unwrap()
            .contains("004217")
    );
    let kept = admin
        .get(path.trim_end_matches("/preview"))
        .await
        .expect(200)
        .body;
    assert_eq!(kept["source"], "builtin");
    town.close().await;
}

async fn the_list_says_what_is_in_force(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let list = async |query: &str| {
        let path = format!("/admin/templates?{query}");
        admin.get(&path).await.expect(200).body["items"]
            .as_array()
            .unwrap()
            .clone()
    };
    let of_one = list("kind=booking.created").await;
    assert_eq!(of_one.len(), 15, "five channels in three languages");
    let source = |items: &[Value], channel: &str, language: &str| {
        let mut found = items
            .iter()
            .filter(|item| item["channel"] == channel && item["language"] == language);
        found.next().unwrap()["source"].clone()
    };
    assert_eq!(source(&of_one, "sms", "vi"), "builtin");
    assert_eq!(source(&of_one, "push", "vi"), "inbox");
    let fr = "/admin/templates/booking.created/inbox/fr";
    admin.put(fr, sections("Bonjour")).await.expect(200);
    let of_one = list("kind=booking.created&channel=inbox").await;
    assert_eq!(of_one.len(), 4);
    assert_eq!(source(&of_one, "inbox", "fr"), "own");
    assert_eq!(list("language=fr").await.len(), 1);
    town.close().await;
}

async fn words_that_an_update_made_unfit_are_left_out_and_nobody_goes_untold(fresh: &Fresh) {
    use belfry_domain::template::Medium;
    use belfry_store::template::{self, Key};
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let key = Key {
        kind: "booking.created".to_owned(),
        medium: Medium::Inbox,
        language: "en".to_owned(),
    };
    // As a release kept it whose bookings had rooms.
    let unfit = ["title", "body"].map(|part| (part.to_owned(), "{{ room }}".to_owned()));
    let mut tx = town.store.begin().await.unwrap();
    let admin_id = admin.id.parse().unwrap();
    let put = template::put(&mut tx, &key, &unfit.into(), None, admin_id, town.now()).await;
    assert!(put.unwrap().is_some());
    tx.commit().await.unwrap();
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    let name = expert.get("/me").await.expect(200).text("name");
    let told = title(&client, "booking.created", 1).await;
    assert_eq!(told, format!("Booking requested with {name}"));
    town.close().await;
}
