//! Watches end with the right to them, with the house, and are no more than there is room for.

use chrono::TimeDelta;
use serde_json::json;
use tonic::Code;

use super::{end, until, watch_presence, watch_queue, watch_visit};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::grpc::{Caller, LIMIT, details, open, refused};
use crate::queue::join;
use crate::town::Town;

on_both_engines!(
    a_watch_ends_with_the_right_to_it,
    a_watch_ends_with_the_house,
    there_is_room_for_so_many_watches,
);

async fn a_watch_ends_with_the_right_to_it(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let (here, there) = (
        open_branch(&admin, json!({})).await,
        open_branch(&admin, json!({})).await,
    );
    let (client, manager) = (town.client().await, town.manager(Some(&here)).await);
    let id = join(&client, &here).await.expect(201).text("id");
    // By an API key that is ended.
    let body = json!({ "name": "board", "scopes": ["live:read"] });
    let key = admin.post("/admin/api-keys", body).await.expect(201);
    let mut machine = admin.clone();
    machine.token = Some(key.text("key"));
    let board = Caller::at(&town, 0, &machine);
    let out_of_scope = watch_visit(&board, &id).await;
    refused(out_of_scope, Code::PermissionDenied, "insufficient-scope");
    let mut board = watch_queue(&board, &here).await.unwrap();
    let shown = board.message().await.unwrap().unwrap();
    assert_eq!((shown.waiting, shown.visits), (1, None), "no names");
    let path = format!("/admin/api-keys/{}", key.text("id"));
    admin.delete(&path).await.expect(204);
    let ended = end(&mut board).await;
    refused(ended, Code::Unauthenticated, "unauthenticated");
    // By a manager who is sent to another branch.
    let boss = Caller::at(&town, 0, &manager);
    let mut visit = watch_visit(&boss, &id).await.unwrap();
    let mut line = watch_queue(&boss, &here).await.unwrap();
    let shown = line.message().await.unwrap().unwrap();
    assert!(shown.visits.is_some());
    let path = format!("/admin/users/{}", manager.id);
    let moved = json!({ "branch_id": there });
    admin.patch(&path, moved).await.expect(200);
    let ended = end(&mut visit).await;
    refused(ended, Code::NotFound, "not-found");
    // Numbers are still for everybody.
    until(&mut line, "names are gone", |queue| queue.visits.is_none()).await;
    // By an account that is disabled.
    let disabled = json!({ "disabled": true });
    admin.patch(&path, disabled).await.expect(200);
    let ended = end(&mut line).await;
    refused(ended, Code::PermissionDenied, "account-disabled");
    // By a token that has run out.
    let him = Caller::at(&town, 0, &client);
    let mut visit = watch_visit(&him, &id).await.unwrap();
    let mut presence = watch_presence(&him, &here).await.unwrap();
    town.clock.advance(TimeDelta::days(1));
    for ended in [end(&mut visit).await, end(&mut presence).await] {
        refused(ended, Code::Unauthenticated, "unauthenticated");
    }
    town.close().await;
}

async fn a_watch_ends_with_the_house(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let client = town.client().await;
    let id = join(&client, &branch).await.expect(201).text("id");
    let him = Caller::at(&town, 0, &client);
    let mut visit = watch_visit(&him, &id).await.unwrap();
    let mut line = watch_queue(&him, &branch).await.unwrap();
    let mut presence = watch_presence(&him, &branch).await.unwrap();
    let ends = futures::future::join3(end(&mut visit), end(&mut line), end(&mut presence));
    let closing = tokio::time::timeout(LIMIT, town.close());
    let (closed, ends) = futures::join!(closing, ends);
    closed.unwrap();
    for ended in [ends.0, ends.1, ends.2] {
        let status = refused(ended, Code::Unavailable, "unavailable");
        assert!(details(&status).retry_info().is_some());
    }
}

async fn there_is_room_for_so_many_watches(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.grpc.listen = "127.0.0.1:0".to_owned();
        settings.grpc.watches = 2;
    })
    .await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let caller = Caller::at(&town, 0, &admin);
    let _first = watch_queue(&caller, &branch).await.unwrap();
    let second = watch_presence(&caller, &branch).await.unwrap();
    let full = watch_queue(&caller, &branch).await;
    refused(full, Code::Unavailable, "unavailable");
    drop(second);
    eventually("whoever went has left their place", async || {
        watch_queue(&caller, &branch).await
    })
    .await;
    town.close().await;
}
