//! Who may call what: every call is for those that the table of REST names for the route that does the same, and a key
//! needs the same scope.

use std::collections::BTreeSet;

use belfry::grpc::v1;
use belfry::http::scope::scope_of;
use belfry_domain::api_key::Scope;
use reqwest::Method;
use serde_json::json;
use tonic::{Code, Status};

use super::{Caller, details, open};
use crate::contract::rights::{CALLERS, people, rows};
use crate::engine::{Fresh, on_both_engines};
use crate::queue::join;
use crate::town::{Person, Town};

on_both_engines!(
    every_call_is_for_those_whom_rest_names,
    a_key_needs_the_scope_that_rest_asks_for,
);

/// Every call of the protos, and the route of REST that does the same.
const CALLS: [(&str, &str, &str); 36] = [
    ("GetBooking", "GET", "/api/v1/bookings/{id}"),
    ("ListBookings", "GET", "/api/v1/bookings"),
    ("CreateBooking", "POST", "/api/v1/bookings"),
    ("CreateHold", "POST", "/api/v1/holds"),
    ("ReleaseHold", "DELETE", "/api/v1/holds/{id}"),
    ("ConfirmBooking", "POST", "/api/v1/bookings/{id}/confirm"),
    ("RejectBooking", "POST", "/api/v1/bookings/{id}/reject"),
    ("CompleteBooking", "POST", "/api/v1/bookings/{id}/complete"),
    ("MissBooking", "POST", "/api/v1/bookings/{id}/miss"),
    (
        "RescheduleBooking",
        "POST",
        "/api/v1/bookings/{id}/reschedule",
    ),
    ("CancelBooking", "POST", "/api/v1/bookings/{id}/cancel"),
    ("ListExpertSlots", "GET", "/api/v1/experts/{id}/slots"),
    ("ListBranchSlots", "GET", "/api/v1/branches/{id}/slots"),
    ("CountBranchSlots", "GET", "/api/v1/branches/{id}/days"),
    ("GetBranch", "GET", "/api/v1/branches/{id}"),
    ("ListBranches", "GET", "/api/v1/branches"),
    ("GetPresence", "GET", "/api/v1/experts/{id}"),
    ("SetPresence", "PUT", "/api/v1/experts/{id}/presence"),
    ("WatchPresence", "POST", "/api/v1/live/ticket"),
    ("GetQueue", "GET", "/api/v1/branches/{id}/queue"),
    ("WatchQueue", "POST", "/api/v1/live/ticket"),
    ("JoinQueue", "POST", "/api/v1/branches/{id}/queue"),
    ("CheckInBooking", "POST", "/api/v1/bookings/{id}/check-in"),
    ("GetVisit", "GET", "/api/v1/visits/{id}"),
    ("WatchVisit", "GET", "/api/v1/visits/{id}"),
    ("GetVisitHistory", "GET", "/api/v1/visits/{id}/history"),
    ("AcceptOffer", "POST", "/api/v1/visits/{id}/accept-offer"),
    ("DeclineOffer", "POST", "/api/v1/visits/{id}/decline-offer"),
    ("AcceptVisit", "POST", "/api/v1/visits/{id}/accept"),
    ("StartVisit", "POST", "/api/v1/visits/{id}/start"),
    ("FinishVisit", "POST", "/api/v1/visits/{id}/finish"),
    ("SkipVisit", "POST", "/api/v1/visits/{id}/skip"),
    ("RecallVisit", "POST", "/api/v1/visits/{id}/recall"),
    ("NoShowVisit", "POST", "/api/v1/visits/{id}/no-show"),
    ("TransferVisit", "POST", "/api/v1/visits/{id}/transfer"),
    ("LeaveVisit", "POST", "/api/v1/visits/{id}/leave"),
];

/// What the calls are about.
struct Things {
    expert: String,
    branch: String,
    booking: String,
    hold: String,
    visit: String,
}

async fn things(client: &Person, expert: &Person) -> Things {
    let booking = client.book(expert, "2027-03-02T10:00:00Z").await;
    let wish = json!({ "expert_id": expert.id, "starts_at": "2027-03-03T10:00:00Z" });
    let shown = client.get(&format!("/experts/{}", expert.id)).await;
    let branch = shown.expect(200).text("branch_id");
    Things {
        expert: expert.id.clone(),
        visit: join(client, &branch).await.expect(201).text("id"),
        branch,
        booking: booking.expect(201).text("id"),
        hold: client.post("/holds", wish).await.expect(201).text("id"),
    }
}

/// Calls it with as little as will show whether one may.
async fn call(caller: &Caller, name: &str, things: &Things) -> Result<(), Status> {
    let (mut bookings, mut slots) = (caller.bookings(), caller.slots());
    let (mut branches, mut presence) = (caller.branches(), caller.presence());
    let id = || things.booking.clone();
    macro_rules! said {
        ($client:ident . $method:ident, $message:expr) => {
            $client.$method(caller.say($message)).await.map(drop)
        };
    }
    match name {
        "GetBooking" => said!(bookings.get_booking, v1::GetBookingRequest { id: id() }),
        "ListBookings" => said!(bookings.list_bookings, v1::ListBookingsRequest::default()),
        "CreateBooking" => said!(bookings.create_booking, v1::CreateBookingRequest::default()),
        "CreateHold" => said!(bookings.create_hold, v1::CreateHoldRequest::default()),
        "ReleaseHold" => {
            let id = things.hold.clone();
            said!(bookings.release_hold, v1::ReleaseHoldRequest { id })
        }
        "ConfirmBooking" => {
            let message = v1::ConfirmBookingRequest {
                id: id(),
                ..Default::default()
            };
            said!(bookings.confirm_booking, message)
        }
        "RejectBooking" => {
            let message = v1::RejectBookingRequest {
                id: id(),
                ..Default::default()
            };
            said!(bookings.reject_booking, message)
        }
        "CompleteBooking" => {
            let message = v1::CompleteBookingRequest {
                id: id(),
                ..Default::default()
            };
            said!(bookings.complete_booking, message)
        }
        "MissBooking" => {
            let message = v1::MissBookingRequest {
                id: id(),
                ..Default::default()
            };
            said!(bookings.miss_booking, message)
        }
        "RescheduleBooking" => {
            let message = v1::RescheduleBookingRequest {
                id: id(),
                ..Default::default()
            };
            said!(bookings.reschedule_booking, message)
        }
        "CancelBooking" => {
            let message = v1::CancelBookingRequest {
                id: id(),
                ..Default::default()
            };
            said!(bookings.cancel_booking, message)
        }
        "ListExpertSlots" => {
            let expert_id = things.expert.clone();
            let message = v1::ListExpertSlotsRequest {
                expert_id,
                ..Default::default()
            };
            said!(slots.list_expert_slots, message)
        }
        "ListBranchSlots" => {
            let branch_id = things.branch.clone();
            let message = v1::ListBranchSlotsRequest {
                branch_id,
                ..Default::default()
            };
            said!(slots.list_branch_slots, message)
        }
        "CountBranchSlots" => {
            let branch_id = things.branch.clone();
            let message = v1::CountBranchSlotsRequest {
                branch_id,
                ..Default::default()
            };
            said!(slots.count_branch_slots, message)
        }
        "GetBranch" => {
            let id = things.branch.clone();
            said!(branches.get_branch, v1::GetBranchRequest { id })
        }
        "ListBranches" => said!(branches.list_branches, v1::ListBranchesRequest::default()),
        "GetPresence" => {
            let expert_id = things.expert.clone();
            said!(presence.get_presence, v1::GetPresenceRequest { expert_id })
        }
        "SetPresence" => {
            let message = v1::SetPresenceRequest {
                expert_id: things.expert.clone(),
                presence: v1::Presence::Online.into(),
            };
            said!(presence.set_presence, message)
        }
        "WatchPresence" => {
            let branch_id = things.branch.clone();
            said!(
                presence.watch_presence,
                v1::WatchPresenceRequest { branch_id }
            )
        }
        other => call_queue(caller, other, things).await,
    }
}

/// The same of a queue.
async fn call_queue(caller: &Caller, name: &str, things: &Things) -> Result<(), Status> {
    let branch_id = || things.branch.clone();
    macro_rules! said {
        ($method:ident, $message:expr) => {
            caller
                .queues()
                .$method(caller.say($message))
                .await
                .map(drop)
        };
    }
    macro_rules! visit {
        ($method:ident, $request:ident) => {{
            #[allow(
                clippy::needless_update,
                reason = "some requests are no more than an id"
            )]
            let message = v1::$request {
                id: things.visit.clone(),
                ..Default::default()
            };
            said!($method, message)
        }};
    }
    match name {
        "GetQueue" => {
            let branch_id = branch_id();
            said!(get_queue, v1::GetQueueRequest { branch_id })
        }
        "WatchQueue" => {
            let branch_id = branch_id();
            said!(watch_queue, v1::WatchQueueRequest { branch_id })
        }
        "JoinQueue" => {
            let message = v1::JoinQueueRequest {
                branch_id: branch_id(),
                ..Default::default()
            };
            said!(join_queue, message)
        }
        "CheckInBooking" => {
            let booking_id = things.booking.clone();
            said!(check_in_booking, v1::CheckInBookingRequest { booking_id })
        }
        "GetVisit" => visit!(get_visit, GetVisitRequest),
        "WatchVisit" => visit!(watch_visit, WatchVisitRequest),
        "GetVisitHistory" => visit!(get_visit_history, GetVisitHistoryRequest),
        "AcceptOffer" => visit!(accept_offer, AcceptOfferRequest),
        "DeclineOffer" => visit!(decline_offer, DeclineOfferRequest),
        "AcceptVisit" => visit!(accept_visit, AcceptVisitRequest),
        "StartVisit" => visit!(start_visit, StartVisitRequest),
        "FinishVisit" => visit!(finish_visit, FinishVisitRequest),
        "SkipVisit" => visit!(skip_visit, SkipVisitRequest),
        "RecallVisit" => visit!(recall_visit, RecallVisitRequest),
        "NoShowVisit" => visit!(no_show_visit, NoShowVisitRequest),
        "TransferVisit" => visit!(transfer_visit, TransferVisitRequest),
        "LeaveVisit" => visit!(leave_visit, LeaveVisitRequest),
        other => panic!("nobody calls {other}"),
    }
}

#[test]
fn the_table_has_every_call_of_the_protos() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/proto/belfry/v1"));
    let mut written = BTreeSet::new();
    for file in folder.unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let calls = text.split("  rpc ").skip(1);
        written.extend(calls.map(|call| call.split('(').next().unwrap().to_owned()));
    }
    let known: BTreeSet<String> = CALLS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(written, known);
}

/// Whether an end is what the table's mark says.
fn fits(mark: char, ended: &Result<(), Status>) -> bool {
    let Err(status) = ended else {
        return mark == 'y';
    };
    let details = details(status);
    let reason = details.error_info().map(|info| info.reason.clone());
    let wanted = match mark {
        'u' => (Code::Unauthenticated, "unauthenticated"),
        'd' => (Code::PermissionDenied, "account-disabled"),
        'f' => (Code::PermissionDenied, "forbidden"),
        'h' => (Code::NotFound, "not-found"),
        _ => {
            let own = [
                Code::InvalidArgument,
                Code::FailedPrecondition,
                Code::Aborted,
            ];
            // The second who lets go of a hold finds none.
            let gone = status.code() == Code::NotFound;
            return own.contains(&status.code()) || gone;
        }
    };
    (status.code(), reason.as_deref()) == (wanted.0, Some(wanted.1))
}

async fn walk(town: &Town, people: &[Person], things: &Things) -> Vec<String> {
    let mut faults = Vec::new();
    let mut walked = 0;
    for (name, method, route) in CALLS {
        let row =
            rows().find(|(_, m, path)| *m == method.parse::<Method>().unwrap() && *path == route);
        let (columns, ..) = row.unwrap_or_else(|| panic!("{method} {route} is in no table"));
        let mut callers: Vec<_> = columns.chars().zip(people).zip(CALLERS).collect();
        // Those who may not come first: nothing that they do may change anything.
        callers.sort_by_key(|((mark, _), _)| *mark == 'y');
        for ((mark, person), who) in callers {
            let ended = call(&Caller::at(town, 0, person), name, things).await;
            walked += 1;
            // Who may is not told that there is nothing, but where the first of them has taken it away.
            let hidden = mark == 'y' && name != "ReleaseHold";
            let lost = matches!(&ended, Err(status) if status.code() == Code::NotFound);
            if !fits(mark, &ended) || (hidden && lost) {
                faults.push(format!("{name} by {who}: {ended:?}, not {mark}"));
            }
        }
    }
    println!(
        "{walked} calls: {} methods by {} callers",
        CALLS.len(),
        CALLERS.len()
    );
    faults
}

async fn every_call_is_for_those_whom_rest_names(fresh: &Fresh) {
    let town = open(fresh).await;
    let people = people(&town).await;
    let things = things(&people[4], &people[5]).await;
    let faults = walk(&town, &people, &things).await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    town.close().await;
}

async fn a_key_needs_the_scope_that_rest_asks_for(fresh: &Fresh) {
    let town = open(fresh).await;
    let (admin, expert) = (town.admin().await, town.expert().await);
    let branch = crate::branch::open_branch(&admin, json!({})).await;
    let client = town.client().await;
    let booking = client.book(&expert, "2027-03-02T10:00:00Z").await;
    let things = Things {
        expert: expert.id.clone(),
        visit: join(&client, &branch).await.expect(201).text("id"),
        branch,
        booking: booking.expect(201).text("id"),
        hold: crate::contract::UNKNOWN.to_owned(),
    };
    for scope in Scope::ALL {
        let body = json!({ "name": scope.as_str(), "scopes": [scope.as_str()] });
        let made = admin.post("/admin/api-keys", body).await.expect(201);
        let mut machine = admin.clone();
        machine.token = Some(made.text("key"));
        let caller = Caller::at(&town, 0, &machine);
        for (name, method, route) in CALLS {
            let row = rows().find(|(_, m, path)| m.as_str() == method && *path == route);
            // Nobody looks at what is shown there.
            let public = row.unwrap().0.starts_with("yy");
            let wanted = scope_of(method, route);
            let ended = call(&caller, name, &things).await;
            let told = format!("{name} with {}: {ended:?}", scope.as_str());
            if public || wanted == Some(*scope) {
                let denied = [Code::PermissionDenied, Code::Unauthenticated];
                let denied = ended.is_err_and(|status| denied.contains(&status.code()));
                assert!(!denied, "{told}");
                continue;
            }
            let refused = super::refused(ended, Code::PermissionDenied, "insufficient-scope");
            let details = details(&refused);
            let named = &details.error_info().unwrap().metadata["scope"];
            assert_eq!(Some(named.as_str()), wanted.map(Scope::as_str), "{told}");
        }
    }
    town.close().await;
}
