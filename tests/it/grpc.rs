//! gRPC (B10): the same operations, rules, rights, limits and problems as over REST, called by a generated client.

use std::net::SocketAddr;
use std::time::Duration;

use belfry::grpc::v1;
use http::{HeaderMap, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost_types::Timestamp;
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::engine::Fresh;
use crate::town::{Answer, Person, Town};

/// Bookings, from the wish to their end.
mod booking;
/// Going down with calls under way.
mod drain;
/// What is made of `proto/` is what is kept.
mod generated;
/// One key over both ways.
mod idempotency;
/// What every call has, and what machinery answers.
mod machinery;
/// The same wrong request over both ways.
mod problem;
/// Waiting queues.
mod queue;
/// Many at once, over both ways.
mod race;
/// Who may call what.
mod rights;
/// Slots, branches and presence.
mod slot;
/// Streams that go on.
mod watching;

/// Made of `proto/belfry/v1`.
#[allow(clippy::all, clippy::pedantic, reason = "written by a generator")]
pub mod client {
    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/proto/generated/client/belfry.v1.rs"
    ));
}

use client::booking_service_client::BookingServiceClient;
use client::branch_service_client::BranchServiceClient;
use client::presence_service_client::PresenceServiceClient;
use client::slot_service_client::SlotServiceClient;

/// A connection to a node.
pub type Channel = Client<HttpConnector, Body>;

/// Somebody who calls a node over gRPC.
#[derive(Clone)]
pub struct Caller {
    channel: Channel,
    origin: Uri,
    token: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl Caller {
    /// A person at the gRPC door of a node.
    pub fn at(town: &Town, node: usize, person: &Person) -> Self {
        let address = town.nodes[node].grpc_address.expect("gRPC is served");
        Self::of(address, person)
    }

    /// A person at the gRPC door of any server.
    pub fn of(address: SocketAddr, person: &Person) -> Self {
        Self {
            channel: Client::builder(TokioExecutor::new())
                .http2_only(true)
                .build_http(),
            origin: format!("http://{address}").parse().unwrap(),
            token: person.token.clone(),
            headers: Vec::new(),
        }
    }

    /// The same with one more header.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name, value.to_owned()));
        caller
    }

    /// A message as this caller sends it.
    pub fn say<T>(&self, message: T) -> Request<T> {
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        for (name, value) in &self.headers {
            headers.insert(*name, value.parse().unwrap());
        }
        let metadata = tonic::metadata::MetadataMap::from_headers(headers);
        Request::from_parts(metadata, tonic::Extensions::default(), message)
    }

    pub fn bookings(&self) -> BookingServiceClient<Channel> {
        BookingServiceClient::with_origin(self.channel.clone(), self.origin.clone())
    }

    pub fn slots(&self) -> SlotServiceClient<Channel> {
        SlotServiceClient::with_origin(self.channel.clone(), self.origin.clone())
    }

    pub fn branches(&self) -> BranchServiceClient<Channel> {
        BranchServiceClient::with_origin(self.channel.clone(), self.origin.clone())
    }

    pub fn presence(&self) -> PresenceServiceClient<Channel> {
        PresenceServiceClient::with_origin(self.channel.clone(), self.origin.clone())
    }

    /// Asks for a booking.
    pub async fn book(
        &self,
        message: v1::CreateBookingRequest,
    ) -> Result<Response<v1::Booking>, Status> {
        self.bookings().create_booking(self.say(message)).await
    }
}

/// One node that serves gRPC, too.
async fn open(fresh: &Fresh) -> Town {
    Town::open_with(fresh, |settings| {
        settings.grpc.listen = "127.0.0.1:0".to_owned();
    })
    .await
}

/// Two of them.
async fn open_two(fresh: &Fresh) -> Town {
    Town::open_two_with(fresh, |settings| {
        settings.grpc.listen = "127.0.0.1:0".to_owned();
    })
    .await
}

/// An instant as messages have it.
fn at(instant: &str) -> Option<Timestamp> {
    let instant: chrono::DateTime<chrono::Utc> = instant.parse().unwrap();
    Some(Timestamp {
        seconds: instant.timestamp(),
        nanos: instant.timestamp_subsec_nanos().try_into().unwrap(),
    })
}

/// A wish for an expert's hour.
fn wish(expert: &Person, starts_at: &str) -> v1::CreateBookingRequest {
    v1::CreateBookingRequest {
        expert_id: Some(expert.id.clone()),
        starts_at: at(starts_at),
        mode: v1::BookingMode::Online.into(),
        ..Default::default()
    }
}

/// The same over REST.
fn wish_json(expert: &Person, starts_at: &str) -> Value {
    json!({ "expert_id": expert.id, "starts_at": starts_at, "mode": "online" })
}

/// What a refusal says beside its code.
#[track_caller]
fn details(status: &Status) -> ErrorDetails {
    status.check_error_details().unwrap()
}

/// Insists on a refusal with this code and reason.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, reason: &str) -> Status {
    let status = result.unwrap_err();
    let details = details(&status);
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?}"));
    assert_eq!(
        (status.code(), info.reason.as_str(), info.domain.as_str()),
        (code, reason, "belfry"),
        "{status:?}"
    );
    status
}

/// How long something may take that only a failure makes slow.
const LIMIT: Duration = Duration::from_secs(60);

/// An instant of a message as REST writes it.
fn written(at: Option<&Timestamp>) -> Value {
    let at = at.map(|at| {
        let nanos = at.nanos.try_into().unwrap();
        chrono::DateTime::from_timestamp(at.seconds, nanos).unwrap()
    });
    json!(at)
}

/// A booking's message as REST would write it.
fn as_json(booking: &v1::Booking) -> Value {
    let party = |party: &Option<v1::Party>| {
        let party = party.as_ref().unwrap();
        json!({ "id": party.id, "name": party.name })
    };
    let name = |name: &str, prefix: &str| name.strip_prefix(prefix).unwrap().to_lowercase();
    json!({
        "id": booking.id,
        "code": booking.code,
        "status": name(booking.status().as_str_name(), "BOOKING_STATUS_"),
        "expert": party(&booking.expert),
        "client": party(&booking.client),
        "session": booking.session.as_ref().map(|s| json!({ "id": s.id, "title": s.title })),
        "starts_at": written(booking.starts_at.as_ref()),
        "ends_at": written(booking.ends_at.as_ref()),
        "minutes": booking.minutes,
        "time_zone": booking.time_zone,
        "clock_moved": booking.clock_moved.as_ref().map(|m| json!({ "promised": m.promised, "shown": m.shown })),
        "mode": name(booking.mode().as_str_name(), "BOOKING_MODE_"),
        "place": booking.place,
        "link": booking.link,
        "note": booking.note,
        "reason": booking.reason,
        "created_at": written(booking.created_at.as_ref()),
        "updated_at": written(booking.updated_at.as_ref()),
        "confirmed_at": written(booking.confirmed_at.as_ref()),
        "version": booking.version,
        "actions": booking.actions,
        "cancel_until": written(booking.cancel_until.as_ref()),
        "review": booking.review.as_ref().map(|r| json!({
            "stars": r.stars, "text": r.text, "created_at": written(r.created_at.as_ref()),
        })),
        "series": booking.series.as_ref().map(|s| json!({
            "id": s.id, "number": s.number, "of": s.of,
        })),
    })
}

/// Insists that both ways show the same booking.
#[track_caller]
fn same(message: &v1::Booking, rest: &Answer) {
    assert_eq!(as_json(message), rest.body);
}
