//! What clients and experts ask for in a soak, each call written down with its answer.

use std::time::Instant as Moment;

use chrono::TimeDelta;
use futures::future::join;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

use super::offer::{self, Span};
use super::record::{Call, Wish};
use super::{Known, MONDAY, Soak};
use crate::town::Answer;

impl Soak<'_> {
    /// One client's wishes, one after the other and sometimes two at once.
    pub async fn client(&self, client: usize, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed ^ (client as u64 + 1) << 32);
        let mut left = self.per_client;
        while left > 0 {
            if rng.random_bool(0.15) {
                let mut other = StdRng::seed_from_u64(rng.random());
                join(self.one(client, &mut rng), self.one(client, &mut other)).await;
                left = left.saturating_sub(2);
            } else {
                self.one(client, &mut rng).await;
                left -= 1;
            }
        }
    }

    async fn one(&self, client: usize, rng: &mut StdRng) {
        let expert = rng.random_range(0..self.experts.len());
        let span = self.span(expert, rng);
        match rng.random_range(0..100) {
            0..35 => drop(self.ask(rng, client, expert, Wish::Book(span)).await),
            35..45 => drop(self.ask(rng, client, expert, Wish::Hold(span)).await),
            45..60 => {
                let hold = self.ask(rng, client, expert, Wish::Hold(span)).await;
                if hold.status != 201 {
                    return;
                }
                let hold = hold.text("id");
                let wish = match rng.random_range(0..4) {
                    0 => Wish::Release { hold },
                    // The time that was held, or some that reaches into it.
                    1 => Wish::Book(Span::lasting(span.from - 15, span.minutes())),
                    _ => Wish::Book(span),
                };
                self.ask(rng, client, expert, wish).await;
            }
            60..75 => {
                if let Some(known) = self.pick(rng, |known| known.client == client) {
                    let to = self.span(known.expert, rng);
                    self.change(rng, known, |booking| Wish::Move {
                        booking,
                        to,
                        staff: false,
                    })
                    .await;
                }
            }
            roll => {
                let Some(known) = self.pick(rng, |_| true) else {
                    return;
                };
                let to = self.span(known.expert, rng);
                let step = |step, staff| {
                    move |booking| Wish::Step {
                        booking,
                        step,
                        staff,
                    }
                };
                match roll {
                    75..81 => self.change(rng, known, step("confirm", true)).await,
                    81..84 => self.change(rng, known, step("reject", true)).await,
                    84..87 => self.change(rng, known, step("cancel", true)).await,
                    87..91 => self.change(rng, known, step("cancel", false)).await,
                    91..93 => self.change(rng, known, step("edit", false)).await,
                    93..95 => self.change(rng, known, step("complete", true)).await,
                    95..97 => self.change(rng, known, step("miss", true)).await,
                    _ => {
                        let wish = |booking| Wish::Move {
                            booking,
                            to,
                            staff: true,
                        };
                        self.change(rng, known, wish).await;
                    }
                }
            }
        }
    }

    async fn change(&self, rng: &mut StdRng, known: Known, wish: impl FnOnce(String) -> Wish) {
        let expected = rng.random_bool(0.3).then_some(known.version);
        let node = rng.random_range(0..2);
        let wish = wish(known.id);
        self.send(node, known.client, known.expert, wish, expected)
            .await;
    }

    async fn ask(&self, rng: &mut StdRng, client: usize, expert: usize, wish: Wish) -> Answer {
        let node = rng.random_range(0..2);
        self.send(node, client, expert, wish, None).await
    }

    /// Asks, and writes down what was asked and answered.
    async fn send(
        &self,
        node: usize,
        client: usize,
        expert: usize,
        wish: Wish,
        expected: Option<i64>,
    ) -> Answer {
        let host = self.experts[expert].at(self.town, node);
        let owner = self.clients[client].at(self.town, node);
        let id = &self.experts[expert].id;
        let want = |span: Span| {
            let starts_at = offer::text(span.from);
            json!({ "expert_id": id, "starts_at": starts_at, "minutes": span.minutes() })
        };
        let (who, method, path, body) = match &wish {
            Wish::Book(span) => {
                let mut body = want(*span);
                body["mode"] = json!("online");
                (owner, Method::POST, "/bookings".to_owned(), body)
            }
            Wish::Hold(span) => (owner, Method::POST, "/holds".to_owned(), want(*span)),
            Wish::Move { booking, to, staff } => {
                let mut body = want(*to);
                body.as_object_mut().unwrap().remove("expert_id");
                let path = format!("/bookings/{booking}/reschedule");
                (if *staff { host } else { owner }, Method::POST, path, body)
            }
            Wish::Step {
                booking,
                step: "edit",
                ..
            } => {
                let body = json!({ "note": format!("call {}", self.asked.get()) });
                (owner, Method::PATCH, format!("/bookings/{booking}"), body)
            }
            Wish::Step {
                booking,
                step,
                staff,
            } => {
                let path = format!("/bookings/{booking}/{step}");
                let body = json!({ "reason": "so it goes" });
                (if *staff { host } else { owner }, Method::POST, path, body)
            }
            Wish::Release { hold } => {
                (owner, Method::DELETE, format!("/holds/{hold}"), Value::Null)
            }
        };
        let (sent, clock) = (Moment::now(), self.minute());
        let tag = expected.map(|version| format!("\"{version}\""));
        let headers: Vec<(&str, &str)> = tag.iter().map(|tag| ("if-match", &**tag)).collect();
        let body = Some(body).filter(|body| !body.is_null());
        let answer = who.send(method, &path, body, &headers).await;
        let call = Call {
            node,
            client,
            client_id: self.clients[client].id.clone(),
            expert,
            wish,
            expected,
            sent,
            answered: Moment::now(),
            clock: (clock, self.minute()),
            status: answer.status,
            body: answer.body.clone(),
        };
        self.learn(&call);
        self.calls.borrow_mut().push(call);
        self.asked.set(self.asked.get() + 1);
        if self.asked.get().is_multiple_of(self.per_minute) {
            self.town.clock.advance(TimeDelta::minutes(1));
        }
        answer
    }

    /// Remembers a booking for others to act on.
    fn learn(&self, call: &Call) {
        let Some(version) = call.body["version"].as_i64() else {
            return;
        };
        let id = call.body["id"].as_str().unwrap();
        let is_open = matches!(call.body["status"].as_str(), Some("pending" | "confirmed"));
        let mut known = self.known.borrow_mut();
        let heard = Known {
            id: id.to_owned(),
            client: call.client,
            expert: call.expert,
            version,
            is_open,
        };
        match known.iter_mut().find(|known| known.id == id) {
            Some(known) if known.version < version => *known = heard,
            Some(_) => {}
            None => known.push(heard),
        }
    }

    /// One of the latest bookings that fit, mostly one that stands: those long over teach little.
    fn pick(&self, rng: &mut StdRng, which: impl Fn(&Known) -> bool) -> Option<Known> {
        let known = self.known.borrow();
        let over = rng.random_bool(0.1);
        let fitting = known
            .iter()
            .rev()
            .filter(|known| which(known) && (over || known.is_open));
        let fitting: Vec<&Known> = fitting.take(40).collect();
        let place = rng.random_range(0..fitting.len().max(1));
        fitting.get(place).map(|known| (*known).clone())
    }

    /// A time that the expert may offer, on few enough days to collide.
    fn span(&self, expert: usize, rng: &mut StdRng) -> Span {
        let day = MONDAY + [0, 1, 1, 2, 2, 7, 8][rng.random_range(0..7)];
        let offers = self.offers.borrow();
        let offer = &offers[expert].last().unwrap().offer;
        let minutes = if rng.random_bool(0.95) {
            offer.lengths[rng.random_range(0..offer.lengths.len())]
        } else {
            45
        };
        let hours = if rng.random_bool(0.9) {
            offer.hours.from..offer.hours.until - 60
        } else {
            7 * 60..19 * 60
        };
        // Most starts are on the coarser grid.
        let grid = if rng.random_bool(0.9) { 30 } else { 15 };
        let start = rng.random_range(hours) / grid * grid;
        Span::lasting(offer.at(day, start), minutes)
    }

    fn minute(&self) -> i64 {
        self.town.now().timestamp().div_euclid(60)
    }
}
