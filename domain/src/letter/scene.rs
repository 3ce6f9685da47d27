//! What the texts are given.

use std::borrow::Cow;

use serde::Serialize;

use crate::event::DigestItem;
use crate::template::shortened;

/// Longest name, and longest piece of typed text, where there is little room.
const SHORT_NAME: usize = 20;
const SHORT_QUOTE: usize = 40;

/// What the texts of an event may name.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Scene<'a> {
    Account(AccountScene<'a>),
    Digest(DigestScene<'a>),
    Webhook(WebhookScene<'a>),
    Waiting(Box<WaitingScene<'a>>),
    Visit(Box<VisitScene<'a>>),
    Booking(Box<BookingScene<'a>>),
}

/// What the texts about an account may name.
#[derive(Serialize)]
pub(crate) struct AccountScene<'a> {
    pub me: Cow<'a, str>,
    /// Where it is about a code.
    pub code: Option<String>,
}

/// What the texts about a day's gathered messages may name.
#[derive(Serialize)]
pub(crate) struct DigestScene<'a> {
    pub me: Cow<'a, str>,
    pub count: usize,
    pub items: &'a [DigestItem],
}

/// What the texts about a webhook may name.
#[derive(Serialize)]
pub(crate) struct WebhookScene<'a> {
    pub me: Cow<'a, str>,
    pub url: &'a str,
    pub cause: &'a str,
}

/// What the texts about a place on a waiting list may name.
#[derive(Serialize)]
pub(crate) struct WaitingScene<'a> {
    pub me: Cow<'a, str>,
    /// The person on the other side.
    pub other: Cow<'a, str>,
    pub side: &'static str,
    /// The dates waited for.
    pub dates: String,
    pub minutes: u16,
    /// The slot that is or was offered, and until when.
    pub starts: Option<String>,
    pub answer_by: Option<String>,
    /// The group session of which a seat is waited for.
    pub session: Option<String>,
}

/// What the texts about a visit may name.
#[derive(Serialize)]
pub(crate) struct VisitScene<'a> {
    pub me: Cow<'a, str>,
    /// The person on the other side, once there is one.
    pub other: Option<Cow<'a, str>>,
    pub side: &'static str,
    pub branch: Cow<'a, str>,
    /// The branch at which they wait from now on.
    pub moved_to: Option<Cow<'a, str>>,
    /// What is called out.
    pub number: i64,
    /// Until when their expert is kept for them.
    pub answer_by: Option<String>,
}

impl<'a> VisitScene<'a> {
    fn names(&mut self) -> impl Iterator<Item = &mut Cow<'a, str>> {
        let always = [&mut self.me, &mut self.branch];
        always
            .into_iter()
            .chain(&mut self.other)
            .chain(&mut self.moved_to)
    }
}

/// What the texts about a booking may name.
#[derive(Serialize)]
pub(crate) struct BookingScene<'a> {
    pub me: Cow<'a, str>,
    /// The person on the other side.
    pub other: Cow<'a, str>,
    pub client: Cow<'a, str>,
    pub expert: Cow<'a, str>,
    /// Who did it, by name.
    pub actor: Cow<'a, str>,
    /// Who did it, seen from the reader: `me`, `other`, `staff` or `system`.
    pub by: &'static str,
    pub side: &'static str,
    /// What happened, in a word or two, for those who only look on.
    pub did: Cow<'a, str>,
    pub pending: bool,
    pub online: bool,
    pub code: &'a str,
    pub starts: String,
    pub previous: Option<String>,
    /// The zone of the booking, and what the clock there shows and was to show at the start.
    pub zone: String,
    pub shown: String,
    pub promised: Option<String>,
    pub span: String,
    pub place: Option<&'a str>,
    pub link: Option<&'a str>,
    pub note: Option<String>,
    pub reason: Option<String>,
    /// The group session that it is a seat of.
    pub session: Option<String>,
    /// How many others of a series it is about, too, and when the last of them starts.
    pub more: usize,
    pub last: Option<String>,
}

impl Scene<'_> {
    /// The same for a text with little room: names and typed texts are cut.
    pub(crate) fn brief(mut self) -> Self {
        let cut = |text: &mut Cow<'_, str>| {
            if text.chars().count() > SHORT_NAME {
                *text = Cow::Owned(shortened(text, SHORT_NAME));
            }
        };
        let quote = |text: &mut Option<String>| {
            *text = text.take().map(|text| shortened(&text, SHORT_QUOTE));
        };
        match &mut self {
            Self::Account(scene) => cut(&mut scene.me),
            Self::Digest(scene) => cut(&mut scene.me),
            Self::Webhook(scene) => cut(&mut scene.me),
            Self::Waiting(scene) => {
                cut(&mut scene.me);
                cut(&mut scene.other);
                quote(&mut scene.session);
            }
            Self::Visit(scene) => scene.names().for_each(cut),
            Self::Booking(scene) => {
                scene.names().into_iter().for_each(cut);
                quote(&mut scene.note);
                quote(&mut scene.reason);
                quote(&mut scene.session);
            }
        }
        self
    }

    /// The same with names that take all the room there is for them.
    pub(crate) fn widest(mut self) -> Self {
        let widest = Cow::Owned("W".repeat(SHORT_NAME));
        match &mut self {
            Self::Account(scene) => scene.me = widest,
            Self::Digest(scene) => scene.me = widest,
            Self::Webhook(scene) => scene.me = widest,
            Self::Waiting(scene) => {
                scene.me.clone_from(&widest);
                scene.other = widest;
            }
            Self::Visit(scene) => scene.names().for_each(|name| name.clone_from(&widest)),
            Self::Booking(scene) => {
                let names = scene.names().into_iter();
                names.for_each(|name| name.clone_from(&widest));
            }
        }
        self
    }
}

impl<'a> BookingScene<'a> {
    fn names(&mut self) -> [&mut Cow<'a, str>; 5] {
        [
            &mut self.me,
            &mut self.other,
            &mut self.client,
            &mut self.expert,
            &mut self.actor,
        ]
    }
}
