//! The same wrong thing done about a queue over both ways.

use belfry::grpc::v1;
use reqwest::Method;
use serde_json::{Value, json};

use super::agree;
use crate::branch::open_branch;
use crate::contract::UNKNOWN;
use crate::engine::{Fresh, on_both_engines};
use crate::grpc::queue::step;
use crate::grpc::{Caller, open};
use crate::queue::{does, expert, join};
use crate::town::{Person, Town};

on_both_engines!(
    a_wrong_wish_to_join_is_the_same_problem_over_both_ways,
    a_wrong_step_of_a_visit_is_the_same_problem_over_both_ways,
);

type Wrong = (&'static str, fn(&mut v1::JoinQueueRequest), Value);

/// How wishes may be wrong, in either form.
fn wrong() -> [Wrong; 7] {
    let long = || "n".repeat(2001);
    [
        ("nothing", |_| {}, json!({})),
        (
            "a name",
            |m| m.name = Some("Ann".to_owned()),
            json!({ "name": "Ann" }),
        ),
        (
            "a code of nobody's",
            |m| m.code = Some("000000".to_owned()),
            json!({ "code": "000000" }),
        ),
        (
            "an id that is none",
            |m| m.expert_id = Some("x".to_owned()),
            json!({ "expert_id": "x" }),
        ),
        (
            "an expert of no branch",
            |m| m.expert_id = Some(UNKNOWN.to_owned()),
            json!({ "expert_id": UNKNOWN }),
        ),
        (
            "a long note",
            |m| m.note = Some("n".repeat(2001)),
            json!({ "note": long() }),
        ),
        (
            "a bell in a skill, and an empty name",
            |m| (m.skill, m.name) = (Some("\u{7}".to_owned()), Some(String::new())),
            json!({ "skill": "\u{7}", "name": "" }),
        ),
    ]
}

async fn a_wrong_wish_to_join_is_the_same_problem_over_both_ways(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let client = town.client().await;
    join(&client, &branch).await.expect(201);
    let path = format!("/branches/{branch}/queue");
    let mut agreed = 0;
    for (what, spoil, body) in wrong() {
        for (who, person) in [("a client", &client), ("nobody", &town.stranger())] {
            if who == "nobody" && what == "a name" {
                continue;
            }
            let mut message = v1::JoinQueueRequest {
                branch_id: branch.clone(),
                ..Default::default()
            };
            spoil(&mut message);
            let caller = Caller::at(&town, 0, person).with("accept-language", "vi");
            let headers = [("accept-language", "vi")];
            let rest = person.send(Method::POST, &path, Some(body.clone()), &headers);
            let rest = rest.await;
            let grpc = caller.queues().join_queue(caller.say(message)).await;
            agree(&format!("{what} by {who}"), &rest, grpc);
            agreed += 1;
        }
    }
    // A line that nobody may join, or that is not there.
    let other = town.client().await;
    for settings in [json!({ "most_waiting": 1 }), json!({ "most_waiting": 0 })] {
        let body = json!({ "settings": settings });
        admin
            .patch(&format!("/branches/{branch}"), body)
            .await
            .expect(200);
        let rest = join(&other, &branch).await;
        agree(
            "closed",
            &rest,
            Caller::at(&town, 0, &other).join(&branch).await,
        );
    }
    for unknown in [UNKNOWN, "no"] {
        let rest = join(&other, unknown).await;
        agree(
            "no branch",
            &rest,
            Caller::at(&town, 0, &other).join(unknown).await,
        );
    }
    println!("{agreed} wrong wishes agree");
    town.close().await;
}

/// The same step over REST and gRPC, which both must refuse.
macro_rules! both {
    ($town:expr, $person:expr, $id:expr, $path:literal, $method:ident, $request:ident) => {
        let rest = does($person, $id, $path).await;
        let caller = Caller::at($town, 0, $person);
        agree($path, &rest, step!(caller, $method, $request, $id));
    };
}

/// Every step that this person may not take of this visit now.
async fn each(town: &Town, person: &Person, id: &str) {
    both!(town, person, id, "start", start_visit, StartVisitRequest);
    both!(town, person, id, "finish", finish_visit, FinishVisitRequest);
    both!(town, person, id, "recall", recall_visit, RecallVisitRequest);
    both!(
        town,
        person,
        id,
        "no-show",
        no_show_visit,
        NoShowVisitRequest
    );
    both!(
        town,
        person,
        id,
        "accept-offer",
        accept_offer,
        AcceptOfferRequest
    );
    both!(
        town,
        person,
        id,
        "decline-offer",
        decline_offer,
        DeclineOfferRequest
    );
    both!(
        town,
        person,
        id,
        "transfer",
        transfer_visit,
        TransferVisitRequest
    );
}

async fn a_wrong_step_of_a_visit_is_the_same_problem_over_both_ways(fresh: &Fresh) {
    let town = open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    let elsewhere = open_branch(&admin, json!({})).await;
    let (one, other) = (
        expert(&town, &branch, false).await,
        expert(&town, &branch, false).await,
    );
    let (client, far) = (town.client().await, town.manager(Some(&elsewhere)).await);
    let id = join(&client, &branch).await.expect(201).text("id");
    for person in [&client, &one, &far, &town.stranger()] {
        each(&town, person, &id).await;
    }
    both!(&town, &far, &id, "accept", accept_visit, AcceptVisitRequest);
    both!(
        &town,
        &admin,
        &id,
        "accept",
        accept_visit,
        AcceptVisitRequest
    );
    both!(&town, &client, &id, "skip", skip_visit, SkipVisitRequest);
    both!(&town, &far, &id, "leave", leave_visit, LeaveVisitRequest);
    for unknown in [UNKNOWN, "no"] {
        let rest = client.get(&format!("/visits/{unknown}")).await;
        let caller = Caller::at(&town, 0, &client);
        let seen = step!(caller, get_visit, GetVisitRequest, unknown);
        agree("an unknown one", &rest, seen);
        both!(
            &town,
            &one,
            unknown,
            "accept",
            accept_visit,
            AcceptVisitRequest
        );
    }
    // Sent to where they are, by the version of before, and for somebody else.
    let her = Caller::at(&town, 0, &one);
    let path = format!("/visits/{id}/transfer");
    let rest = one.post(&path, json!({ "branch_id": branch })).await;
    let message = v1::TransferVisitRequest {
        id: id.clone(),
        branch_id: branch.clone(),
        version: None,
    };
    let grpc = her.queues().transfer_visit(her.say(message)).await;
    agree("to the same branch", &rest, grpc);
    let path = format!("/visits/{id}/accept");
    let stale = [("if-match", "\"7\"")];
    let rest = one.send(Method::POST, &path, None, &stale).await;
    let mut message = v1::AcceptVisitRequest {
        id: id.clone(),
        expert_id: None,
        version: Some(7),
    };
    let grpc = her.queues().accept_visit(her.say(message.clone())).await;
    agree("an old version", &rest, grpc);
    for expert in [other.id.as_str(), "x"] {
        let rest = one.post(&path, json!({ "expert_id": expert })).await;
        (message.version, message.expert_id) = (None, Some(expert.to_owned()));
        let grpc = her.queues().accept_visit(her.say(message.clone())).await;
        agree("for another expert", &rest, grpc);
    }
    does(&other, &id, "accept").await.expect(200);
    both!(&town, &one, &id, "accept", accept_visit, AcceptVisitRequest);
    does(&client, &id, "leave").await.expect(200);
    each(&town, &one, &id).await;
    both!(&town, &client, &id, "leave", leave_visit, LeaveVisitRequest);
    both!(&town, &one, &id, "skip", skip_visit, SkipVisitRequest);
    town.close().await;
}
