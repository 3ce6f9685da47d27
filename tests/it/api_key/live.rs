//! Live connections that a key holds: they end with it.

use std::time::Duration;

use belfry_actors::Close;
use reqwest::Method;
use serde_json::json;

use super::machine;
use crate::engine::{Fresh, on_both_engines};
use crate::live::tab::Tab;
use crate::town::{Person, Town};

on_both_engines!(
    a_connection_ends_with_the_key_that_holds_it,
    a_connection_that_no_word_reaches_looks_by_itself,
);

async fn ticket(person: &Person) -> String {
    let ticket = person.post("/live/ticket", json!({})).await.expect(200);
    ticket.text("ticket")
}

/// A tab of this person at a node, past its welcome.
async fn tab(town: &Town, node: usize, person: &Person) -> Tab {
    let path = format!("/ws?ticket={}", ticket(person).await);
    let mut tab = Tab::at(town.nodes[node].address, &path).await;
    assert_eq!(tab.next().await["type"], "welcome");
    tab
}

/// Asks for something and hears of it: the connection stands.
async fn stands(tab: &mut Tab) {
    tab.say(json!({ "type": "ping", "ref": "1" })).await;
    tab.next_of("pong").await;
}

async fn a_connection_ends_with_the_key_that_holds_it(fresh: &Fresh) {
    let town = Town::open_two_with(fresh, |_| {}).await;
    let admin = town.admin().await;
    let (machine, id) = machine(&admin, &["live:read"]).await;
    let (other, _) = super::machine(&admin, &["live:read"]).await;
    let mut own = tab(&town, 0, &admin).await;
    let mut others = tab(&town, 0, &other).await;
    let mut held = tab(&town, 0, &machine).await;
    // Opened by a person's token, and held by the key since.
    let mut handed = tab(&town, 0, &admin).await;
    let token = machine.token.clone().unwrap();
    handed
        .say(json!({ "type": "authenticate", "token": token, "ref": "2" }))
        .await;
    handed.next_of("ok").await;
    let path = format!("/live/events?ticket={}", ticket(&machine).await);
    let mut stream = town
        .stranger()
        .request(Method::GET, &path)
        .send()
        .await
        .unwrap();
    let mut far = match town.has_redis() {
        true => Some(tab(&town, 1, &machine).await),
        false => None,
    };
    let late = ticket(&machine).await;
    for tab in [&mut own, &mut others, &mut held, &mut handed] {
        stands(tab).await;
    }
    admin
        .delete(&format!("/admin/api-keys/{id}"))
        .await
        .expect(204);
    let expired = Close::Expired.code();
    assert_eq!(held.closed().await, expired);
    assert_eq!(handed.closed().await, expired);
    if let Some(far) = &mut far {
        assert_eq!(far.closed().await, expired);
    }
    let mut text = String::new();
    while let Some(part) = stream.chunk().await.unwrap() {
        text.push_str(&String::from_utf8_lossy(&part));
    }
    assert!(text.contains(r#""code":4401"#), "{text}");
    // Neither does a ticket from before open anything.
    let mut late = Tab::at(town.nodes[0].address, &format!("/ws?ticket={late}")).await;
    assert_eq!(late.closed().await, expired);
    stands(&mut own).await;
    stands(&mut others).await;
    // The other key ends with its maker's rights.
    let chief = town.admin().await;
    let path = format!("/admin/users/{}", admin.id);
    chief
        .patch(&path, json!({ "role": "user" }))
        .await
        .expect(200);
    assert_eq!(others.closed().await, expired);
    stands(&mut own).await;
    town.close().await;
}

async fn a_connection_that_no_word_reaches_looks_by_itself(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| settings.live.heartbeat_seconds = 1).await;
    let admin = town.admin().await;
    let (machine, id) = machine(&admin, &["live:read"]).await;
    let mut held = tab(&town, 0, &machine).await;
    stands(&mut held).await;
    // As on a node that cannot be told.
    let mut tx = town.store.begin().await.unwrap();
    let id = id.parse().unwrap();
    let revoked = belfry_store::api_key::revoke(&mut tx, id, town.now()).await;
    assert!(revoked.unwrap());
    tx.commit().await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), held.closed());
    assert_eq!(closed.await.unwrap(), Close::Expired.code());
    town.close().await;
}
