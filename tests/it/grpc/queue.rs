//! Waiting queues over gRPC: the whole life of a visit, each step then seen over REST, and mixed with it (B3, B5, B10).

use belfry::grpc::v1;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tonic::{Code, Response, Status};

use super::client::queue_service_client::QueueServiceClient;
use super::{Caller, Channel, open, open_two, refused, written};
use crate::branch::open_branch;
use crate::engine::{Fresh, on_both_engines};
use crate::queue::{be, comes_to, does, expert, join, sound, three_in_line, visit};
use crate::town::{Answer, Person};

on_both_engines!(
    a_visit_lives_over_grpc_as_over_rest,
    without_an_account_the_secret_opens_the_visit_over_both_ways,
    an_appointment_is_checked_in,
    offers_are_answered_over_grpc,
    who_joined_over_rest_is_led_over_grpc_and_sent_on,
);

/// A state as REST names it.
fn state_name(state: v1::VisitState) -> String {
    let name = state.as_str_name().strip_prefix("VISIT_STATE_");
    name.unwrap().to_lowercase()
}

fn party(party: &Option<v1::Party>) -> Value {
    json!(
        party
            .as_ref()
            .map(|p| json!({ "id": p.id, "name": p.name }))
    )
}

fn estimate_json(estimate: &Option<v1::WaitEstimate>) -> Value {
    let shown = estimate.as_ref().map(|estimate| {
        json!({
            "p50_at": written(estimate.p50_at.as_ref()), "p90_at": written(estimate.p90_at.as_ref()),
            "p50_minutes": estimate.p50_minutes, "p90_minutes": estimate.p90_minutes,
        })
    });
    json!(shown)
}

/// A visit's message as REST would write it.
pub fn visit_json(visit: &v1::Visit) -> Value {
    let branch = visit.branch.as_ref().unwrap();
    json!({
        "id": visit.id,
        "number": visit.number,
        "branch": { "id": branch.id, "name": branch.name },
        "state": state_name(visit.state()),
        "name": visit.name,
        "client": party(&visit.client),
        "expert": party(&visit.expert),
        "wanted_expert": party(&visit.wanted_expert),
        "booking_id": visit.booking_id,
        "skill": visit.skill,
        "note": visit.note,
        "minutes": visit.minutes,
        "ahead": visit.ahead,
        "estimate": estimate_json(&visit.estimate),
        "misses": visit.misses,
        "joined_at": written(visit.joined_at.as_ref()),
        "not_before": written(visit.not_before.as_ref()),
        "times_out_at": written(visit.times_out_at.as_ref()),
        "offer_expires_at": written(visit.offer_expires_at.as_ref()),
        "called_at": written(visit.called_at.as_ref()),
        "started_at": written(visit.started_at.as_ref()),
        "ended_at": written(visit.ended_at.as_ref()),
        "transferred_from": visit.transferred_from,
        "transferred_to": visit.transferred_to,
        "secret": visit.secret,
        "version": visit.version,
    })
}

/// A queue's message as REST would write it.
pub fn queue_json(queue: &v1::Queue) -> Value {
    let entry = |entry: &v1::BoardEntry| json!({ "number": entry.number, "state": state_name(entry.state()), "expert": party(&entry.expert) });
    let visits = queue.visits.as_ref();
    json!({
        "branch_id": queue.branch_id, "open": queue.open, "reason": queue.reason, "waiting": queue.waiting,
        "called": queue.called, "serving": queue.serving, "estimate": estimate_json(&queue.estimate),
        "board": queue.board.iter().map(entry).collect::<Vec<_>>(),
        "visits": visits.map(|visits| visits.items.iter().map(visit_json).collect::<Vec<_>>()),
    })
}

/// Calls the queues' service.
macro_rules! ask {
    ($caller:expr, $method:ident, $message:expr) => {
        $caller.queues().$method($caller.say($message)).await
    };
}

/// The same about one visit.
macro_rules! step {
    ($caller:expr, $method:ident, $request:ident, $id:expr) => {{
        #[allow(
            clippy::needless_update,
            reason = "some requests are no more than an id"
        )]
        let message = v1::$request {
            id: $id.to_string(),
            ..Default::default()
        };
        $caller.queues().$method($caller.say(message)).await
    }};
}

pub(super) use step;

impl Caller {
    pub fn queues(&self) -> QueueServiceClient<Channel> {
        QueueServiceClient::with_origin(self.channel.clone(), self.origin.clone())
    }

    /// Joins the queue of a branch.
    pub async fn join(&self, branch: &str) -> Result<Response<v1::Visit>, Status> {
        let message = v1::JoinQueueRequest {
            branch_id: branch.to_owned(),
            ..Default::default()
        };
        ask!(self, join_queue, message)
    }
}

/// Insists that REST shows this person the same visit.
async fn same(person: &Person, answered: Result<Response<v1::Visit>, Status>) -> v1::Visit {
    let message = answered.unwrap().into_inner();
    assert_eq!(visit_json(&message), visit(person, &message.id).await);
    message
}

async fn a_visit_lives_over_grpc_as_over_rest(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let client = town.client().await;
    let (her, him) = (Caller::at(&town, 0, &desk), Caller::at(&town, 0, &client));
    let message = v1::JoinQueueRequest {
        branch_id: branch.clone(),
        expert_id: Some(desk.id.clone()),
        note: Some("Grüße, 您好".to_owned()),
        ..Default::default()
    };
    let made = same(&client, ask!(him, join_queue, message)).await;
    assert_eq!((made.state(), made.ahead), (v1::VisitState::Waiting, 0));
    assert_eq!(made.wanted_expert.as_ref().unwrap().id, desk.id);

    let path = format!("/branches/{branch}/queue");
    for person in [&town.stranger(), &client, &desk] {
        let caller = Caller::at(&town, 0, person);
        let branch_id = branch.clone();
        let seen = ask!(caller, get_queue, v1::GetQueueRequest { branch_id }).unwrap();
        let rest: Answer = person.get(&path).await.expect(200);
        assert_eq!(queue_json(seen.get_ref()), rest.body);
        assert_eq!(seen.get_ref().visits.is_some(), person.id == desk.id);
    }
    let stale = v1::AcceptVisitRequest {
        id: made.id.clone(),
        expert_id: None,
        version: Some(made.version + 1),
    };
    refused(ask!(her, accept_visit, stale), Code::Aborted, "stale");
    town.clock.advance(TimeDelta::minutes(1));
    let called = same(&desk, step!(her, accept_visit, AcceptVisitRequest, made.id)).await;
    assert_eq!(called.expert.as_ref().unwrap().id, desk.id);
    same(&desk, step!(her, start_visit, StartVisitRequest, made.id)).await;
    let early = step!(her, start_visit, StartVisitRequest, made.id);
    refused(early, Code::FailedPrecondition, "wrong-state");
    town.clock.advance(TimeDelta::minutes(1));
    let done = step!(her, finish_visit, FinishVisitRequest, made.id);
    let done = same(&desk, done).await;
    assert_eq!(done.state(), v1::VisitState::Done);
    let seen = same(&client, step!(him, get_visit, GetVisitRequest, made.id)).await;
    assert_eq!(seen, done);

    let lived = step!(him, get_visit_history, GetVisitHistoryRequest, made.id);
    let items = lived.unwrap().into_inner().items;
    let items: Vec<Value> = items
        .iter()
        .map(|item| {
            let actor = item.actor.as_ref().unwrap();
            json!({
                "at": written(item.at.as_ref()), "until": written(item.until.as_ref()),
                "state": state_name(item.state()), "expert": party(&item.expert),
                "actor": { "id": actor.id, "name": actor.name, "role": actor.role },
            })
        })
        .collect();
    assert_eq!(items.len(), 4);
    let rest = client.get(&format!("/visits/{}/history", made.id)).await;
    assert_eq!(json!(items), rest.expect(200).body["items"]);
    sound(&town).await;
    town.close().await;
}

async fn without_an_account_the_secret_opens_the_visit_over_both_ways(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let nobody = Caller::at(&town, 0, &town.stranger());
    refused(
        nobody.join(&branch).await,
        Code::InvalidArgument,
        "validation",
    );
    let ann = v1::JoinQueueRequest {
        branch_id: branch.clone(),
        name: Some("Ann".to_owned()),
        ..Default::default()
    };
    let keyed = nobody.with("idempotency-key", "guest");
    let made = ask!(keyed, join_queue, ann.clone()).unwrap().into_inner();
    let secret = made.secret.clone().unwrap();
    let again = ask!(keyed, join_queue, ann).unwrap();
    assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
    assert_eq!(again.get_ref().secret, None, "it is shown once");
    assert_eq!(again.get_ref().id, made.id);

    let mut person = town.stranger();
    person.token = Some(secret.clone());
    let ann = Caller::at(&town, 0, &person);
    same(&person, step!(ann, get_visit, GetVisitRequest, made.id)).await;
    person.token = Some(format!("{secret}x"));
    let other = Caller::at(&town, 0, &person);
    for caller in [&other, &nobody] {
        let unknown = step!(caller, get_visit, GetVisitRequest, made.id);
        refused(unknown, Code::Unauthenticated, "unauthenticated");
    }
    let client = town.client().await;
    let others = join(&client, &branch).await.expect(201).text("id");
    let unknown = step!(ann, get_visit, GetVisitRequest, others);
    refused(unknown, Code::Unauthenticated, "unauthenticated");
    let staff = step!(ann, start_visit, StartVisitRequest, made.id);
    refused(staff, Code::PermissionDenied, "forbidden");
    let left = step!(ann, leave_visit, LeaveVisitRequest, made.id).unwrap();
    assert_eq!(left.get_ref().state(), v1::VisitState::Left);
    assert_eq!(visit(&admin, &made.id).await["state"], "left");
    // One who joined over REST is let in, too.
    let path = format!("/branches/{branch}/queue");
    let body = json!({ "name": "Bob" });
    let bob = town.stranger().post(&path, body).await.expect(201);
    person.token = Some(bob.text("secret"));
    let caller = Caller::at(&town, 0, &person);
    let seen = step!(caller, get_visit, GetVisitRequest, bob.text("id"));
    same(&person, seen).await;
    sound(&town).await;
    town.close().await;
}

async fn an_appointment_is_checked_in(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let (client, other) = (town.client().await, town.client().await);
    let booking = client.book(&desk, "2027-03-01T12:30:00Z").await.expect(201);
    let coded = other.book(&desk, "2027-03-01T13:30:00Z").await.expect(201);
    let check_in = |booking: &Answer| v1::CheckInBookingRequest {
        booking_id: booking.text("id"),
    };
    let stranger = Caller::at(&town, 0, &other);
    let unknown = ask!(stranger, check_in_booking, check_in(&booking));
    refused(unknown, Code::NotFound, "not-found");
    let him = Caller::at(&town, 0, &client).with("idempotency-key", "here");
    let there = ask!(him, check_in_booking, check_in(&booking));
    let there = same(&client, there).await;
    assert_eq!(there.booking_id, Some(booking.text("id")));
    assert!(there.not_before.is_some());
    // The key is the same over REST, with an empty body or none.
    let path = format!("/bookings/{}/check-in", booking.text("id"));
    for body in [Some(json!({})), None] {
        let key = [("idempotency-key", "here")];
        let again = client.send(reqwest::Method::POST, &path, body, &key).await;
        assert_eq!(again.expect(201).text("id"), there.id);
    }
    let him = Caller::at(&town, 0, &client);
    let twice = ask!(him, check_in_booking, check_in(&booking));
    refused(twice, Code::FailedPrecondition, "already-in-queue");
    // Staff know the code.
    let by_code = v1::JoinQueueRequest {
        branch_id: branch.clone(),
        code: Some(coded.text("code")),
        ..Default::default()
    };
    let her = Caller::at(&town, 0, &desk);
    let came = same(&desk, ask!(her, join_queue, by_code)).await;
    assert_eq!(came.client.unwrap().id, other.id);
    sound(&town).await;
    town.close().await;
}

async fn offers_are_answered_over_grpc(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let desk = expert(&town, &branch, false).await;
    let (people, ids) = three_in_line(&town, &branch).await;
    let callers = [0, 1].map(|place: usize| Caller::at(&town, 0, &people[place]));
    be(&desk, "online").await;
    comes_to(&people[0], &ids[0], "offered").await;
    let none = step!(callers[1], accept_offer, AcceptOfferRequest, ids[1]);
    refused(none, Code::FailedPrecondition, "offer-gone");
    let her = Caller::at(&town, 0, &desk);
    let staff = step!(her, decline_offer, DeclineOfferRequest, ids[0]);
    refused(staff, Code::PermissionDenied, "forbidden");
    let back = step!(callers[0], decline_offer, DeclineOfferRequest, ids[0]);
    let back = back.unwrap().into_inner();
    assert_eq!((back.state(), back.misses), (v1::VisitState::Waiting, 1));
    comes_to(&people[1], &ids[1], "offered").await;
    let called = step!(callers[1], accept_offer, AcceptOfferRequest, ids[1]);
    let called = same(&people[1], called).await;
    assert_eq!(called.state(), v1::VisitState::Called);
    sound(&town).await;
    town.close().await;
}

async fn who_joined_over_rest_is_led_over_grpc_and_sent_on(fresh: &Fresh) {
    let town = open_two(fresh).await;
    let admin = town.admin().await;
    let (here, there) = (
        open_branch(&admin, json!({})).await,
        open_branch(&admin, json!({})).await,
    );
    let desk = expert(&town, &here, false).await;
    let (client, other) = (town.client().await, town.client().await);
    let id = join(&client, &here).await.expect(201).text("id");
    town.clock.advance(TimeDelta::seconds(1));
    let next = Caller::at(&town, 1, &other).join(&here).await.unwrap();
    let next = next.into_inner();
    assert_eq!((next.number, next.ahead), (2, 1));
    let her = Caller::at(&town, 1, &desk);
    let back = same(&client, step!(her, skip_visit, SkipVisitRequest, id)).await;
    assert_eq!(back.ahead, 1);
    // Called over REST, called once more over gRPC, gone over REST, brought back over gRPC.
    does(&desk, &id, "accept").await.expect(200);
    let taken = step!(her, accept_visit, AcceptVisitRequest, next.id);
    refused(taken, Code::FailedPrecondition, "expert-occupied");
    let again = same(&client, step!(her, recall_visit, RecallVisitRequest, id)).await;
    assert_eq!(again.state(), v1::VisitState::Called);
    let gone = same(&client, step!(her, no_show_visit, NoShowVisitRequest, id)).await;
    assert_eq!(gone.state(), v1::VisitState::NoShow);
    let back = same(&client, step!(her, recall_visit, RecallVisitRequest, id)).await;
    assert_eq!((back.state(), back.ahead), (v1::VisitState::Waiting, 0));
    // A manager takes somebody for an expert.
    let manager = town.manager(Some(&here)).await;
    let boss = Caller::at(&town, 0, &manager);
    let silent = step!(boss, accept_visit, AcceptVisitRequest, next.id);
    refused(silent, Code::InvalidArgument, "validation");
    let named = v1::AcceptVisitRequest {
        id: next.id.clone(),
        expert_id: Some(desk.id.clone()),
        version: None,
    };
    let named = same(&manager, ask!(boss, accept_visit, named)).await;
    assert_eq!(named.expert.unwrap().id, desk.id);

    let transfer = v1::TransferVisitRequest {
        id: id.clone(),
        branch_id: there.clone(),
        version: None,
    };
    let sent = ask!(her, transfer_visit, transfer);
    let sent = same(&client, sent).await;
    assert_eq!(sent.transferred_from.as_deref(), Some(&*id));
    assert_eq!(sent.joined_at, back.joined_at);
    let left = visit(&client, &id).await;
    assert_eq!(left["state"], "transferred");
    // Of the other branch nobody here is staff.
    let far = step!(her, start_visit, StartVisitRequest, sent.id);
    refused(far, Code::NotFound, "not-found");
    sound(&town).await;
    town.close().await;
}
