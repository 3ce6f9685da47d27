//! Requests that take too long, and callers who do not wait: an honest 503, and nothing half done.

use std::time::Duration;

use belfry_domain::booking::Status;
use belfry_store::Bounds;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Hanging, NEVER};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::{Person, Town};

on_both_engines!(
    a_request_that_takes_too_long_is_answered_503_and_brought_to_its_end,
    a_change_is_brought_to_its_end_although_its_caller_left,
);

/// Patient with a database that hangs for as long as the test lets it.
const PATIENT: Bounds = Bounds {
    waiting: 512,
    acquire: NEVER,
    statement: NEVER,
    transaction: NEVER,
};

struct Asked {
    hanging: Hanging,
    town: Town,
    expert: Person,
    client: Person,
    booking: String,
}

/// A town with a pending booking, whose database can hang.
async fn asked(fresh: &Fresh, answer_seconds: u64) -> Asked {
    let hanging = Hanging::over(fresh, PATIENT).await;
    let town = Town::open_over(fresh, hanging.store.clone(), |settings| {
        settings.http.answer_seconds = answer_seconds;
    })
    .await;
    let (expert, client) = (town.expert().await, town.client().await);
    let booked = client.book(&expert, "2027-03-02T10:00:00Z").await;
    let booking = booked.expect(201).text("id");
    // Who is asking is known from now on.
    expert.get("/me").await.expect(200);
    Asked {
        hanging,
        town,
        expert,
        client,
        booking,
    }
}

async fn becomes(fresh: &Fresh, booking: &str, status: Status) {
    let id = booking.parse().unwrap();
    eventually(&format!("it is {status:?}"), async || {
        fresh.store.booking(id).await.unwrap().unwrap().status == status
    })
    .await;
}

async fn a_request_that_takes_too_long_is_answered_503_and_brought_to_its_end(fresh: &Fresh) {
    let mut asked = asked(fresh, 1).await;
    asked.hanging.hang().await;
    let path = format!("/bookings/{}/confirm", asked.booking);
    let confirm = asked.expert.request(reqwest::Method::POST, &path);
    let answer = timeout(NEVER, confirm.send()).await.unwrap().unwrap();
    let answer = crate::town::Answer::of(answer).await;
    let answer = answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("2"));
    // Others are served meanwhile.
    asked.client.get("/healthz").await.expect(200);
    let id = asked.booking.parse().unwrap();
    let before = fresh.store.booking(id).await.unwrap().unwrap();
    assert_eq!(before.status, Status::Pending);
    asked.hanging.go_on();
    becomes(fresh, &asked.booking, Status::Confirmed).await;
    asked.town.close().await;
}

async fn a_change_is_brought_to_its_end_although_its_caller_left(fresh: &Fresh) {
    let mut asked = asked(fresh, 60).await;
    let taken = asked.client.slots(&asked.expert, "2027-03-02", 1).await;
    asked.hanging.hang().await;
    let body = json!({ "reason": "I am ill." }).to_string();
    let text = format!(
        "POST /api/v1/bookings/{}/cancel HTTP/1.1\r\nhost: belfry.test\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        asked.booking,
        asked.expert.token.as_deref().unwrap(),
        body.len(),
    );
    let mut wire = TcpStream::connect(asked.town.nodes[0].address)
        .await
        .unwrap();
    wire.write_all(text.as_bytes()).await.unwrap();
    // The call has reached the database before its caller goes.
    eventually("it is under way", async || {
        asked.hanging.store.pools().iter().any(|p| p.lent > 0)
    })
    .await;
    // Without a farewell, as a process that was killed.
    socket2::SockRef::from(&wire)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(wire);
    // The server has noticed: this is answered after that was gone.
    asked.client.get("/healthz").await.expect(200);
    asked.hanging.go_on();
    becomes(fresh, &asked.booking, Status::Cancelled).await;
    // What follows the commit was done, too: the expert's memory has the time back.
    eventually("the time is free again", async || {
        let free = asked.client.slots(&asked.expert, "2027-03-02", 1).await;
        free.len() > taken.len()
    })
    .await;
    asked.town.close().await;
}
