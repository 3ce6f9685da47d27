//! Series that are booked and called off until the server dies.

use chrono::TimeDelta;
use rand::Rng;
use serde_json::json;

use super::load::{Load, answer, id};

impl Load<'_> {
    /// Somebody books a series of half hours on dates that nobody books otherwise, and calls the rest of it off.
    pub async fn series(&self, client: usize, host: usize) -> Result<(), ()> {
        let place = rand::rng().random_range(0..40);
        let starts_at = self.first + TimeDelta::days(4) + TimeDelta::minutes(30 * place);
        let (expert, _) = &self.hosts[host];
        let wish = json!({
            "expert_id": expert, "starts_at": starts_at, "minutes": 30, "mode": "online", "skip": true,
            "rule": { "every": "day", "count": 4 },
        });
        let token = &self.tokens[client];
        let request = self.http.post(self.url("/series")).bearer_auth(token);
        let (status, series) = answer(request.json(&wish)).await?;
        assert!(matches!(status, 201 | 409 | 422 | 503), "{status} {series}");
        if status != 201 {
            return Ok(());
        }
        let path = format!("/series/{}/cancel", id(&series));
        let request = self.http.post(self.url(&path)).bearer_auth(token);
        let (status, body) = answer(request.json(&json!({ "from": 2 }))).await?;
        assert!(matches!(status, 200 | 409 | 503), "{status} {body}");
        Ok(())
    }
}
