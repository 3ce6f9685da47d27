//! A day at a branch, as its clients make it (B11): they look for times, look at what they booked, book without
//! naming a person, and stand in the queue and leave it.

use anyhow::{Context, Result, ensure};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::people::People;
use crate::{SLOT_MINUTES, first_slot};

/// What is asked for in turn: of twenty requests ten want slots, four a booking's status, two book, four are about
/// the queue.
const ROUND: [Wish; 20] = [
    Wish::BranchSlots,
    Wish::Status,
    Wish::ExpertSlots,
    Wish::BranchSlots,
    Wish::Book,
    Wish::Join,
    Wish::BranchSlots,
    Wish::Status,
    Wish::ExpertSlots,
    Wish::Queue,
    Wish::BranchSlots,
    Wish::Status,
    Wish::Visit,
    Wish::BranchSlots,
    Wish::Book,
    Wish::BranchSlots,
    Wish::Leave,
    Wish::Status,
    Wish::BranchSlots,
    Wish::ExpertSlots,
];

/// One request of the mix.
#[derive(Clone, Copy)]
enum Wish {
    BranchSlots,
    ExpertSlots,
    Book,
    Status,
    Join,
    Visit,
    Queue,
    Leave,
}

impl Wish {
    fn name(self) -> &'static str {
        match self {
            Self::BranchSlots => "slots of the branch",
            Self::ExpertSlots => "slots of an expert",
            Self::Book => "book",
            Self::Status => "status of a booking",
            Self::Join => "join the queue",
            Self::Visit => "place in the queue",
            Self::Queue => "the queue",
            Self::Leave => "leave the queue",
        }
    }
}

/// One client who goes through the mix on one connection.
pub struct Visitor<'a> {
    people: &'a People,
    number: u64,
    /// The request that comes next.
    turn: usize,
    booked: u64,
    booking: Option<String>,
    visit: Option<String>,
}

impl<'a> Visitor<'a> {
    /// Each begins elsewhere in the round.
    pub fn new(people: &'a People, number: u64) -> Self {
        let turn = usize::try_from(number).unwrap_or_default() * 7 % ROUND.len();
        Self {
            people,
            number,
            turn,
            booked: 0,
            booking: None,
            visit: None,
        }
    }

    /// Sends the next request; its name and the answer.
    pub async fn next(&mut self, client: &mut Client) -> Result<(&'static str, Answer)> {
        let wish = self.wish();
        let token = Some(self.people.client(self.number));
        let branch = &self.people.branch;
        let today = Utc::now().date_naive();
        let answer = match wish {
            Wish::BranchSlots => {
                let from = today + TimeDelta::days(2 + i64::try_from(self.turn % 5)?);
                let path = format!("/api/v1/branches/{branch}/slots?from={from}&days=7");
                client.send("GET", &path, None, None, None).await?
            }
            Wish::ExpertSlots => {
                let expert = self.people.expert(self.number);
                let path = format!("/api/v1/experts/{expert}/slots?from={today}&days=31");
                client.send("GET", &path, None, None, None).await?
            }
            Wish::Book => self.book(client).await?,
            Wish::Status => {
                let booking = self.booking.as_deref().context("no booking yet")?;
                let path = format!("/api/v1/bookings/{booking}");
                client.send("GET", &path, token, None, None).await?
            }
            Wish::Join => {
                let path = format!("/api/v1/branches/{branch}/queue");
                let answer = client
                    .send("POST", &path, token, None, Some(&json!({})))
                    .await?;
                self.visit = Some(made(&answer)?);
                answer
            }
            Wish::Visit => {
                let visit = self.visit.as_deref().context("not in the queue")?;
                let path = format!("/api/v1/visits/{visit}");
                client.send("GET", &path, token, None, None).await?
            }
            Wish::Queue => {
                let path = format!("/api/v1/branches/{branch}/queue");
                client.send("GET", &path, None, None, None).await?
            }
            Wish::Leave => {
                let visit = self.visit.take().context("not in the queue")?;
                let path = format!("/api/v1/visits/{visit}/leave");
                client
                    .send("POST", &path, token, None, Some(&json!({})))
                    .await?
            }
        };
        self.turn = (self.turn + 1) % ROUND.len();
        Ok((wish.name(), answer))
    }

    /// What stands next in the round, or what must come before it.
    fn wish(&self) -> Wish {
        match ROUND[self.turn] {
            Wish::Status if self.booking.is_none() => Wish::Book,
            Wish::Visit | Wish::Leave if self.visit.is_none() => Wish::Queue,
            Wish::Join if self.visit.is_some() => Wish::Queue,
            wish => wish,
        }
    }

    /// Books whoever the branch chooses: half of the clients at one time, half at the next, so that there are experts
    /// enough, and nobody in two places.
    async fn book(&mut self, client: &mut Client) -> Result<Answer> {
        let place = i64::try_from(self.booked * 2 + self.number % 2)?;
        self.booked += 1;
        let starts_at = first_slot() + TimeDelta::minutes(SLOT_MINUTES * place);
        let body = json!({
            "branch_id": self.people.branch,
            "starts_at": starts_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "minutes": SLOT_MINUTES,
            "mode": "online",
        });
        let token = Some(self.people.client(self.number));
        let answer = client
            .send("POST", "/api/v1/bookings", token, None, Some(&body))
            .await?;
        self.booking = Some(made(&answer)?);
        Ok(answer)
    }
}

/// The id of what was made.
fn made(answer: &Answer) -> Result<String> {
    ensure!(
        answer.status == 201,
        "{} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    let body: Value = answer.json()?;
    let id = body["id"].as_str().context("no id")?;
    Ok(id.to_owned())
}
