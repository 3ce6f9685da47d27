//! Redis killed, hanging, and not there at the start: bookings go on, and when it is back the nodes hear each
//! other again and nobody has missed anything (C2.3, C4.1, C5.2).

use std::collections::BTreeSet;

use belfry_domain::topic::Topic;
use serde_json::{Value, json};

use super::servers::{Redis, at_hand};
use super::{PATIENCE, entries, figure, tab, until_ready};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::ledger::{self, Terms};
use crate::live::tab::Tab;
use crate::town::{Person, Town};

on_both_engines!(
    bookings_go_on_without_redis_and_everybody_hears_of_them_when_it_is_back,
    a_redis_that_hangs_delays_nobody_and_leaves_no_gap_behind,
    a_node_starts_without_redis_and_joins_the_others_when_it_comes,
    who_was_disabled_while_the_nodes_could_not_hear_each_other_is_let_go_afterwards,
);

/// Two nodes over one Redis, an expert, and a client who listens at the second node.
struct Stage {
    town: Town,
    redis: Redis,
    expert: Person,
    client: Person,
    booked: BTreeSet<String>,
}

impl Stage {
    async fn set(fresh: &Fresh) -> Self {
        let redis = Redis::running();
        let mut town = Town::over(&fresh.store, Some(redis.url()));
        town.settings.limits.enabled = true;
        town.add_node().await;
        town.add_node().await;
        for node in 0..2 {
            until_ready(&town.stranger_at(node), None).await;
        }
        let (expert, client) = (town.expert().await, town.client().await);
        Self {
            town,
            redis,
            expert,
            client,
            booked: BTreeSet::new(),
        }
    }

    fn topic(&self) -> String {
        Topic::ExpertSlots(self.expert.id.parse().unwrap()).to_string()
    }

    /// A tab of the client at the second node that also watches the expert's slots.
    async fn far_tab(&self) -> Tab {
        let mut far = tab(&self.town, &self.client, 1, None).await;
        far.say(json!({"type": "subscribe", "topic": self.topic(), "ref": 1}))
            .await;
        far.next_of("ok").await;
        far
    }

    /// Books half an hour at the first node; each call has a time of its own.
    async fn book(&mut self) {
        let place = self.booked.len();
        let (day, minutes) = (2 + place / 16, 9 * 60 + 30 * (place % 16));
        let body = json!({
            "expert_id": self.expert.id, "minutes": 30, "mode": "online",
            "starts_at": format!("2027-03-{day:02}T{:02}:{:02}:00Z", minutes / 60, minutes % 60),
        });
        let made = self.client.post("/bookings", body).await.expect(201);
        self.booked.insert(made.text("id"));
    }

    fn offset(&self) -> i64 {
        self.booked.len() as i64
    }

    /// Everything that was booked is heard at the second node, and from now on at once.
    async fn all_is_heard(&mut self, far: &mut Tab, after: i64) {
        let mut others = entries(far, after, self.offset()).await;
        let resync = |frame: &Value| frame["event"]["type"] == "topic.resync";
        while !others.iter().any(resync) {
            others.push(far.next().await);
        }
        for node in 0..2 {
            until_ready(&self.town.stranger_at(node), None).await;
        }
        let after = self.offset();
        self.book().await;
        let mut changed = entries(far, after, after + 1).await;
        while !changed
            .iter()
            .any(|frame| frame["event"]["type"] == "slots.changed")
        {
            changed.push(far.next().await);
        }
    }

    async fn end(self) {
        let terms = Terms::at(self.town.now());
        ledger::sound(&self.town.store, terms, &self.booked).await;
        self.town.close().await;
    }
}

async fn bookings_go_on_without_redis_and_everybody_hears_of_them_when_it_is_back(fresh: &Fresh) {
    if !at_hand() {
        return;
    }
    let mut stage = Stage::set(fresh).await;
    let mut far = stage.far_tab().await;
    stage.book().await;
    entries(&mut far, 0, 1).await;
    stage.redis.kill();
    for _ in 0..3 {
        stage.book().await;
    }
    // Sockets open and resume as ever, and the second node learns from the database what it cannot hear.
    let mut new = tab(&stage.town, &stage.client, 1, Some(0)).await;
    entries(&mut new, 0, stage.offset()).await;
    for node in 0..2 {
        until_ready(&stage.town.stranger_at(node), Some("bus")).await;
    }
    stage.redis.start();
    stage.all_is_heard(&mut far, 1).await;
    // Killed again while nobody says a word: the first word afterwards is heard, too.
    let after = stage.offset();
    stage.redis.kill();
    stage.redis.start();
    stage.book().await;
    entries(&mut far, after, after + 1).await;
    stage.end().await;
}

async fn a_redis_that_hangs_delays_nobody_and_leaves_no_gap_behind(fresh: &Fresh) {
    if !at_hand() {
        return;
    }
    let mut stage = Stage::set(fresh).await;
    stage.town.add_node().await;
    let mut far = stage.far_tab().await;
    stage.book().await;
    entries(&mut far, 0, 1).await;
    // The second node reads for itself, the third finds in the cache what that one read.
    let last = "2027-03-02T16:00:00Z";
    let find = async |stage: &Stage, node: usize| {
        let door = stage.town.stranger_at(node);
        door.slots(&stage.expert, "2027-03-02", 1).await
    };
    find(&stage, 1).await;
    let offered = find(&stage, 2).await;
    assert!(offered.contains(&last.to_owned()));
    let door = stage.town.stranger_at(0);
    let lost_before = figure(&door, "belfry_bus_lost_messages_total", "").await;
    stage.redis.freeze();
    let asking = async {
        // Each of these would wait for the limits' count, and each booking for the cache's new version.
        for _ in 0..14 {
            stage.book().await;
            for _ in 0..20 {
                stage.client.get("/me").await.expect(200);
            }
        }
    };
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    asked.expect("hundreds of requests do not wait for Redis");
    let last_is_booked = stage.offset() == 15;
    assert!(last_is_booked, "each takes the next half hour");
    eventually("the bus loses messages", async || {
        figure(&door, "belfry_bus_lost_messages_total", "").await > lost_before
    })
    .await;
    stage.redis.thaw();
    // What the cache kept about the expert when the slot was still free is not found for another minute.
    eventually("the cache forgets the slot", async || {
        !find(&stage, 2).await.contains(&last.to_owned())
    })
    .await;
    // A connection that only hung tells its listeners of no gap: whoever lost the messages has to.
    stage.all_is_heard(&mut far, 1).await;
    stage.end().await;
}

async fn a_node_starts_without_redis_and_joins_the_others_when_it_comes(fresh: &Fresh) {
    if !at_hand() {
        return;
    }
    let mut redis = Redis::planned();
    let mut town = Town::over(&fresh.store, Some(redis.url()));
    town.settings.limits.enabled = true;
    town.add_node().await;
    town.add_node().await;
    for node in 0..2 {
        until_ready(&town.stranger_at(node), Some("bus")).await;
    }
    let (expert, client) = (town.expert().await, town.client().await);
    let mut far = tab(&town, &client, 1, None).await;
    client
        .book(&expert, "2027-03-02T10:00:00Z")
        .await
        .expect(201);
    redis.start();
    for node in 0..2 {
        until_ready(&town.stranger_at(node), None).await;
    }
    entries(&mut far, 0, 1).await;
    client
        .book(&expert, "2027-03-02T11:00:00Z")
        .await
        .expect(201);
    entries(&mut far, 1, 2).await;
    town.close().await;
}

async fn who_was_disabled_while_the_nodes_could_not_hear_each_other_is_let_go_afterwards(
    fresh: &Fresh,
) {
    if !at_hand() {
        return;
    }
    let mut stage = Stage::set(fresh).await;
    let admin = stage.town.admin().await;
    let mut far = stage.far_tab().await;
    stage.redis.kill();
    let path = format!("/admin/users/{}", stage.client.id);
    admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    stage.redis.start();
    assert_eq!(far.closed().await, 4403);
    stage.town.close().await;
}
