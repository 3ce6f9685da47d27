//! The branch, the experts and the clients of a measurement, made through the public interface.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::client::Client;
use crate::{Options, SLOT_MINUTES};

const PASSWORD: &str = "measuring-with-care-2026";

/// Ids of the branch and its experts, and access tokens of the clients.
pub struct People {
    pub branch: String,
    pub experts: Vec<String>,
    clients: Vec<String>,
}

impl People {
    /// The id of expert `number`, counted round.
    pub fn expert(&self, number: u64) -> &str {
        pick(&self.experts, number)
    }

    /// The access token of client `number`, counted round.
    pub fn client(&self, number: u64) -> &str {
        pick(&self.clients, number)
    }
}

fn pick(of: &[String], number: u64) -> &str {
    let place = number % of.len() as u64;
    &of[usize::try_from(place).unwrap_or_default()]
}

/// Registers everybody and opens the experts' days from midnight to midnight, confirmed at once.
pub async fn invite(options: &Options) -> Result<People> {
    let mut client = Client::connect(&options.url).await?;
    let (email, password) = options
        .admin
        .split_once(':')
        .context("--admin EMAIL:PASSWORD")?;
    let credentials = json!({"email": email, "password": password});
    let admin = call(&mut client, "POST", "/auth/login", None, Some(&credentials)).await?;
    let admin = text(&admin, "/access_token")?;
    let run = std::process::id();
    let branch = json!({
        "name": format!("Branch {run}"),
        "time_zone": "UTC",
        "settings": {
            "default_minutes": SLOT_MINUTES, "horizon_days": 730, "min_notice_minutes": 0, "max_load": null,
            "presence_minutes": 0, "most_waiting": 1000,
        },
    });
    let branch = call(
        &mut client,
        "POST",
        "/branches",
        Some(&admin),
        Some(&branch),
    )
    .await?;
    let mut people = People {
        branch: text(&branch, "/id")?,
        experts: Vec::new(),
        clients: Vec::new(),
    };
    for number in 0..options.experts {
        let session = register(&mut client, &format!("expert{number}-{run}")).await?;
        let id = text(&session, "/user/id")?;
        let role = json!({"role": "expert", "branch_id": people.branch});
        call(
            &mut client,
            "PATCH",
            &format!("/admin/users/{id}"),
            Some(&admin),
            Some(&role),
        )
        .await?;
        let schedule = format!("/experts/{id}/schedule");
        call(
            &mut client,
            "PUT",
            &schedule,
            Some(&admin),
            Some(&always_open()),
        )
        .await?;
        people.experts.push(id);
    }
    for number in 0..options.clients {
        let session = register(&mut client, &format!("client{number}-{run}")).await?;
        people.clients.push(text(&session, "/access_token")?);
    }
    Ok(people)
}

async fn register(client: &mut Client, name: &str) -> Result<Value> {
    let body = json!({"email": format!("{name}@belfry.test"), "password": PASSWORD, "name": name});
    call(client, "POST", "/auth/register", None, Some(&body)).await
}

fn always_open() -> Value {
    let days = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let weekly: Vec<Value> = days
        .iter()
        .map(|day| json!({"weekday": day, "from": "00:00", "until": "24:00"}))
        .collect();
    json!({
        "time_zone": "UTC",
        "weekly": weekly,
        "booking_rules": {
            "minutes": [SLOT_MINUTES],
            "interval_minutes": SLOT_MINUTES,
            "buffer_before_minutes": 0,
            "buffer_after_minutes": 0,
            "min_notice_minutes": 0,
            "horizon_days": 730,
            "max_per_day": null,
            "max_per_week": null,
            "auto_confirm": true,
            "cancel_notice_minutes": 0,
        },
    })
}

async fn call(
    client: &mut Client,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Result<Value> {
    let answer = client
        .send(method, &format!("/api/v1{path}"), token, None, body)
        .await?;
    ensure!(
        (200..300).contains(&answer.status),
        "{method} {path}: {} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    answer.json()
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("{pointer} is missing in {value}"))
}
