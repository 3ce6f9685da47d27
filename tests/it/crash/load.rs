//! What people do to the server until it dies: they book, hold, change, move, confirm, and stay signed in.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use belfry_actors::{Clock, SystemClock};
use belfry_domain::Instant;
use chrono::TimeDelta;
use futures::future::{join, join_all};
use rand::Rng;
use serde_json::{Value, json};

/// Between two wishes of one person: enough of them come at once without.
const BREATH: Duration = Duration::from_millis(15);

/// A creating call that was sent, and the id that was acknowledged, if anything was.
#[derive(Clone)]
pub struct Wish {
    pub client: usize,
    pub key: String,
    pub path: &'static str,
    pub body: Value,
    pub acknowledged: Option<String>,
}

/// A change that was acknowledged.
#[derive(Clone)]
pub struct Told {
    pub booking: String,
    pub version: i64,
    pub status: String,
}

/// A booking that stands, as far as anybody has heard.
#[derive(Clone)]
pub struct Known {
    id: String,
    client: usize,
    host: usize,
    pending: bool,
}

impl Known {
    /// Which one it is.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Somebody who refreshes a session again and again.
#[derive(Clone, Default)]
pub struct Member {
    pub email: String,
    pub refresh_token: String,
    /// Whether the last refresh was never answered.
    pub unsure: bool,
    pub refreshed: usize,
}

/// The people, and what they have heard.
pub struct Load<'a> {
    pub http: reqwest::Client,
    pub base: String,
    pub tokens: &'a [String],
    pub hosts: &'a [(String, String)],
    /// The first of the far half hours that clients want.
    pub first: Instant,
    pub wishes: RefCell<Vec<Wish>>,
    pub told: RefCell<Vec<Told>>,
    pub member: RefCell<Member>,
    pub known: RefCell<Vec<Known>>,
    /// Whether somebody stays signed in.
    pub refreshes: bool,
    /// Whether it is over, as it is when somebody has found the server gone.
    pub over: Cell<bool>,
    /// How many calls found the server gone.
    pub lost: Cell<usize>,
}

/// Status and body; an error when the server went away.
type Answered = Result<(u16, Value), ()>;

impl Load<'_> {
    /// Everybody acts until the server is gone.
    pub async fn run(&self) {
        let clients = (0..self.tokens.len()).map(async |client| {
            while self.is_there(self.client(client).await) {
                tokio::time::sleep(BREATH).await;
            }
        });
        let hosts = (0..self.hosts.len()).map(async |host| {
            while self.is_there(self.host(host).await) {
                tokio::time::sleep(BREATH * 4).await;
            }
        });
        let member = async {
            let sure = || self.refreshes && !self.member.borrow().unsure;
            while sure() && self.is_there(self.refresh().await) {}
        };
        join(join_all(clients), join(join_all(hosts), member)).await;
    }

    /// Whether to go on: nobody has found the server gone.
    fn is_there(&self, found: Result<(), ()>) -> bool {
        if found.is_err() {
            self.lost.set(self.lost.get() + 1);
            self.over.set(true);
        }
        !self.over.get()
    }

    async fn client(&self, client: usize) -> Result<(), ()> {
        let (roll, host, place) = {
            let mut rng = rand::rng();
            let host = rng.random_range(0..self.hosts.len());
            (rng.random_range(0..100), host, rng.random_range(0..300))
        };
        let starts_at = self.first + TimeDelta::minutes(30 * place);
        let mut body = json!({
            "expert_id": self.hosts[host].0, "starts_at": starts_at, "minutes": 30,
        });
        match roll {
            0..20 => {
                let held = self.create(client, host, "/holds", body.clone()).await?;
                if held != 201 {
                    return Ok(());
                }
                body["mode"] = json!("online");
                self.create(client, host, "/bookings", body).await.map(drop)
            }
            20..26 => self.wait(client, host).await,
            26..32 => self.session(client, host).await,
            32..36 => self.series(client, host).await,
            36..60 => {
                body["mode"] = json!("online");
                self.create(client, host, "/bookings", body).await.map(drop)
            }
            _ => {
                let Some(id) = self.pick(|known| known.client == client) else {
                    return Ok(());
                };
                let token = &self.tokens[client];
                if roll < 80 {
                    let body = json!({ "starts_at": starts_at });
                    return self.change(token, &id, "reschedule", body).await.map(drop);
                }
                self.change(token, &id, "cancel", json!({})).await.map(drop)
            }
        }
    }

    /// Waits for a place on dates that nobody books, and leaves what is offered to the next.
    async fn wait(&self, client: usize, host: usize) -> Result<(), ()> {
        let from = (self.first + TimeDelta::days(10)).date_naive();
        let body = json!({ "from": from, "minutes": 30, "mode": "online" });
        let path = format!("/experts/{}/waiting-list", self.hosts[host].0);
        let token = &self.tokens[client];
        let request = self.http.post(self.url(&path)).bearer_auth(token);
        let (status, body) = answer(request.json(&body)).await?;
        assert!(matches!(status, 201 | 409 | 503), "{status} {body}");
        let list = self.http.get(self.url("/waiting-list?open=true&limit=100"));
        let (_, list) = answer(list.bearer_auth(token)).await?;
        for place in list["items"].as_array().into_iter().flatten() {
            if place["status"] == "offered" {
                let path = format!("/waiting-list/{}/decline", id(place));
                let request = self.http.post(self.url(&path)).bearer_auth(token);
                let (status, body) = answer(request).await?;
                assert!(matches!(status, 200 | 409 | 503), "{status} {body}");
            }
        }
        Ok(())
    }

    /// Confirms, or moves a booking to a moment so near that it is reminded of, or missed, within seconds.
    async fn host(&self, host: usize) -> Result<(), ()> {
        // One that is confirmed would keep its people's minute when it begins; a pending one is missed.
        let Some(id) = self.pick(|known| known.host == host && known.pending) else {
            return Ok(());
        };
        let (roll, seconds) = {
            let mut rng = rand::rng();
            (rng.random_range(0..4), rng.random_range(1..4))
        };
        let token = &self.hosts[host].1;
        let ahead = match roll {
            0 => {
                return self
                    .change(token, &id, "confirm", json!({}))
                    .await
                    .map(drop);
            }
            1 => 0,
            minutes => 60 * (minutes - 1),
        };
        let at = SystemClock.now() + TimeDelta::seconds(ahead + seconds);
        let body = json!({ "starts_at": at, "minutes": 1 });
        if self.change(token, &id, "reschedule", body).await? == 200 {
            // From now on only time acts on it.
            self.known.borrow_mut().retain(|known| known.id != id);
        }
        Ok(())
    }

    /// Spends the refresh token for the next one.
    async fn refresh(&self) -> Result<(), ()> {
        let token = self.member.borrow().refresh_token.clone();
        self.member.borrow_mut().unsure = true;
        let body = json!({ "refresh_token": token });
        let request = self.http.post(self.url("/auth/refresh")).json(&body);
        let (status, body) = answer(request).await?;
        if status == 503 {
            // Whether it is spent is not known: it is not shown again until somebody looks.
            return Ok(());
        }
        assert_eq!(status, 200, "{body}");
        {
            let mut member = self.member.borrow_mut();
            member.refresh_token = body["refresh_token"].as_str().unwrap().to_owned();
            member.unsure = false;
            member.refreshed += 1;
        }
        tokio::time::sleep(BREATH * 4).await;
        Ok(())
    }

    pub(super) async fn create(
        &self,
        client: usize,
        host: usize,
        path: &'static str,
        body: Value,
    ) -> Result<u16, ()> {
        let mut wish = Wish {
            client,
            key: uuid::Uuid::now_v7().to_string(),
            path,
            body,
            acknowledged: None,
        };
        let Ok((status, body)) = self.send(&wish).await else {
            self.wishes.borrow_mut().push(wish);
            return Err(());
        };
        assert!(
            matches!(status, 201 | 409 | 422 | 429 | 503),
            "{status} {body}"
        );
        // A refusal promises nothing; on a machine too busy for the wish, nobody knows what became of it.
        if status == 503 {
            self.wishes.borrow_mut().push(wish);
        } else if status == 201 {
            wish.acknowledged = Some(id(&body));
            self.wishes.borrow_mut().push(wish);
            self.learn(&body);
            if path == "/bookings" {
                self.known.borrow_mut().push(Known {
                    id: id(&body),
                    client,
                    host,
                    pending: true,
                });
            }
        }
        Ok(status)
    }

    /// Sends a creating call with its key; again, when it was sent before.
    pub async fn send(&self, wish: &Wish) -> Answered {
        let request = self.http.post(self.url(wish.path));
        let request = request.bearer_auth(&self.tokens[wish.client]);
        let request = request.header("idempotency-key", &wish.key);
        answer(request.json(&wish.body)).await
    }

    async fn change(&self, token: &str, id: &str, step: &str, body: Value) -> Result<u16, ()> {
        let request = self.http.post(self.url(&format!("/bookings/{id}/{step}")));
        let (status, body) = answer(request.bearer_auth(token).json(&body)).await?;
        assert!(
            matches!(status, 200 | 409 | 422 | 503),
            "{step}: {status} {body}"
        );
        if status == 200 {
            self.learn(&body);
        }
        let now = body["status"].as_str().unwrap_or("as before");
        let over = body["type"] == "/problems/wrong-status"
            || (status == 200 && !matches!(now, "pending" | "confirmed"));
        let mut known = self.known.borrow_mut();
        if over {
            known.retain(|known| known.id != id);
        } else if let Some(known) = known.iter_mut().find(|known| known.id == id)
            && status == 200
        {
            known.pending = now == "pending";
        }
        Ok(status)
    }

    fn learn(&self, body: &Value) {
        if let (Some(version), Some(status)) = (body["version"].as_i64(), body["status"].as_str()) {
            self.told.borrow_mut().push(Told {
                booking: id(body),
                version,
                status: status.to_owned(),
            });
        }
    }

    fn pick(&self, which: impl Fn(&&Known) -> bool) -> Option<String> {
        let known = self.known.borrow();
        let fitting: Vec<_> = known.iter().filter(which).collect();
        let place = rand::rng().random_range(0..fitting.len().max(1));
        fitting.get(place).map(|known| known.id.clone())
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.base)
    }
}

/// Sends a request; an error when no whole answer came.
pub async fn answer(request: reqwest::RequestBuilder) -> Answered {
    let answer = request.send().await.map_err(drop)?;
    let status = answer.status().as_u16();
    Ok((status, answer.json().await.map_err(drop)?))
}

/// The id of what was made.
pub fn id(body: &Value) -> String {
    body["id"].as_str().unwrap().to_owned()
}
