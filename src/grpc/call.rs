//! Who calls, with what, in which words.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::refusal::{self, Refusal};
use crate::http::App;
use crate::http::auth::{self, Admitted, Signed, token_of};
use crate::http::booking::Visitor;
use crate::http::idempotency::{Answered, Asked, key_of, print};
use crate::http::problem::{self, Problem};
use crate::http::queue::Knock;

/// Says of an answer that it is the first one, given again.
const REPLAYED: &str = "idempotent-replayed";

/// The call of REST that does the same: what a key's scopes and `Idempotency-Key` go by.
pub type Route = (&'static str, &'static str);

/// What the door knows of a call.
#[derive(Clone)]
pub struct Arrival {
    pub request_id: String,
    pub language: &'static str,
    /// The address that the call came from.
    pub from: String,
}

/// One call under way.
pub struct Call {
    pub app: Arc<App>,
    metadata: MetadataMap,
    arrival: Arrival,
}

impl Call {
    /// Takes a request apart.
    pub fn of<T>(app: &Arc<App>, request: Request<T>) -> (Self, T) {
        let (metadata, extensions, message) = request.into_parts();
        let arrival = extensions.get::<Arrival>().cloned().unwrap_or(Arrival {
            request_id: String::new(),
            language: problem::preferred(None),
            from: String::new(),
        });
        let call = Self {
            app: app.clone(),
            metadata,
            arrival,
        };
        (call, message)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.metadata.get(name)?.to_str().ok()
    }

    fn token(&self) -> Option<&str> {
        token_of(self.text("authorization")?)
    }

    /// The address that the call came from.
    pub fn from(&self) -> &str {
        &self.arrival.from
    }

    /// Whoever signed in.
    ///
    /// # Errors
    /// As [`auth::admit`].
    pub async fn signed(&self, route: Route) -> Result<Signed, Problem> {
        Ok(self.admitted(route).await?.into())
    }

    /// The same with what they showed.
    ///
    /// # Errors
    /// As [`auth::admit`].
    pub async fn admitted(&self, route: Route) -> Result<Admitted, Problem> {
        auth::admit(&self.app, self.token(), route).await
    }

    /// Whether what was shown to be admitted is still good, long after.
    ///
    /// # Errors
    /// As [`auth::Gate::admit`].
    pub async fn still(&self) -> Result<Admitted, Problem> {
        let token = self.token();
        let token = token.ok_or_else(|| Problem::new("unauthenticated"))?;
        self.app.gate.admit(token).await
    }

    /// Whoever signed in; `None` for who shows nothing.
    ///
    /// # Errors
    /// As [`auth::admit`].
    pub async fn anybody(&self, route: Route) -> Result<Option<Signed>, Problem> {
        match self.metadata.contains_key("authorization") {
            true => Ok(Some(self.signed(route).await?)),
            false => Ok(None),
        }
    }

    /// Whoever signed in, or has the secret of a visit.
    ///
    /// # Errors
    /// As [`auth::admit`].
    pub async fn knock(&self, route: Route) -> Result<Knock, Problem> {
        match self.token().and_then(Knock::by_secret) {
            Some(knock) => Ok(knock),
            None => Ok(Knock::Signed(self.signed(route).await?)),
        }
    }

    /// Whoever signed in, or has the link to one booking.
    ///
    /// # Errors
    /// As [`auth::admit`], and what a link that opens nothing answers.
    pub async fn visitor(&self, route: Route) -> Result<Visitor, Problem> {
        if let Some(token) = self.token()
            && let Some(visitor) = Visitor::by_link(&self.app, token).await?
        {
            return Ok(visitor);
        }
        Ok(self.signed(route).await?.into())
    }

    /// What a repetition of this call is known by: a call of REST that says the same is one, too.
    ///
    /// # Errors
    /// `validation` for what is no key.
    pub fn asked<T: Serialize>(
        &self,
        route: (&str, &str),
        claimant: String,
        input: &Result<T, Problem>,
    ) -> Result<Asked, Problem> {
        let key = self.metadata.get("idempotency-key");
        let key = key.map(|key| key.to_str().unwrap_or_default());
        let key = key_of(key, claimant)?;
        let said = match input {
            Ok(input) => print(input),
            Err(problem) => problem.body(problem::preferred(None), "").into_bytes(),
        };
        let Arrival {
            request_id,
            language,
            ..
        } = self.arrival.clone();
        Ok(Asked::new(key, route, &said, language, request_id))
    }

    /// Answers what the handler comes to.
    pub async fn answer<T>(
        &self,
        handled: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<Response<T>, Status> {
        match handled.await {
            Ok(message) => Ok(Response::new(message)),
            Err(Refusal::Problem(problem)) => Err(self.refused(&problem)),
            Err(Refusal::Kept(body)) => {
                let mut status = refusal::from_body(&body, None);
                let replayed = tonic::metadata::MetadataValue::from_static("true");
                status.metadata_mut().insert(REPLAYED, replayed);
                Err(status)
            }
        }
    }

    /// Answers what a creating handler comes to; `Out` is what REST answers.
    pub async fn answer_created<Out, T>(
        &self,
        handled: impl Future<Output = Result<Answered, Refusal>>,
    ) -> Result<Response<T>, Status>
    where
        Out: DeserializeOwned + Into<T>,
    {
        let read = async {
            let (out, replayed) = match handled.await? {
                Answered::Made(made) => (serde_json::from_value::<Out>(made.body), false),
                Answered::Recovered(made) => (serde_json::from_value(made.body), true),
                Answered::Replayed { status, body } if status.is_success() => {
                    (serde_json::from_str(&body), true)
                }
                Answered::Replayed { body, .. } => return Err(Refusal::Kept(body)),
            };
            let out = out.map_err(|error| {
                tracing::error!(%error, "an answer could not be read");
                Problem::new("internal")
            })?;
            Ok((out.into(), replayed))
        };
        let (message, replayed) = self.answer(read).await?.into_inner();
        let mut response = Response::new(message);
        if replayed {
            let value = tonic::metadata::MetadataValue::from_static("true");
            response.metadata_mut().insert(REPLAYED, value);
        }
        Ok(response)
    }

    /// A refusal in the caller's words.
    pub fn refused(&self, problem: &Problem) -> Status {
        refusal::status(problem, self.arrival.language, &self.arrival.request_id)
    }
}
