//! Connections to a mail server, and what its answers mean.
//!
//! The steps of a mail are taken one by one on lettre's connection rather than through its transport,
//! because what to do about a failure depends on the step: before the text went out nothing was sent,
//! after it nobody knows.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use belfry_domain::delivery::{DeadCause, SendError};
use belfry_store::crash;
use crossbeam_queue::ArrayQueue;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use url::Url;

/// How long a mail server may take before a mail is given up for now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// From the first packet to a greeted, encrypted, signed-in connection.
    pub connect: Duration,
    /// One command and its answer.
    pub command: Duration,
    /// The text of a mail and its answer.
    pub text: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            command: Duration::from_secs(20),
            text: Duration::from_secs(40),
        }
    }
}

/// A connection idle for longer is not used again.
const IDLE: Duration = Duration::from_secs(30);
/// Longest answer kept as the provider's name for a mail, in characters.
const ANSWER: usize = 200;

/// A mail server's address and how to talk to it.
pub(super) struct SmtpServer {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encryption {
    /// Never.
    None,
    /// If the server offers it.
    Offered,
    /// By STARTTLS, or not at all.
    Required,
    /// From the first byte.
    Wrapped,
}

impl SmtpServer {
    /// Reads `smtp://[user:password@]host[:port][?tls=none|offered|required]` or `smtps://…`. Without
    /// `tls`, a password is never sent in the clear: it makes encryption required.
    ///
    /// # Errors
    /// When the address is malformed.
    pub(super) fn parse(address: &str) -> Result<Self> {
        let url = Url::parse(address).context("not an address")?;
        let tls = url.query_pairs().find(|(key, _)| key == "tls");
        let signs_in = url.password().is_some();
        let encryption = match (url.scheme(), tls.as_ref().map(|(_, value)| value.as_ref())) {
            ("smtps", None) => Encryption::Wrapped,
            ("smtp", None) if signs_in => Encryption::Required,
            ("smtp", None | Some("none")) => Encryption::None,
            ("smtp", Some("offered" | "opportunistic")) => Encryption::Offered,
            ("smtp", Some("required")) => Encryption::Required,
            _ => bail!("must be smtp:// with tls=none, offered or required, or smtps://"),
        };
        let port = match encryption {
            Encryption::Wrapped => 465,
            Encryption::None => 25,
            Encryption::Offered | Encryption::Required => 587,
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(
                decoded(url.username())?,
                decoded(password)?,
            )),
            None => None,
        };
        Ok(Self {
            host: url.host_str().context("names no host")?.to_owned(),
            port: url.port().unwrap_or(port),
            encryption,
            credentials,
        })
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Fault> {
        let hello = ClientId::default();
        let tls = || TlsParameters::new(self.host.clone());
        let mut connection = if self.encryption == Encryption::Wrapped {
            let address = (self.host.as_str(), self.port);
            let tls = Some(tls()?);
            AsyncSmtpConnection::connect_tokio1(address, None, &hello, tls, None).await?
        } else {
            let stream = self.dial().await?;
            AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await?
        };
        let upgrade = match self.encryption {
            Encryption::None | Encryption::Wrapped => false,
            Encryption::Offered => connection.can_starttls(),
            Encryption::Required => true,
        };
        if upgrade {
            connection.starttls(tls()?, &hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    async fn dial(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        // Otherwise the last short packet of each mail waits for the answer to the one before.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A mail server with the connections that are open to it.
pub(super) struct Smtp {
    server: SmtpServer,
    patience: Patience,
    idle: ArrayQueue<Idle>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// How far a mail got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Connect,
    Sender,
    Recipient,
    /// The request to send the text; nothing of it has left.
    Data,
    /// The text itself.
    Text,
}

/// What went wrong at a step.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fault {
    /// The server said no.
    Reply { code: u16, text: String },
    /// The connection failed, or made no sense.
    Link(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error.status() {
            Some(code) => Self::Reply {
                code: code.into(),
                text: error.to_string(),
            },
            None => Self::Link(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Link(error.to_string())
    }
}

impl Smtp {
    /// Keeps at most `connections` open between mails.
    pub(super) fn new(server: SmtpServer, connections: usize, patience: Patience) -> Self {
        Self {
            server,
            patience,
            idle: ArrayQueue::new(connections.max(1)),
        }
    }

    /// Sends one mail and answers what the server called it.
    ///
    /// # Errors
    /// By what can be done about it.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<String, SendError> {
        let mut connection = self.take().await.map_err(|f| judge(Step::Connect, f))?;
        // On a failure the connection is dropped: its state is not worth saving.
        let answer = self
            .converse(&mut connection, envelope, mail)
            .await
            .map_err(|(step, fault)| judge(step, fault))?;
        let idle = Idle {
            connection,
            since: Instant::now(),
        };
        // A full queue gives the connection back, and it is closed.
        drop(self.idle.push(idle));
        Ok(answer)
    }

    /// A connection that has just shown that it works.
    async fn take(&self) -> Result<AsyncSmtpConnection, Fault> {
        while let Some(Idle {
            mut connection,
            since,
        }) = self.idle.pop()
        {
            let fresh = since.elapsed() < IDLE;
            if fresh
                && timeout(self.patience.command, connection.test_connected()).await == Ok(true)
            {
                return Ok(connection);
            }
        }
        within(self.patience.connect, self.server.connect()).await
    }

    /// Takes the steps of a mail in their order.
    async fn converse(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        mail: &[u8],
    ) -> Result<String, (Step, Fault)> {
        let Patience { command, text, .. } = self.patience;
        let sender = Mail::new(envelope.from().cloned(), Vec::new());
        within(command, connection.command(sender))
            .await
            .map_err(|fault| (Step::Sender, fault))?;
        for address in envelope.to() {
            let recipient = Rcpt::new(address.clone(), Vec::new());
            within(command, connection.command(recipient))
                .await
                .map_err(|fault| (Step::Recipient, fault))?;
        }
        within(command, connection.command(Data))
            .await
            .map_err(|fault| (Step::Data, fault))?;
        crash::point("mail.before_text");
        let response = within(text, connection.message(mail))
            .await
            .map_err(|fault| (Step::Text, fault))?;
        let answer: Vec<&str> = response.message().collect();
        Ok(answer.join(" ").chars().take(ANSWER).collect())
    }
}

async fn within<T, E: Into<Fault>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Fault> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(Fault::Link(format!("no answer within {limit:?}"))),
    }
}

/// What a failure at a step means for the mail.
fn judge(step: Step, fault: Fault) -> SendError {
    match fault {
        // The text may have arrived although its answer did not.
        Fault::Link(text) if step == Step::Text => SendError::Ambiguous(text),
        Fault::Link(text) => SendError::Transient(text),
        // A full or busy mailbox, also where the server only says so at the end: others go on meanwhile.
        Fault::Reply { code, text }
            if code < 500
                && matches!(step, Step::Recipient | Step::Text)
                && is_about_mailbox(&text) =>
        {
            SendError::Postponed {
                until: None,
                detail: text,
            }
        }
        Fault::Reply { code, text } if code < 500 => SendError::Transient(text),
        // A wrong password is the house's fault, not the mail's, and another server may take it.
        Fault::Reply {
            code: 530 | 534 | 535 | 538,
            text,
        } => SendError::Unconfigured(text),
        // So is a server that turns us away.
        Fault::Reply { text, .. } if step == Step::Connect => SendError::Transient(text),
        Fault::Reply { code, text } if step == Step::Recipient && names_nobody(code, &text) => {
            SendError::DeadAddress {
                cause: DeadCause::Bounced,
                detail: text,
            }
        }
        Fault::Reply { text, .. } => SendError::Refused(text),
    }
}

/// Whether a refused recipient does not exist, by the enhanced code (RFC 3463) where there is one. A full
/// mailbox or a policy is no reason to give an address up.
fn names_nobody(code: u16, text: &str) -> bool {
    match enhanced(text, "5.") {
        Some(enhanced) => enhanced.starts_with("5.1.") || enhanced == "5.2.1",
        None => matches!(code, 550 | 551 | 553),
    }
}

/// Whether what may pass is a matter of the recipient's address or mailbox alone.
fn is_about_mailbox(text: &str) -> bool {
    let enhanced = enhanced(text, "4.");
    enhanced.is_some_and(|code| code.starts_with("4.1.") || code.starts_with("4.2."))
}

/// The enhanced code in a reply.
fn enhanced<'a>(text: &'a str, class: &str) -> Option<&'a str> {
    text.split([' ', ':', '-'])
        .find(|word| word.starts_with(class) && word.matches('.').count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, text: &str) -> Fault {
        Fault::Reply {
            code,
            text: format!("permanent error ({code}): {text}"),
        }
    }

    fn lost() -> Fault {
        Fault::Link("connection reset".to_owned())
    }

    #[test]
    fn a_failure_means_what_its_step_makes_of_it() {
        use SendError::*;
        for step in [Step::Connect, Step::Sender, Step::Recipient, Step::Data] {
            assert!(matches!(judge(step, lost()), Transient(_)), "{step:?}");
        }
        assert!(matches!(judge(Step::Text, lost()), Ambiguous(_)));
        for step in [
            Step::Connect,
            Step::Sender,
            Step::Recipient,
            Step::Data,
            Step::Text,
        ] {
            let busy = reply(451, "4.3.0 try later");
            assert!(matches!(judge(step, busy), Transient(_)), "{step:?}");
        }
        let full = || reply(452, "4.2.2 mailbox full");
        for step in [Step::Recipient, Step::Text] {
            let judged = judge(step, full());
            assert!(matches!(judged, Postponed { until: None, .. }), "{step:?}");
        }
        assert!(matches!(judge(Step::Sender, full()), Transient(_)));
        let grey = reply(450, "4.7.1 come back later");
        assert!(matches!(judge(Step::Recipient, grey), Transient(_)));
        let wrong_password = reply(535, "5.7.8 bad credentials");
        assert!(matches!(
            judge(Step::Connect, wrong_password),
            Unconfigured(_)
        ));
        let nobody = || reply(550, "5.1.1 no such user");
        assert!(matches!(
            judge(Step::Recipient, nobody()),
            DeadAddress { .. }
        ));
        assert!(matches!(judge(Step::Text, nobody()), Refused(_)));
        let plain = reply(550, "no such user");
        assert!(matches!(judge(Step::Recipient, plain), DeadAddress { .. }));
        let policy = reply(550, "5.7.1 blocked");
        assert!(matches!(judge(Step::Recipient, policy), Refused(_)));
        let full = reply(552, "5.2.2 mailbox full");
        assert!(matches!(judge(Step::Recipient, full), Refused(_)));
        let spam = reply(554, "5.7.1 spam");
        assert!(matches!(judge(Step::Text, spam), Refused(_)));
    }

    #[test]
    fn addresses_say_how_to_encrypt() {
        let parsed = |address: &str| {
            let server = SmtpServer::parse(address).unwrap();
            (server.port, server.encryption)
        };
        assert_eq!(parsed("smtp://localhost:1025"), (1025, Encryption::None));
        assert_eq!(parsed("smtps://mail.test"), (465, Encryption::Wrapped));
        assert_eq!(
            parsed("smtp://a:b@mail.test"),
            (587, Encryption::Required),
            "a password never goes in the clear unless asked"
        );
        assert_eq!(
            parsed("smtp://a:b@mail.test:25?tls=none"),
            (25, Encryption::None)
        );
        assert_eq!(
            parsed("smtp://mail.test?tls=offered"),
            (587, Encryption::Offered)
        );
        for bad in [
            "mail.test",
            "http://mail.test",
            "smtp://mail.test?tls=maybe",
        ] {
            assert!(SmtpServer::parse(bad).is_err(), "{bad}");
        }
    }
}
