//! The own profile and its picture (C1.4).

use reqwest::Method;
use serde_json::{Value, json};

use super::faults;
use crate::engine::{Fresh, on_both_engines};
use crate::town::{Answer, Person, Town};

on_both_engines!(
    a_profile_is_changed_member_by_member_and_null_clears,
    an_edit_of_a_stale_profile_is_refused,
    every_faulty_member_of_a_profile_is_named,
    a_picture_is_known_by_its_content_and_served_with_a_tag,
    what_is_not_a_sound_picture_is_refused,
    an_edit_at_one_node_is_seen_at_the_other,
);

/// One transparent pixel.
pub const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\xdac\xfc\xcf\xc0P\x0f\0\x04\x85\x01\x80\x84\xa9\x8c!\0\0\0\0IEND\xaeB`\x82";

async fn put_picture(person: &Person, kind: Option<&str>, bytes: Vec<u8>) -> Answer {
    let mut request = person.request(Method::PUT, "/me/avatar").body(bytes);
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn a_profile_is_changed_member_by_member_and_null_clears(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let all = json!({
        "name": "Bình", "phone": "+84912345678", "gender": "female", "description": "Two\nlines.",
        "locale": "zh", "time_zone": "Europe/Berlin",
    });
    let changed = client.patch("/me", all.clone()).await.expect(200);
    for (name, value) in all.as_object().unwrap() {
        assert_eq!(&changed.body[name], value, "{name}");
    }
    assert_eq!(client.get("/me").await.body, changed.body);
    let same = client.patch("/me", json!({})).await.expect(200);
    assert_eq!(same.body, changed.body);
    let cleared = json!({ "phone": null, "gender": null, "description": null });
    let cleared = client.patch("/me", cleared).await.expect(200);
    assert_eq!(
        (&cleared.body["phone"], &cleared.body["gender"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(cleared.body["description"], "");
    assert_eq!(cleared.body["name"], "Bình");
    town.close().await;
}

async fn an_edit_of_a_stale_profile_is_refused(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let read = client.get("/me").await.expect(200);
    let tag = read.header("etag").unwrap();
    let edit = async |name: &str, tag: &str| {
        let body = Some(json!({ "name": name }));
        client
            .send(Method::PATCH, "/me", body, &[("if-match", tag)])
            .await
    };
    let changed = edit("One", tag).await.expect(200);
    assert_ne!(changed.header("etag"), Some(tag));
    edit("Two", tag).await.problem(412, "stale");
    edit("Two", "\"nonsense\"").await.problem(412, "stale");
    for method in [Method::PUT, Method::DELETE] {
        let stale = [("if-match", tag)];
        client
            .send(method, "/me/avatar", None, &stale)
            .await
            .problem(412, "stale");
    }
    edit("Two", changed.header("etag").unwrap())
        .await
        .expect(200);
    edit("Three", "*").await.expect(200);
    client
        .patch("/me", json!({ "name": "Last" }))
        .await
        .expect(200);
    town.close().await;
}

async fn every_faulty_member_of_a_profile_is_named(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let cases = [
        ("name", json!(""), "required"),
        ("name", json!(null), "invalid"),
        ("name", json!("a\nb"), "control_character"),
        ("phone", json!("0912"), "invalid"),
        ("gender", json!("\u{1b}[31m"), "control_character"),
        ("gender", json!("x".repeat(41)), "too_long"),
        ("description", json!("a\u{0}b"), "control_character"),
        ("description", json!("x".repeat(2001)), "too_long"),
        ("locale", json!("e"), "invalid"),
        ("time_zone", json!("Nowhere"), "unknown_zone"),
        ("time_zone", json!(7), "invalid"),
        ("email", json!("new@belfry.test"), "unknown_field"),
        ("role", json!("admin"), "unknown_field"),
    ];
    let before = client.get("/me").await;
    for (name, value, code) in cases {
        let found = faults(client.patch("/me", json!({ name: value })).await);
        assert_eq!(found, [(format!("/{name}"), code.to_owned())]);
    }
    assert_eq!(client.get("/me").await.body, before.body);
    town.close().await;
}

async fn a_picture_is_known_by_its_content_and_served_with_a_tag(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let set = put_picture(&client, Some("image/jpeg"), PNG.to_vec())
        .await
        .expect(200);
    let url = set.text("avatar_url");
    let stranger = town.stranger();
    let served = stranger.request(Method::GET, &url).send().await.unwrap();
    assert_eq!(served.status(), 200);
    assert_eq!(served.headers()["content-type"], "image/png");
    assert_eq!(served.headers()["x-content-type-options"], "nosniff");
    let tag = served.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(served.bytes().await.unwrap(), PNG);
    let known = stranger
        .send(Method::GET, &url, None, &[("if-none-match", &tag)])
        .await;
    assert_eq!(known.expect(304).text, "");

    let gone = client.delete("/me/avatar").await.expect(200);
    assert_eq!(gone.body["avatar_url"], Value::Null);
    stranger.get(&url).await.problem(404, "not-found");
    client.delete("/me/avatar").await.expect(200);
    town.close().await;
}

async fn what_is_not_a_sound_picture_is_refused(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let client = town.client().await;
    let png = Some("image/png");
    let gif = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\0;".to_vec();
    for (kind, bytes) in [
        (png, gif.clone()),
        (Some("image/gif"), gif),
        (Some("text/html"), PNG.to_vec()),
        (png, b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
        (png, Vec::new()),
        (None, b"text".to_vec()),
    ] {
        put_picture(&client, kind, bytes)
            .await
            .problem(415, "unsupported-media-type");
    }
    for end in [8, 20] {
        put_picture(&client, png, PNG[..end].to_vec())
            .await
            .problem(422, "validation");
    }
    let mut wide = PNG.to_vec();
    wide[18] = 0x20;
    put_picture(&client, png, wide)
        .await
        .problem(422, "validation");
    let mut largest = PNG.to_vec();
    largest.resize(2 * 1024 * 1024, 0);
    put_picture(&client, png, largest.clone()).await.expect(200);
    largest.push(0);
    put_picture(&client, png, largest)
        .await
        .problem(413, "payload-too-large");
    put_picture(&client, png, vec![0; 12 * 1024 * 1024])
        .await
        .problem(413, "payload-too-large");
    put_picture(&town.stranger(), png, vec![0; 3 * 1024 * 1024])
        .await
        .problem(401, "unauthenticated");
    town.close().await;
}

async fn an_edit_at_one_node_is_seen_at_the_other(fresh: &Fresh) {
    let mut town = Town::open(fresh).await;
    town.add_node().await;
    let here = town.client().await;
    let there = here.at(&town, 1);
    there.get("/me").await.expect(200);
    let changed = here
        .patch("/me", json!({ "name": "Changed" }))
        .await
        .expect(200);
    let seen = there.get("/me").await.expect(200);
    assert_eq!(seen.body["name"], "Changed");
    assert_eq!(seen.header("etag"), changed.header("etag"));
    town.close().await;
}
