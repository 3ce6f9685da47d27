//! The inbox: pages, reading, deleting, pruning, and whose it is.

use belfry_domain::id::NotificationId;
use belfry_store::inbox::Deleted;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::contract::body::pointed_at;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::live::house::House;
use crate::town::Town;

on_both_engines!(
    pages_run_from_the_newest_and_stay_stable,
    pages_in_either_order_leave_nothing_out_and_tell_nothing_twice,
    reading_counts_down_and_keeps_its_time,
    nobody_reaches_the_inbox_of_another,
    a_deleted_entry_leaves_its_offset_unused,
    what_was_read_vanishes_in_time_and_nothing_else,
    where_inboxes_stand_is_told_for_many_at_once,
);

async fn pages_run_from_the_newest_and_stay_stable(fresh: &Fresh) {
    let house = House::new(fresh);
    let user = house.user().await;
    for _ in 0..5 {
        house.commit(user).await;
    }
    let offsets = async |unread, before, limit| -> Vec<i64> {
        let page = fresh.store.inbox_page(user, unread, before, limit).await;
        page.unwrap().iter().map(|entry| entry.offset).collect()
    };
    assert_eq!(offsets(false, None, 3).await, [5, 4, 3]);
    // What comes in meanwhile does not shift the next page.
    house.commit(user).await;
    assert_eq!(offsets(false, Some(3), 3).await, [2, 1]);
    assert_eq!(offsets(false, Some(1), 3).await, [0; 0]);
    let now = house.now();
    let up_to = fresh.store.read_notifications_up_to(user, 4, now).await;
    assert_eq!(up_to.unwrap(), 4);
    assert_eq!(offsets(true, None, 10).await, [6, 5]);
    assert_eq!(offsets(true, Some(6), 10).await, [5]);
    let since = fresh.store.inbox_since(user, 2, 3).await.unwrap();
    let since: Vec<i64> = since.iter().map(|entry| entry.offset).collect();
    assert_eq!(since, [3, 4, 5]);
}

async fn pages_in_either_order_leave_nothing_out_and_tell_nothing_twice(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    for hour in 9..14 {
        let start = format!("2027-03-02T{hour:02}:00:00Z");
        client.book(&expert, &start).await.expect(201);
    }
    let path = "/notifications?limit=100";
    let all = eventually("the expert was told of five", async || {
        let found = expert.get(path).await.expect(200).body["items"].clone();
        let offsets: Vec<i64> = found.as_array().unwrap().iter().map(offset).collect();
        (offsets.len() == 5).then_some(offsets)
    })
    .await;
    let first = expert.get("/notifications?limit=1&sort=created_at").await;
    let first = first.expect(200).body["items"][0]["id"].clone();
    let read = format!("/notifications/{}/read", first.as_str().unwrap());
    expert.post(&read, json!({})).await.expect(204);
    // The newest first by either name of it, and the other way around; the oldest one is read.
    let rising: Vec<i64> = all.iter().rev().copied().collect();
    for (query, expected) in [
        ("", &all[..]),
        ("&sort=-created_at", &all[..]),
        ("&sort=created_at", &rising[..]),
        ("&sort=-created_at&unread=true", &all[..4]),
        ("&sort=created_at&unread=true", &rising[1..]),
    ] {
        for limit in 1..=6 {
            let mut seen = Vec::new();
            let mut next = Value::Null;
            loop {
                let after = next.as_str().map(|next| format!("&after={next}"));
                let after = after.unwrap_or_default();
                let path = format!("/notifications?limit={limit}{query}{after}");
                let page = expert.get(&path).await.expect(200).body;
                seen.extend(page["items"].as_array().unwrap().iter().map(offset));
                next = page["next"].clone();
                if next.is_null() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{query} by {limit}");
        }
    }
    // What comes in meanwhile is on the last page of those that begin with the oldest.
    let page = expert.get("/notifications?limit=4&sort=created_at").await;
    let next = page.expect(200).text("next");
    client
        .book(&expert, "2027-03-02T15:00:00Z")
        .await
        .expect(201);
    eventually("the last page has it", async || {
        let path = format!("/notifications?limit=4&sort=created_at&after={next}");
        let page = expert.get(&path).await.expect(200).body;
        page["items"].as_array().unwrap().len() == 2
    })
    .await;
    let wrong = expert.get("/notifications?sort=title").await;
    pointed_at(wrong, "/sort", "invalid");
    town.close().await;
}

fn offset(entry: &Value) -> i64 {
    entry["offset"].as_i64().unwrap()
}

async fn reading_counts_down_and_keeps_its_time(fresh: &Fresh) {
    let house = House::new(fresh);
    let user = house.user().await;
    let first = house.commit(user).await;
    house.commit(user).await;
    let store = &fresh.store;
    assert_eq!(store.inbox_unread(user).await.unwrap(), 2);
    let now = house.now();
    assert!(store.read_notification(user, first.id, now).await.unwrap());
    let later = now + TimeDelta::hours(1);
    assert!(
        store
            .read_notification(user, first.id, later)
            .await
            .unwrap()
    );
    let page = store.inbox_page(user, false, None, 10).await.unwrap();
    assert_eq!(page[1].read_at, Some(now));
    assert_eq!(page[1].title, first.title);
    assert_eq!(page[1].data, first.data);
    assert_eq!(store.inbox_unread(user).await.unwrap(), 1);
    // All means all there is, and nothing that is yet to come.
    let all = store.read_notifications_up_to(user, i64::MAX, now).await;
    assert_eq!(all.unwrap(), 2);
    house.commit(user).await;
    assert_eq!(store.inbox_unread(user).await.unwrap(), 1);
    let head = store.inbox_head(user).await.unwrap().unwrap();
    assert_eq!((head.offset, head.unread), (3, 1));
}

async fn nobody_reaches_the_inbox_of_another(fresh: &Fresh) {
    let house = House::new(fresh);
    let (owner, other) = (house.user().await, house.user().await);
    let entry = house.commit(owner).await;
    let (store, now) = (&fresh.store, house.now());
    assert!(!store.read_notification(other, entry.id, now).await.unwrap());
    let deleted = store.delete_notification(other, entry.id).await.unwrap();
    assert_eq!(deleted, Deleted::Missing);
    store
        .read_notifications_up_to(other, i64::MAX, now)
        .await
        .unwrap();
    assert_eq!(store.inbox_unread(owner).await.unwrap(), 1);
    assert!(
        store
            .inbox_page(other, false, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn a_deleted_entry_leaves_its_offset_unused(fresh: &Fresh) {
    let house = House::new(fresh);
    let user = house.user().await;
    let (first, second) = (house.commit(user).await, house.commit(user).await);
    let (store, now) = (&fresh.store, house.now());
    store.read_notification(user, first.id, now).await.unwrap();
    let delete = async |id: NotificationId| store.delete_notification(user, id).await.unwrap();
    assert_eq!(delete(first.id).await, Deleted::Read);
    assert_eq!(delete(second.id).await, Deleted::Unread);
    assert_eq!(delete(second.id).await, Deleted::Missing);
    assert_eq!(store.inbox_head(user).await.unwrap().unwrap().offset, 2);
    assert_eq!(house.commit(user).await.offset, 3);
}

async fn what_was_read_vanishes_in_time_and_nothing_else(fresh: &Fresh) {
    let house = House::new(fresh);
    let user = house.user().await;
    let (store, now) = (&fresh.store, house.now());
    for days_ago in [4, 3, 2] {
        let entry = house.commit(user).await;
        let read_at = now - TimeDelta::days(days_ago);
        store
            .read_notification(user, entry.id, read_at)
            .await
            .unwrap();
    }
    house.commit(user).await;
    let kept_since = now - TimeDelta::days(3);
    let prune = async |limit| {
        store
            .prune_read_notifications(kept_since, limit)
            .await
            .unwrap()
    };
    assert_eq!(prune(0).await, 0);
    assert_eq!(prune(100).await, 1);
    assert_eq!(prune(100).await, 0);
    assert_eq!(
        store.inbox_page(user, false, None, 10).await.unwrap().len(),
        3
    );
}

async fn where_inboxes_stand_is_told_for_many_at_once(fresh: &Fresh) {
    let house = House::new(fresh);
    let (one, two, silent) = (house.user().await, house.user().await, house.user().await);
    house.commit(one).await;
    house.commit(two).await;
    house.commit(two).await;
    let asked = [one, two, silent];
    let mut told = fresh.store.inbox_offsets(&asked).await.unwrap();
    told.sort();
    let mut expected = vec![(one, Some(1)), (two, Some(2)), (silent, Some(0))];
    expected.sort();
    assert_eq!(told, expected);
    let mut tx = fresh.store.begin().await.unwrap();
    belfry_store::account::govern(&mut tx, two, None, Some(true), None, None, house.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let disabled = fresh.store.inbox_offsets(&[two]).await.unwrap();
    assert_eq!(disabled, [(two, None)], "a disabled account stands nowhere");
    assert!(fresh.store.inbox_offsets(&[]).await.unwrap().is_empty());
}
