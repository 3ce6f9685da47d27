//! What a person may have of what is kept about them, and their being forgotten (C1.9).

use belfry_domain::channel::Channel;
use belfry_store::suppression::{self, Suppression};
use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Fresh, on_both_engines};
use crate::town::{PASSWORD, Person, Town};

on_both_engines!(
    everybody_has_all_that_is_kept_about_them,
    who_is_forgotten_leaves_bookings_without_a_name,
    an_expert_who_is_forgotten_is_offered_no_more,
    only_who_may_forgets_and_never_the_last_administrator,
    what_was_held_against_an_address_comes_back_with_it,
);

const SECRETS: [&str; 3] = ["password_hash", "token_hash", "key_hash"];

async fn booked(client: &Person, expert: &Person, at: &str, note: &str) -> Value {
    let body = json!({ "expert_id": expert.id, "starts_at": at, "mode": "online", "note": note });
    client.post("/bookings", body).await.expect(201).body
}

async fn erase_me(person: &Person, password: &str) -> crate::town::Answer {
    let body = Some(json!({ "password": password }));
    person.send(Method::DELETE, "/me", body, &[]).await
}

async fn everybody_has_all_that_is_kept_about_them(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client, other) = (
        town.expert().await,
        town.client().await,
        town.client().await,
    );
    client
        .patch(
            "/me",
            json!({ "phone": "+84912345678", "description": "A reader" }),
        )
        .await
        .expect(200);
    booked(&client, &expert, "2027-03-02T10:00:00Z", "about my knee").await;
    booked(
        &other,
        &expert,
        "2027-03-03T10:00:00Z",
        "a secret of another",
    )
    .await;
    let file = client.get("/me/export").await.expect(200);
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"belfry.json\"")
    );
    let data = &file.body["data"];
    assert_eq!(data["account"][0]["email"], json!(client.email));
    assert_eq!(data["account"][0]["phone"], "+84912345678");
    assert_eq!(data["account"][0]["email_verified"], json!(false));
    assert_eq!(data["bookings"].as_array().unwrap().len(), 1);
    assert_eq!(data["bookings"][0]["note"], "about my knee");
    assert_eq!(data["booking_steps"][0]["event"], "booking.created");
    assert_eq!(data["booking_steps"][0]["actor_id"], json!(client.id));
    assert!(!data["sessions"].as_array().unwrap().is_empty());
    let sections: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(sections.len(), 26, "{sections:?}");
    // Nothing of others, and nothing that opens a door.
    assert!(!file.text.contains("a secret of another") && !file.text.contains(&other.email));
    let theirs = expert.get("/me/export").await.expect(200);
    assert_eq!(
        theirs.body["data"]["bookings_as_expert"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        theirs.body["data"]["expert"][0]["booking_rules"]["minutes"],
        json!([60, 30])
    );
    // A mail that was sent to them is theirs, with the guest of its calendar file.
    let mut told = theirs.body["data"].clone();
    told["messages"].take();
    assert!(!told.to_string().contains(&client.email));
    let mine = &theirs.body["data"]["bookings_as_expert"][0];
    assert!(mine.get("note").is_none(), "{mine}");
    for secret in SECRETS {
        assert!(
            !file.text.contains(secret) && !theirs.text.contains(secret),
            "{secret}"
        );
    }
    town.close().await;
}

async fn who_is_forgotten_leaves_bookings_without_a_name(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    client
        .patch(
            "/me",
            json!({ "name": "Quentin Zebra", "phone": "+84912345678" }),
        )
        .await
        .expect(200);
    let client = town.again(client).await;
    let past = booked(
        &client,
        &expert,
        "2027-03-01T13:00:00Z",
        "about Zebra's knee",
    )
    .await;
    let path = format!("/bookings/{}", past["id"].as_str().unwrap());
    client
        .patch(&path, json!({ "note": "Zebra again" }))
        .await
        .expect(200);
    expert
        .post(&format!("{path}/confirm"), json!({}))
        .await
        .expect(200);
    town.clock.advance(chrono::TimeDelta::minutes(90));
    let (expert, client, admin) = (
        town.again(expert).await,
        town.again(client).await,
        town.again(admin).await,
    );
    expert
        .post(&format!("{path}/complete"), json!({}))
        .await
        .expect(200);
    client
        .post(
            &format!("{path}/review"),
            json!({ "stars": 4, "text": "Zebra was here" }),
        )
        .await
        .expect(201);
    let ahead = booked(&client, &expert, "2027-03-02T10:00:00Z", "Zebra to come").await;

    erase_me(&client, "not the password")
        .await
        .problem(422, "validation");
    client.get("/me").await.expect(200);
    erase_me(&client, PASSWORD).await.expect(204);
    // Every door is shut: the token, the refresh token, the password.
    assert!([401, 403].contains(&client.get("/me").await.status));
    let refresh = json!({ "refresh_token": client.refresh_token });
    client
        .post("/auth/refresh", refresh)
        .await
        .problem(401, "bad-refresh-token");
    let login = json!({ "email": client.email, "password": PASSWORD });
    client
        .post("/auth/login", login)
        .await
        .problem(401, "bad-credentials");

    let kept = expert.get(&path).await.expect(200);
    assert_eq!(kept.body["status"], "completed");
    assert_eq!(kept.body["client"]["name"], "Erased person");
    assert_eq!(kept.body["note"], json!(null));
    let path = format!("/bookings/{}", ahead["id"].as_str().unwrap());
    let off = expert.get(&path).await.expect(200);
    assert_eq!(off.body["status"], "cancelled");
    let history = expert.get(&format!("{path}/history")).await.expect(200);
    let reviews = town
        .stranger()
        .get(&format!("/experts/{}/reviews", expert.id))
        .await
        .expect(200);
    assert_eq!(reviews.body["items"][0]["stars"], 4);
    // The time that was taken is free again.
    let slots = town.stranger().slots(&expert, "2027-03-02", 1).await;
    assert!(
        slots.contains(&"2027-03-02T10:00:00Z".to_owned()),
        "{slots:?}"
    );
    let person = admin
        .get(&format!("/admin/users/{}", client.id))
        .await
        .expect(200);
    let list = admin.get("/admin/users?query=zebra").await.expect(200);
    assert_eq!(list.body["items"], json!([]));
    let everything = town
        .store
        .everything_about(client.id.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    for text in [
        kept.text,
        off.text,
        history.text,
        reviews.text,
        person.text,
        everything.to_string(),
    ] {
        for word in ["Zebra", "+84912345678", &client.email] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
    let log = admin
        .get("/admin/audit?action=user.erased")
        .await
        .expect(200);
    assert_eq!(
        log.body["items"][0]["subject"],
        format!("user/{}", client.id)
    );
    // The address is free for a new beginning.
    let again = json!({ "email": client.email, "password": PASSWORD, "name": "New" });
    town.stranger()
        .post("/auth/register", again)
        .await
        .expect(201);
    town.close().await;
}

async fn an_expert_who_is_forgotten_is_offered_no_more(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, expert, client) = (town.admin().await, town.expert().await, town.client().await);
    let ahead = booked(&client, &expert, "2027-03-02T10:00:00Z", "hello").await;
    admin
        .delete(&format!("/admin/users/{}", expert.id))
        .await
        .expect(204);
    let kept = client
        .get(&format!("/bookings/{}", ahead["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(kept.body["status"], "cancelled");
    assert_eq!(kept.body["reason"], "The account was erased.");
    assert_eq!(kept.body["expert"]["name"], "Erased person");
    // What the client wrote is the client's.
    assert_eq!(kept.body["note"], "hello");
    town.stranger()
        .get(&format!("/experts/{}", expert.id))
        .await
        .problem(404, "not-found");
    let list = town.stranger().get("/experts").await.expect(200);
    assert_eq!(list.body["items"], json!([]));
    assert!([404, 422].contains(&client.book(&expert, "2027-03-03T10:00:00Z").await.status));
    // Nothing brings them back.
    for change in [json!({ "disabled": false }), json!({ "role": "admin" })] {
        let path = format!("/admin/users/{}", expert.id);
        admin.patch(&path, change).await.problem(404, "not-found");
    }
    // Erased is erased, also a second time.
    admin
        .delete(&format!("/admin/users/{}", expert.id))
        .await
        .expect(204);
    town.close().await;
}

async fn only_who_may_forgets_and_never_the_last_administrator(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let path = |person: &Person| format!("/admin/users/{}", person.id);
    client.delete(&path(&admin)).await.problem(403, "forbidden");
    admin.delete(&path(&admin)).await.problem(409, "conflict");
    erase_me(&admin, PASSWORD)
        .await
        .problem(409, "last-administrator");
    admin
        .delete(&format!("/admin/users/{}", crate::contract::UNKNOWN))
        .await
        .problem(404, "not-found");
    let other = town.admin().await;
    let key = json!({ "name": "Till", "scopes": ["profile:read"] });
    let key = admin.post("/admin/api-keys", key).await.expect(201);
    let mut machine = town.stranger();
    machine.token = Some(key.text("key"));
    machine.get("/me").await.expect(200);
    other.delete(&path(&admin)).await.expect(204);
    // Keys go with their maker.
    assert!([401, 403].contains(&machine.get("/me").await.status));
    assert!([401, 403].contains(&admin.get("/admin/users").await.status));
    erase_me(&other, PASSWORD)
        .await
        .problem(409, "last-administrator");
    town.close().await;
}

async fn what_was_held_against_an_address_comes_back_with_it(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let mut tx = town.store.begin().await.unwrap();
    let held = Suppression {
        channel: Channel::Email,
        address: client.email.clone(),
        cause: "complained".to_owned(),
        detail: "said so".to_owned(),
        at: town.now(),
    };
    suppression::suppress(&mut tx, &held).await.unwrap();
    tx.commit().await.unwrap();
    let held = async || admin.get("/admin/suppressions").await.expect(200);
    assert!(held().await.text.contains(&client.email));
    erase_me(&client, PASSWORD).await.expect(204);
    let hashed = held().await;
    assert_eq!(hashed.body["items"].as_array().unwrap().len(), 1);
    assert!(!hashed.text.contains(&client.email) && hashed.text.contains("sha256:"));
    let again = json!({ "email": client.email, "password": PASSWORD, "name": "New" });
    town.stranger()
        .post("/auth/register", again)
        .await
        .expect(201);
    assert_eq!(
        held().await.body["items"][0]["address"],
        json!(client.email)
    );
    town.close().await;
}
