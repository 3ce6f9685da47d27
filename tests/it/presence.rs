//! Who of the experts is there: by their word, by a connection that lives, and by the silence of both (B4).

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::live::tab::Tab;
use crate::town::{Person, Town};

on_both_engines!(
    presence_said_again_is_a_sign_of_life_and_nothing_else,
    whoever_is_silent_for_half_an_hour_is_offline_on_every_node,
    a_connection_that_lives_keeps_its_expert_there_and_brings_them_back,
    whoever_listens_to_the_branch_hears_who_is_there,
);

async fn set(person: &Person, presence: &str) -> Value {
    let path = format!("/experts/{}/presence", person.id);
    let set = person.put(&path, json!({ "presence": presence })).await;
    set.expect(200).body
}

async fn presence(door: &Person, expert: &Person) -> String {
    let shown = door.get(&format!("/experts/{}", expert.id)).await;
    shown.expect(200).text("presence")
}

/// A socket of this person at node `node`, after its welcome.
async fn connect(town: &Town, person: &Person, node: usize) -> Tab {
    let ticket = person.at(town, node).post("/live/ticket", json!({})).await;
    let path = format!("/ws?ticket={}", ticket.expect(200).text("ticket"));
    let mut tab = Tab::at(town.nodes[node].address, &path).await;
    assert_eq!(tab.next().await["type"], "welcome");
    tab
}

async fn presence_said_again_is_a_sign_of_life_and_nothing_else(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let expert = town.expert().await;
    let first = set(&expert, "busy").await;
    town.clock.advance(TimeDelta::minutes(10));
    assert_eq!(set(&expert, "busy").await, first, "since then");
    town.clock.advance(TimeDelta::minutes(4));
    let other = set(&expert, "online").await;
    assert_ne!(other["since"], first["since"]);
    town.close().await;
}

async fn whoever_is_silent_for_half_an_hour_is_offline_on_every_node(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let experts = [town.expert().await, town.expert().await];
    set(&experts[0], "online").await;
    // Said to another node, which has no part in what follows.
    set(&experts[1].at(&town, 1), "busy").await;
    town.clock.advance(TimeDelta::minutes(14));
    set(&experts[0], "online").await;
    // Whoever looks now does so a second before and a second after the half hour of the second expert.
    town.clock
        .advance(TimeDelta::minutes(15) + TimeDelta::seconds(59));
    let door = town.stranger();
    assert_eq!(town.nodes[0].attendance.lapse(town.now()).await.unwrap(), 0);
    assert_eq!(presence(&door, &experts[1]).await, "busy");
    town.clock.advance(TimeDelta::seconds(2));
    // By the house's own clockwork, whichever node has it.
    eventually("who was not seen is offline", async || {
        presence(&door, &experts[1]).await == "offline"
    })
    .await;
    assert_eq!(presence(&door, &experts[0]).await, "online", "seen since");
    town.clock.advance(TimeDelta::minutes(14));
    eventually("who was seen is offline in time", async || {
        presence(&door, &experts[0]).await == "offline"
    })
    .await;
    // No connection of theirs: another expert's brings nobody back.
    town.nodes[0].attendance.sign().await.unwrap();
    assert_eq!(presence(&door, &experts[0]).await, "offline");
    town.close().await;
}

async fn a_connection_that_lives_keeps_its_expert_there_and_brings_them_back(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (expert, door) = (town.expert().await, town.stranger());
    set(&expert, "busy").await;
    let tab = connect(&town, &expert, 1).await;
    for _ in 0..4 {
        town.clock.advance(TimeDelta::minutes(20));
        for node in &town.nodes {
            node.attendance.sign().await.unwrap();
        }
        assert_eq!(town.nodes[0].attendance.lapse(town.now()).await.unwrap(), 0);
    }
    assert_eq!(presence(&door, &expert).await, "busy");
    drop(tab);
    eventually("whose tab is gone is offline", async || {
        town.clock.advance(TimeDelta::minutes(20));
        for node in &town.nodes {
            node.attendance.sign().await.unwrap();
        }
        town.nodes[1].attendance.lapse(town.now()).await.unwrap();
        presence(&door, &expert).await == "offline"
    })
    .await;
    // Back at the desk: what they had said holds again, without another word.
    let expert = town.again(expert).await;
    let _tab = connect(&town, &expert, 0).await;
    town.nodes[0].attendance.sign().await.unwrap();
    assert_eq!(presence(&door, &expert).await, "busy");
    // Whoever left by their own word stays away.
    set(&expert, "offline").await;
    town.nodes[0].attendance.sign().await.unwrap();
    assert_eq!(presence(&door, &expert).await, "offline");
    town.close().await;
}

async fn whoever_listens_to_the_branch_hears_who_is_there(fresh: &Fresh) {
    let town = Town::open_two(fresh).await;
    let (admin, client) = (town.admin().await, town.client().await);
    let branch = open_branch(&admin, json!({})).await;
    let expert = town.expert_with(json!({}), Some(&branch)).await;
    let node = usize::from(town.has_redis());
    let mut tab = connect(&town, &client, node).await;
    let topic = format!("branch:{branch}:presence");
    tab.say(json!({ "type": "subscribe", "topic": topic, "ref": 1 }))
        .await;
    assert_eq!(tab.next_of("ok").await["ref"], 1);
    // Listening begins as soon as the bus confirms it.
    let said = std::cell::Cell::new(0);
    let talk = async {
        loop {
            let next = ["online", "busy"][said.get() % 2];
            town.clock.advance(TimeDelta::seconds(1));
            set(&expert, next).await;
            said.set(said.get() + 1);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let event = tokio::select! {
        frame = tab.next_of("event") => frame,
        () = talk => unreachable!("it never ends"),
    };
    assert_eq!(event["topic"], topic);
    assert_eq!(event["event"]["type"], "presence.changed");
    assert_eq!(event["event"]["data"]["expert_id"], expert.id);
    assert!(["online", "busy"].contains(&event["event"]["data"]["presence"].as_str().unwrap()));
    town.close().await;
}
