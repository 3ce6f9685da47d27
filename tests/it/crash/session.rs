//! Group sessions that are offered, booked, moved and called off until the server dies.

use chrono::TimeDelta;
use rand::Rng;
use serde_json::json;

use super::load::{Load, answer, id};

impl Load<'_> {
    /// An expert offers a session on a date that nobody books otherwise, somebody takes a seat, and then it is moved,
    /// called off or left as it is.
    pub async fn session(&self, client: usize, host: usize) -> Result<(), ()> {
        let (place, then) = {
            let mut rng = rand::rng();
            (rng.random_range(0..500), rng.random_range(0..3))
        };
        let starts_at = self.first + TimeDelta::days(20) + TimeDelta::minutes(40 * place);
        let (expert, token) = &self.hosts[host];
        let draft = json!({
            "title": "Together", "starts_at": starts_at, "minutes": 30, "seats": 2, "mode": "online",
        });
        let path = format!("/experts/{expert}/sessions");
        let request = self.http.post(self.url(&path)).bearer_auth(token);
        let (status, session) = answer(request.json(&draft)).await?;
        assert!(matches!(status, 201 | 409 | 503), "{status} {session}");
        if status != 201 {
            return Ok(());
        }
        let seat = json!({
            "expert_id": expert, "starts_at": starts_at, "mode": "online", "session_id": id(&session),
        });
        self.create(client, host, "/bookings", seat).await?;
        let path = format!("/sessions/{}", id(&session));
        let request = match then {
            0 => {
                let later = json!({ "starts_at": starts_at + TimeDelta::minutes(5) });
                self.http.patch(self.url(&path)).json(&later)
            }
            1 => {
                let reason = json!({ "reason": "ill" });
                self.http
                    .post(self.url(&format!("{path}/cancel")))
                    .json(&reason)
            }
            _ => return Ok(()),
        };
        let (status, body) = answer(request.bearer_auth(token)).await?;
        assert!(matches!(status, 200 | 409 | 503), "{status} {body}");
        Ok(())
    }
}
