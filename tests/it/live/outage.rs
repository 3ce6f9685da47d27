//! The bus goes and comes back.

use std::process::{Child, Command, Stdio};

use belfry_domain::account::Role;
use belfry_domain::topic::Topic;
use serde_json::json;

use super::house::House;
use super::tab::Tab;
use crate::engine::Fresh;

/// A Redis server of this test's own, which it may treat badly.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    fn start(port: u16) -> Self {
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, port }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[actix_rt::test]
async fn a_lost_bus_comes_back_and_nothing_stays_missing() {
    if std::env::var("BELFRY_TEST_REDIS_URL").is_err() {
        eprintln!("BELFRY_TEST_REDIS_URL is not set: not tried with Redis");
        return;
    }
    let fresh = Fresh::sqlite().await;
    let house = House::new(&fresh);
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let redis = Redis::start(port);
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let (here, there, user) = (
        house.node_on(&url, 25),
        house.node_on(&url, 25),
        house.user().await,
    );
    let (mut near, _) = Tab::open(&here, user, None).await;
    let (mut far, _) = Tab::open(&there, user, None).await;
    let expert = house.person(Role::Expert).await;
    let topic = Topic::ExpertSlots(expert).to_string();
    far.say(json!({"type": "subscribe", "topic": topic, "ref": 1}))
        .await;
    far.next_of("ok").await;
    let first = house.commit(user).await;
    here.supervisor.announce(user, &[first]);
    assert_eq!(near.next().await["offset"], 1);
    assert_eq!(far.next_of("notification").await["offset"], 1);
    // Redis goes. The own node still tells at once, the other cannot hear.
    drop(redis);
    let second = house.commit(user).await;
    here.supervisor.announce(user, &[second]);
    assert_eq!(near.next().await["offset"], 2);
    // Sockets open and close as ever, if a little later.
    let (mut new, _) = Tab::open(&there, user, Some(0)).await;
    for offset in 1..=2 {
        assert_eq!(new.next().await["offset"], offset);
    }
    let _redis = Redis::start(port);
    assert_eq!(far.next_of("notification").await["offset"], 2);
    let resync = far.next_of("event").await;
    assert_eq!(resync["topic"], topic);
    assert_eq!(resync["event"]["type"], "topic.resync");
    let third = house.commit(user).await;
    here.supervisor.announce(user, &[third]);
    for tab in [&mut near, &mut far, &mut new] {
        assert_eq!(tab.next_of("notification").await["offset"], 3);
    }
}
