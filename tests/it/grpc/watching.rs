//! Watches: what is so now, then every real change, whichever way it was made, until there is nothing more to say or
//! nobody may hear it any more (B3, B4, B10).

use std::fmt::Debug;

use belfry::grpc::v1;
use chrono::TimeDelta;
use serde_json::json;
use tonic::{Code, Status, Streaming};

use super::queue::{queue_json, step, visit_json};
use super::{Caller, LIMIT, open, open_two, refused};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::queue::{be, does, expert, join, three_in_line, visit};
use crate::town::{Person, Town};

on_both_engines!(
    who_watches_a_visit_hears_of_every_change_until_its_end,
    a_visit_is_watched_by_its_secret,
    who_waits_hears_how_the_wait_changes,
    who_watches_a_line_sees_what_they_may,
    who_watches_a_branch_hears_who_is_there,
    a_watch_ends_with_the_right_to_it,
    a_watch_ends_with_the_house,
    there_is_room_for_so_many_watches,
);

/// The next message that fits; those before it are other changes.
async fn until<T: Debug>(stream: &mut Streaming<T>, what: &str, fits: impl Fn(&T) -> bool) -> T {
    let mut heard = Vec::new();
    let search = async {
        loop {
            let message = stream.message().await;
            let message = message.unwrap_or_else(|status| panic!("{what}: {status:?}"));
            let message = message.unwrap_or_else(|| panic!("{what}: the end"));
            if fits(&message) {
                return message;
            }
            heard.push(message);
        }
    };
    let found = tokio::time::timeout(LIMIT, search).await;
    found.unwrap_or_else(|_| panic!("{what}, after {heard:#?}"))
}

/// How a stream ends, whatever it said before.
async fn end<T: Debug>(stream: &mut Streaming<T>) -> Result<(), Status> {
    let ending = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(status) => return Err(status),
            }
        }
    };
    tokio::time::timeout(LIMIT, ending).await.expect("an end")
}

async fn watch_visit(caller: &Caller, id: &str) -> Result<Streaming<v1::Visit>, Status> {
    let stream = step!(caller, watch_visit, WatchVisitRequest, id)?;
    Ok(stream.into_inner())
}

async fn watch_queue(caller: &Caller, branch: &str) -> Result<Streaming<v1::Queue>, Status> {
    let message = v1::WatchQueueRequest {
        branch_id: branch.to_owned(),
    };
    let stream = caller.queues().watch_queue(caller.say(message)).await?;
    Ok(stream.into_inner())
}

async fn watch_presence(
    caller: &Caller,
    branch: &str,
) -> Result<Streaming<v1::BranchPresence>, Status> {
    let message = v1::WatchPresenceRequest {
        branch_id: branch.to_owned(),
    };
    let stream = caller
        .presence()
        .watch_presence(caller.say(message))
        .await?;
    Ok(stream.into_inner())
}

/// A node that hears of what the first one does.
fn elsewhere(town: &Town) -> usize {
    usize::from(town.has_redis())
}

async fn who_watches_a_visit_hears_of_every_change_until_its_end(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let (people, ids) = three_in_line(&town, &branch).await;
    let (person, id) = (&people[1], &ids[1]);
    let node = elsewhere(&town);
    let mut watched = watch_visit(&Caller::at(&town, node, person), id)
        .await
        .unwrap();
    let mut staff = watch_visit(&Caller::at(&town, node, &desk), id)
        .await
        .unwrap();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(visit_json(&first), visit(person, id).await);
    assert_eq!((first.state(), first.ahead), (v1::VisitState::Waiting, 1));
    assert_eq!(staff.message().await.unwrap().unwrap(), first);
    // Somebody before them goes, over REST and on another node; behind them nothing moves them.
    does(&people[2], &ids[2], "leave").await.expect(200);
    does(&people[0], &ids[0], "leave").await.expect(200);
    let next = until(&mut watched, "they are next", |visit| visit.ahead == 0).await;
    assert_eq!(next.state(), v1::VisitState::Waiting);
    for (act, state) in [
        ("accept", v1::VisitState::Called),
        ("no-show", v1::VisitState::NoShow),
        ("recall", v1::VisitState::Waiting),
        ("accept", v1::VisitState::Called),
        ("start", v1::VisitState::Serving),
    ] {
        does(&desk, id, act).await.expect(200);
        let heard = until(&mut watched, act, |visit| visit.state() == state).await;
        assert_eq!(visit_json(&heard), visit(person, id).await);
    }
    does(&desk, id, "finish").await.expect(200);
    let last = until(&mut watched, "the end", |visit| {
        visit.state() == v1::VisitState::Done
    })
    .await;
    assert_eq!(visit_json(&last), visit(person, id).await);
    end(&mut watched).await.unwrap();
    end(&mut staff).await.unwrap();
    // One that is over is said once.
    let mut over = watch_visit(&Caller::at(&town, 0, person), id)
        .await
        .unwrap();
    assert_eq!(over.message().await.unwrap().unwrap(), last);
    assert_eq!(over.message().await.unwrap(), None);
    town.close().await;
}

async fn a_visit_is_watched_by_its_secret(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let path = format!("/branches/{branch}/queue");
    let body = json!({ "name": "Ann" });
    let made = town.stranger().post(&path, body).await.expect(201);
    let id = made.text("id");
    let mut person = town.stranger();
    let nobody = watch_visit(&Caller::at(&town, 0, &person), &id).await;
    refused(nobody, Code::Unauthenticated, "unauthenticated");
    person.token = Some(made.text("secret"));
    let mut watched = watch_visit(&Caller::at(&town, 0, &person), &id)
        .await
        .unwrap();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!((first.name.as_str(), first.secret), ("Ann", None));
    does(&person, &id, "leave").await.expect(200);
    let left = watched.message().await.unwrap().unwrap();
    assert_eq!(left.state(), v1::VisitState::Left);
    assert_eq!(watched.message().await.unwrap(), None);
    let client = town.client().await;
    let stranger = watch_visit(&Caller::at(&town, 0, &client), &id).await;
    refused(stranger, Code::NotFound, "not-found");
    town.close().await;
}

async fn who_waits_hears_how_the_wait_changes(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.grpc.listen = "127.0.0.1:0".to_owned();
        settings.auth.access_minutes = 1440;
    })
    .await;
    let admin = town.admin().await;
    let patient = json!({ "queue_timeout_minutes": 600, "default_minutes": 30 });
    let branch = open_branch(&admin, patient).await;
    let desk = expert(&town, &branch, true).await;
    let (first, next) = (town.client().await, town.client().await);
    let served = join(&first, &branch).await.expect(201).text("id");
    does(&desk, &served, "accept").await.expect(200);
    does(&desk, &served, "start").await.expect(200);
    town.clock.advance(TimeDelta::seconds(15));
    let id = join(&next, &branch).await.expect(201).text("id");
    town.clock.advance(TimeDelta::seconds(15));
    let mut watched = watch_visit(&Caller::at(&town, 0, &next), &id)
        .await
        .unwrap();
    let told = watched.message().await.unwrap().unwrap();
    let wait = |visit: &v1::Visit| visit.estimate.as_ref().map(|e| e.p90_at.unwrap().seconds);
    let before = wait(&told).unwrap();
    // As long as it goes as foretold there is nothing to say; who is served takes longer and longer, and then it is.
    let later = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            town.clock.advance(TimeDelta::minutes(1));
        }
    };
    let heard = tokio::select! {
        heard = watched.message() => heard,
        () = later => unreachable!("it never ends"),
    };
    match heard {
        Ok(Some(heard)) => {
            assert_eq!((heard.version, heard.ahead), (told.version, told.ahead));
            assert_ne!(wait(&heard), Some(before), "{heard:?}");
        }
        other => panic!("{other:?}"),
    }
    town.close().await;
}

async fn who_watches_a_line_sees_what_they_may(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let elsewhere_branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let (client, far) = (
        town.client().await,
        town.manager(Some(&elsewhere_branch)).await,
    );
    let node = elsewhere(&town);
    let nobody = watch_queue(&Caller::at(&town, node, &town.stranger()), &branch).await;
    refused(nobody, Code::Unauthenticated, "unauthenticated");
    let unknown = Caller::at(&town, node, &client);
    let unknown = watch_queue(&unknown, crate::contract::UNKNOWN).await;
    refused(unknown, Code::NotFound, "not-found");
    let mut streams = Vec::new();
    for person in [&desk, &client, &far] {
        let caller = Caller::at(&town, node, person);
        let mut stream = watch_queue(&caller, &branch).await.unwrap();
        let first = stream.message().await.unwrap().unwrap();
        assert!(first.open && first.board.is_empty());
        streams.push((person, stream));
    }
    let joined = join(&client, &branch).await.expect(201);
    let path = format!("/branches/{branch}/queue");
    let mut check = async |what: &str, fits: &dyn Fn(&v1::Queue) -> bool| {
        for (person, stream) in &mut streams {
            let heard = until(stream, what, fits).await;
            assert_eq!(heard.visits.is_some(), person.id == desk.id);
            let rest = person.get(&path).await.expect(200).body;
            assert_eq!(queue_json(&heard)["board"], rest["board"]);
            assert_eq!(queue_json(&heard)["visits"], rest["visits"]);
            assert_eq!(json!(heard.reason), rest["reason"]);
        }
    };
    check("somebody waits", &|queue| queue.waiting == 1).await;
    does(&desk, &joined.text("id"), "accept").await.expect(200);
    check("somebody is called", &|queue| queue.called == 1).await;
    let off = json!({ "settings": { "most_waiting": 0 } });
    let path = format!("/branches/{branch}");
    admin.patch(&path, off).await.expect(200);
    check("it is off", &|queue| queue.reason.as_deref() == Some("off")).await;
    town.close().await;
}

async fn who_watches_a_branch_hears_who_is_there(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let (one, other) = (
        expert(&town, &branch, true).await,
        expert(&town, &branch, false).await,
    );
    let client = town.client().await;
    let nobody = Caller::at(&town, 0, &town.stranger());
    let nobody = watch_presence(&nobody, &branch).await;
    refused(nobody, Code::Unauthenticated, "unauthenticated");
    let caller = Caller::at(&town, elsewhere(&town), &client);
    let unknown = watch_presence(&caller, crate::contract::UNKNOWN).await;
    refused(unknown, Code::NotFound, "not-found");
    let mut watched = watch_presence(&caller, &branch).await.unwrap();
    let of = |heard: &v1::BranchPresence, expert: &Person| {
        let mut experts = heard.experts.iter();
        experts
            .find(|there| there.expert_id == expert.id)
            .map(v1::ExpertPresence::presence)
    };
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(
        (first.branch_id.as_str(), first.experts.len()),
        (&*branch, 2)
    );
    assert_eq!(of(&first, &one), Some(v1::Presence::Online));
    assert_eq!(of(&first, &other), Some(v1::Presence::Offline));
    town.clock.advance(TimeDelta::seconds(1));
    be(&other, "busy").await;
    let heard = watched.message().await.unwrap().unwrap();
    assert_eq!(of(&heard, &other), Some(v1::Presence::Busy));
    // Said again, it is no change; what is heard next is the next one.
    town.clock.advance(TimeDelta::seconds(1));
    be(&other, "busy").await;
    be(&one, "offline").await;
    let heard = watched.message().await.unwrap().unwrap();
    assert_eq!(of(&heard, &one), Some(v1::Presence::Offline));
    assert_eq!(of(&heard, &other), Some(v1::Presence::Busy));
    // Who comes to the branch is there, too.
    let third = expert(&town, &branch, true).await;
    until(&mut watched, "somebody new", |heard| {
        of(heard, &third) == Some(v1::Presence::Online)
    })
    .await;
    town.close().await;
}

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
        assert!(super::details(&status).retry_info().is_some());
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
