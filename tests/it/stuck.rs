//! What hangs is given up, what is full refuses at once, and both are as before when it is over (C3.2).

use std::path::Path;
use std::time::Duration;

use belfry_domain::event::EventType;
use belfry_store::{Bounds, Store, StoreError};
use futures::future::join_all;
use tokio::time::timeout;

use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::spine::Spine;
use proxy::Proxy;

/// Lines that are full.
mod full;
/// A request that an outage cut off, and its key.
mod key;
/// Requests that take too long, and callers who do not wait.
mod late;
/// A network that can stop.
mod proxy;

on_both_engines!(
    a_database_that_hangs_ends_every_call,
    a_crowd_does_not_tear_down_the_connection_that_is_made_for_it,
    a_cut_off_caller_leaves_no_connection_behind,
    a_full_line_refuses_at_once_and_lets_the_workers_in,
    a_planner_whose_database_hung_plans_on,
    waiting_for_a_lock_too_long_is_no_fault_of_the_house,
);

/// Short enough for a test, long enough for a loaded machine.
const SHORT: Bounds = Bounds {
    waiting: 512,
    acquire: Duration::from_millis(500),
    statement: Duration::from_millis(500),
    transaction: Duration::from_millis(1000),
};
/// Only a failure takes so long.
const NEVER: Duration = Duration::from_secs(60);
const CONNECTIONS: usize = 3;

/// A second way to the database of `fresh` which can hang: a network on PostgreSQL; on SQLite, where there
/// is none, somebody else who writes and does not stop.
struct Hanging {
    store: Store,
    way: Way,
}

enum Way {
    Network(Proxy),
    File {
        other: Box<Store>,
        held: Option<belfry_store::Tx>,
    },
}

impl Hanging {
    async fn over(fresh: &Fresh, bounds: Bounds) -> Self {
        let [_, place] = fresh.place();
        if fresh.store.engine() == "sqlite" {
            let file = Path::new(&place).join("belfry.db");
            let open = async || Store::open_sqlite(&file).await.unwrap();
            return Self {
                store: open().await.within(bounds),
                way: Way::File {
                    other: Box::new(open().await),
                    held: None,
                },
            };
        }
        let url = url::Url::parse(&place).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let proxy = Proxy::to(server).await;
        let mut through = url.clone();
        through.set_port(Some(proxy.address.port())).unwrap();
        let store = Store::connect_postgres(through.as_str(), CONNECTIONS as u32);
        Self {
            store: store.await.unwrap().within(bounds),
            way: Way::Network(proxy),
        }
    }

    async fn hang(&mut self) {
        match &mut self.way {
            Way::Network(proxy) => proxy.hang(),
            Way::File { other, held } => *held = Some(other.begin().await.unwrap()),
        }
    }

    /// What hung goes on where it stood.
    fn go_on(&mut self) {
        match &mut self.way {
            Way::Network(proxy) => proxy.go_on(),
            Way::File { held, .. } => *held = None,
        }
    }

    /// What hung is lost for ever, but the database can be reached again.
    fn come_back(&mut self) {
        match &mut self.way {
            Way::Network(proxy) => proxy.replace(),
            Way::File { held, .. } => *held = None,
        }
    }

    /// Waits until no connection is lent and nobody waits.
    async fn comes_to_rest(&self) {
        eventually("nothing is lent", async || {
            let pools = self.store.pools();
            let at_rest = pools.iter().all(|p| p.lent + p.waiting == 0);
            at_rest.then_some(()).ok_or(pools)
        })
        .await;
    }

    /// Insists that all connections can be lent at once and work.
    async fn is_whole(&self) {
        let write = async |place: usize| {
            let mut tries = 0;
            loop {
                let lease = format!("whole {place}");
                let now = "2027-03-01T12:00:00Z".parse().unwrap();
                match self.store.take_lease(&lease, "me", now, now).await {
                    Ok(taken) => return assert!(taken),
                    Err(error) => assert!(tries < 50, "{error}"),
                }
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        join_all((0..2 * CONNECTIONS).map(write)).await;
    }
}

#[track_caller]
fn out_of_reach<T>(answer: Result<T, StoreError>) {
    match answer {
        Err(StoreError::Unavailable(_)) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("an answer from a database that hangs"),
    }
}

async fn a_database_that_hangs_ends_every_call(fresh: &Fresh) {
    let mut hanging = Hanging::over(fresh, SHORT).await;
    hanging.is_whole().await;
    let now = "2027-03-01T12:00:00Z".parse().unwrap();
    // Two rounds: what the first leaves behind must not keep the second waiting.
    for _ in 0..2 {
        hanging.hang().await;
        let store = &hanging.store;
        let calls = (0..4 * CONNECTIONS).map(async |_| {
            out_of_reach(store.take_lease("hung", "me", now, now).await);
            out_of_reach(store.begin().await);
        });
        timeout(NEVER, join_all(calls)).await.unwrap();
        hanging.come_back();
        hanging.is_whole().await;
        hanging.comes_to_rest().await;
    }
}

async fn a_crowd_does_not_tear_down_the_connection_that_is_made_for_it(fresh: &Fresh) {
    let bounds = Bounds {
        acquire: Duration::from_millis(200),
        ..SHORT
    };
    let mut hanging = Hanging::over(fresh, bounds).await;
    hanging.is_whole().await;
    if let Way::Network(proxy) = &hanging.way {
        // Longer than anybody waits.
        proxy.slow_down(3 * bounds.acquire);
    }
    hanging.hang().await;
    hanging.come_back();
    let now = "2027-03-01T12:00:00Z".parse().unwrap();
    let served = async {
        let mut served = false;
        while !served {
            let calls = (0..4 * CONNECTIONS).map(async |_| {
                hanging
                    .store
                    .take_lease("crowd", "me", now, now)
                    .await
                    .is_ok()
            });
            served = join_all(calls).await.contains(&true);
        }
    };
    timeout(NEVER, served)
        .await
        .expect("a connection is made in the end");
    hanging.comes_to_rest().await;
}

async fn a_cut_off_caller_leaves_no_connection_behind(fresh: &Fresh) {
    let mut hanging = Hanging::over(fresh, Bounds::default()).await;
    hanging.is_whole().await;
    hanging.comes_to_rest().await;
    hanging.hang().await;
    let now = "2027-03-01T12:00:00Z".parse().unwrap();
    let calls = (0..CONNECTIONS).map(|_| {
        let store = hanging.store.clone();
        tokio::spawn(async move { store.take_lease("cut", "me", now, now).await })
    });
    let calls: Vec<_> = calls.collect();
    while !hanging.store.pools().iter().any(|pool| pool.lent > 0) {
        tokio::task::yield_now().await;
    }
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    hanging.come_back();
    hanging.comes_to_rest().await;
    hanging.is_whole().await;
}

async fn a_full_line_refuses_at_once_and_lets_the_workers_in(fresh: &Fresh) {
    const WAITING: usize = 4;
    const CROWD: usize = 40;
    let bounds = Bounds {
        waiting: WAITING,
        // Nobody is refused for having waited too long.
        acquire: NEVER,
        transaction: NEVER,
        ..Bounds::default()
    };
    let store = fresh.store.clone().within(bounds);
    let most = store.pools()[0].most;
    let mut held = Vec::new();
    for _ in 0..most {
        held.push(store.begin().await.unwrap());
    }
    let (came_back, mut refused) = tokio::sync::mpsc::unbounded_channel();
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| {
            let (store, came_back) = (store.clone(), came_back.clone());
            tokio::spawn(async move {
                match store.begin().await {
                    Ok(tx) => tx.rollback().await.is_ok(),
                    refused => {
                        out_of_reach(refused);
                        came_back.send(()).unwrap();
                        false
                    }
                }
            })
        })
        .collect();
    // While everything is taken, all but those who fit into the line have their answer.
    for _ in 0..CROWD - WAITING {
        timeout(NEVER, refused.recv()).await.unwrap();
    }
    assert_eq!(store.pools()[0].waiting, WAITING);
    let worker = store.patient();
    let worker = tokio::spawn(async move { worker.begin().await.map(drop) });
    while store.pools()[0].waiting == WAITING {
        tokio::task::yield_now().await;
    }
    drop(held);
    timeout(NEVER, worker).await.unwrap().unwrap().unwrap();
    let served = join_all(crowd).await.into_iter().map(Result::unwrap);
    assert_eq!(served.filter(|served| *served).count(), WAITING);
    let pools = store.pools();
    assert!(pools.iter().all(|pool| pool.waiting == 0), "{pools:?}");
    assert!(store.begin().await.is_ok());
}

async fn a_planner_whose_database_hung_plans_on(fresh: &Fresh) {
    let mut hanging = Hanging::over(fresh, SHORT).await;
    let mut spine = Spine::new(fresh).await;
    let booking = spine.booking(600).await;
    spine.world.store = hanging.store.clone();
    let desk = spine.desk(Vec::new());
    hanging.hang().await;
    let run = timeout(NEVER, desk.run()).await;
    out_of_reach(run.expect("a run that does not end keeps all others waiting"));
    hanging.come_back();
    let mut planned = 0;
    for _ in 0..50 {
        // A connection that was lost meanwhile may spoil a run, not more.
        if let Ok(report) = desk.run().await {
            planned += report.events;
        }
        if planned > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(planned, 1);
    let told = fresh
        .store
        .inbox_page(booking.client.id, false, None, 10)
        .await
        .unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, EventType::BookingCreated.as_str());
}

async fn waiting_for_a_lock_too_long_is_no_fault_of_the_house(fresh: &Fresh) {
    let spine = Spine::new(fresh).await;
    let client = spine.house.client().await;
    let now = spine.house.now();
    let lock = async |tx: &mut belfry_store::Tx| {
        belfry_store::account::govern(tx, client.id, None, Some(false), None, None, now).await
    };
    let mut first = fresh.store.begin().await.unwrap();
    lock(&mut first).await.unwrap();
    let second = async {
        let mut tx = fresh.store.begin().await?;
        lock(&mut tx).await.map(drop)
    };
    out_of_reach(timeout(NEVER, second).await.unwrap());
    first.rollback().await.unwrap();
    let mut third = fresh.store.begin().await.unwrap();
    lock(&mut third).await.unwrap();
}
