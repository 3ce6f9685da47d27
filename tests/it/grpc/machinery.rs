//! What every call has, and what the machinery of gRPC answers: reflection, health, limits, what nobody understands.

use std::time::Duration;

use belfry::grpc::v1;
use http::{HeaderMap, Request};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::{Caller, LIMIT, details, open, refused, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::Town;

on_both_engines!(
    a_tool_learns_the_services_by_reflection,
    health_is_that_of_the_house,
    every_answer_has_the_requests_id,
    what_nobody_understands_is_refused_in_the_same_form,
    names_that_callers_make_up_are_no_figures,
    who_connects_and_says_nothing_is_not_waited_for,
    a_call_nobody_waits_for_is_done_or_not_but_never_half,
);

const SERVICES: [&str; 5] = [
    "belfry.v1.BookingService",
    "belfry.v1.BranchService",
    "belfry.v1.PresenceService",
    "belfry.v1.QueueService",
    "belfry.v1.SlotService",
];

async fn a_tool_learns_the_services_by_reflection(fresh: &Fresh) {
    let town = open(fresh).await;
    let caller = Caller::at(&town, 0, &town.stranger());
    let (channel, origin) = (caller.channel.clone(), caller.origin.clone());
    let mut reflection = ServerReflectionClient::with_origin(channel, origin);
    let mut ask = async |question: MessageRequest| {
        let asked = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let answers = reflection.server_reflection_info(tokio_stream::once(asked));
        let mut answers = answers.await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap();
        answer.message_response.unwrap()
    };
    let MessageResponse::ListServicesResponse(list) =
        ask(MessageRequest::ListServices(String::new())).await
    else {
        panic!("no list");
    };
    let names: Vec<&str> = list.service.iter().map(|s| s.name.as_str()).collect();
    for name in SERVICES.iter().chain(&["grpc.health.v1.Health"]) {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    let symbol = MessageRequest::FileContainingSymbol("belfry.v1.Booking".to_owned());
    let MessageResponse::FileDescriptorResponse(found) = ask(symbol).await else {
        panic!("no description");
    };
    let file = &found.file_descriptor_proto[0];
    let file = prost_types::FileDescriptorProto::decode(&file[..]).unwrap();
    assert_eq!(file.package(), "belfry.v1");
    town.close().await;
}

async fn health_is_that_of_the_house(fresh: &Fresh) {
    let town = open(fresh).await;
    let caller = Caller::at(&town, 0, &town.stranger());
    let (channel, origin) = (caller.channel.clone(), caller.origin.clone());
    let health = HealthClient::with_origin(channel, origin);
    let ask = async |service: &str| {
        let service = service.to_owned();
        let answer = health.clone().check(HealthCheckRequest { service }).await;
        answer.map(|answer| answer.into_inner().status())
    };
    for service in [""].iter().chain(&SERVICES) {
        eventually("the house is ready", async || match ask(service).await {
            Ok(ServingStatus::Serving) => Ok(()),
            other => Err(format!("{service}: {other:?}")),
        })
        .await;
    }
    assert_eq!(
        ask("belfry.v1.Nothing").await.unwrap_err().code(),
        Code::NotFound
    );
    let watched = HealthCheckRequest {
        service: String::new(),
    };
    let mut watched = health.clone().watch(watched).await.unwrap().into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    // Who watches is told before the house goes, and does not keep it.
    let closing = tokio::time::timeout(LIMIT, town.close());
    let (closed, told) = futures::join!(closing, watched.message());
    closed.unwrap();
    assert_eq!(told.unwrap().unwrap().status(), ServingStatus::NotServing);
}

async fn every_answer_has_the_requests_id(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let caller = Caller::at(&town, 0, &client);
    let named = caller.with("x-request-id", "from-the-caller-1");
    let made = named
        .book(wish(&expert, "2027-03-02T10:00:00Z"))
        .await
        .unwrap();
    assert_eq!(
        made.metadata().get("x-request-id").unwrap(),
        "from-the-caller-1"
    );
    let refused = named.book(wish(&expert, "2027-03-02T03:00:00Z")).await;
    let refused = refused.unwrap_err();
    let info = details(&refused).request_info().unwrap().clone();
    assert_eq!(info.request_id, "from-the-caller-1");
    assert_eq!(
        refused.metadata().get("x-request-id").unwrap(),
        "from-the-caller-1"
    );
    // One that a log should not have is replaced.
    let odd = caller.with("x-request-id", "a b");
    let odd = odd.book(wish(&expert, "2027-03-02T03:00:00Z")).await;
    let id = details(&odd.unwrap_err())
        .request_info()
        .unwrap()
        .request_id
        .clone();
    id.parse::<uuid::Uuid>().unwrap();
    let figures = town.stranger().get("/metrics").await.text;
    let counted = "belfry_grpc_request_seconds_count{method=\"/belfry.v1.BookingService/CreateBooking\",code=\"Ok\"}";
    assert!(figures.contains(counted), "{counted}");
    town.close().await;
}

/// Sends bytes to a path and answers the refusal.
async fn raw(caller: &Caller, path: &str, body: &'static str) -> Status {
    let uri = format!(
        "{}{}",
        caller.origin.to_string().trim_end_matches('/'),
        path
    );
    let request = Request::post(uri)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(body.to_owned()))
        .unwrap();
    let response = caller.channel.request(request).await.unwrap();
    let headers: &HeaderMap = response.headers();
    assert!(headers.contains_key("x-request-id"), "{headers:?}");
    Status::from_header_map(headers).unwrap_or_else(|| panic!("{headers:?}"))
}

async fn what_nobody_understands_is_refused_in_the_same_form(fresh: &Fresh) {
    let town = open(fresh).await;
    let client = town.client().await;
    let caller = Caller::at(&town, 0, &client);
    let get = "/belfry.v1.BookingService/GetBooking";
    let garbage = raw(&caller, get, "\0\0\0\0\u{2}\u{f}\u{f}").await;
    refused::<()>(Err(garbage), Code::InvalidArgument, "malformed");
    let cut = raw(&caller, get, "\0\0\0\0\u{9}\u{a}").await;
    assert!(details(&cut).error_info().is_some(), "{cut:?}");
    for path in [
        "/belfry.v1.BookingService/Nothing",
        "/nobody.v9.Service/Call",
        "/",
    ] {
        let unknown = raw(&caller, path, "\0\0\0\0\0").await;
        refused::<()>(Err(unknown), Code::Unimplemented, "method-not-allowed");
    }
    // Beyond what is read of a body over REST.
    let mut message = v1::CreateBookingRequest {
        note: Some("n".repeat(64 * 1024)),
        ..Default::default()
    };
    let large = caller.book(message.clone()).await;
    refused(large, Code::ResourceExhausted, "payload-too-large");
    message.note = Some("n".repeat(60 * 1024));
    refused(
        caller.book(message).await,
        Code::InvalidArgument,
        "validation",
    );
    // A time that the caller sets is kept.
    let mut hurried = caller.say(v1::ListBookingsRequest::default());
    hurried.set_timeout(Duration::from_nanos(1));
    let late = caller.bookings().list_bookings(hurried).await.unwrap_err();
    let ends = [Code::DeadlineExceeded, Code::Cancelled];
    assert!(ends.contains(&late.code()), "{late:?}");
    town.close().await;
}

async fn names_that_callers_make_up_are_no_figures(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.grpc.listen = "127.0.0.1:0".to_owned();
        settings.limits.enabled = true;
        settings.limits.requests = 20;
    })
    .await;
    let caller = Caller::at(&town, 0, &town.stranger());
    let mut asked = 0;
    loop {
        let path = format!("/belfry.v1.BookingService/MadeUp{asked}");
        let unknown = raw(&caller, &path, "\0\0\0\0\0").await;
        if unknown.code() == Code::ResourceExhausted {
            break;
        }
        assert_eq!(unknown.code(), Code::Unimplemented);
        asked += 1;
        assert!(asked < 1000);
    }
    let figures = belfry::telemetry::render();
    for code in ["Unimplemented", "ResourceExhausted"] {
        let counted = format!("{{method=\"unmatched\",code=\"{code}\"}}");
        assert!(figures.contains(&counted), "{counted}");
    }
    assert!(!figures.contains("MadeUp"));
    town.close().await;
}

async fn who_connects_and_says_nothing_is_not_waited_for(fresh: &Fresh) {
    let town = Town::open_with(fresh, |settings| {
        settings.grpc.listen = "127.0.0.1:0".to_owned();
        settings.http.head_seconds = 1;
    })
    .await;
    let address = town.nodes[0].grpc_address.unwrap();
    for beginning in ["", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let ended = tokio::time::timeout(LIMIT, stream.read_to_end(&mut said));
        // Closed or reset; what matters is that it ends.
        let _ = ended
            .await
            .unwrap_or_else(|_| panic!("{beginning:?} is still waited for"));
    }
    // One that has begun may stay.
    let caller = Caller::at(&town, 0, &town.stranger());
    let ask = async || {
        let asked = v1::ListBranchesRequest::default();
        caller.branches().list_branches(asked).await.unwrap()
    };
    ask().await;
    ask().await;
    town.close().await;
}

async fn a_call_nobody_waits_for_is_done_or_not_but_never_half(fresh: &Fresh) {
    let town = open(fresh).await;
    let (expert, client) = (town.expert().await, town.client().await);
    let caller = Caller::at(&town, 0, &client);
    let hours: Vec<String> = (9..17)
        .map(|hour| format!("2027-03-03T{hour:02}:00:00Z"))
        .collect();
    for (place, hour) in hours.iter().enumerate() {
        let call = caller.book(wish(&expert, hour));
        // Polled so often, and then dropped wherever it stood.
        let patience = Duration::from_micros(200 * place as u64);
        let _ = tokio::time::timeout(patience, call).await;
    }
    // The slots that are offered are exactly those that have no booking.
    eventually("what was begun has ended", async || {
        let booked = client
            .get("/bookings?limit=100&sort=starts_at")
            .await
            .expect(200);
        let booked = booked.body["items"].as_array().unwrap().clone();
        let taken: Vec<String> = booked
            .iter()
            .map(|booking| booking["starts_at"].as_str().unwrap().to_owned())
            .collect();
        let free = client.slots(&expert, "2027-03-03", 1).await;
        let wrong: Vec<&String> = hours
            .iter()
            .filter(|hour| free.contains(hour) == taken.contains(hour))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("{wrong:?}"))
        }
    })
    .await;
    town.close().await;
}
