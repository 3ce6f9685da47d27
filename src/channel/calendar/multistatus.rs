//! What a WebDAV server says of several things at once (RFC 4918 §13).
//!
//! Read event by event into the few properties that matter. What a document declares of its own is refused, so that
//! it can neither grow nor look anywhere.

use belfry_actors::importer::Fault;
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// Things in one answer, and elements inside each other.
const MOST_ITEMS: usize = 20_000;
const DEEPEST: usize = 40;

const DAV: &[u8] = b"DAV:";
const CALDAV: &[u8] = b"urn:ietf:params:xml:ns:caldav";
const SERVER: &[u8] = b"http://calendarserver.org/ns/";

/// What is said of one thing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Item {
    pub href: String,
    pub is_calendar: bool,
    /// Whether it holds events, as far as it says.
    pub has_events: bool,
    /// Whether its owner says that it takes no time.
    pub is_transparent: bool,
    pub principal: Option<String>,
    pub home: Option<String>,
    /// Another one after each change.
    pub tag: Option<String>,
    pub data: Option<String>,
}

impl Item {
    /// Whether it is a calendar or says where one is.
    pub fn leads_on(&self) -> bool {
        self.is_calendar || self.principal.is_some() || self.home.is_some()
    }
}

/// The elements that mean something here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Response,
    Href,
    Principal,
    Home,
    Kind,
    Calendar,
    Components,
    Component,
    Transparency,
    Transparent,
    State,
    Data,
    Other,
}

/// Reads an answer.
///
/// # Errors
/// `not_caldav` when it is something else.
pub(crate) fn items(xml: &str) -> Result<Vec<Item>, Fault> {
    let broken = Fault("not_caldav");
    let mut reader = NsReader::from_str(xml);
    let mut open: Vec<Tag> = Vec::new();
    let mut items: Vec<Item> = Vec::new();
    let mut named = false;
    let mut text = String::new();
    loop {
        let (space, event) = reader.read_resolved_event().map_err(|_| broken)?;
        match event {
            Event::Start(start) => {
                let tag = tag(&space, start.local_name().as_ref());
                if open.len() >= DEEPEST {
                    return Err(broken);
                }
                begin(tag, &start, &open, &mut items, &mut named)?;
                open.push(tag);
                text.clear();
            }
            Event::Empty(start) => {
                let tag = tag(&space, start.local_name().as_ref());
                begin(tag, &start, &open, &mut items, &mut named)?;
            }
            Event::Text(part) => text.push_str(&part.decode().map_err(|_| broken)?),
            Event::CData(part) => text.push_str(&part.decode().map_err(|_| broken)?),
            Event::GeneralRef(reference) => {
                let sign = match reference.resolve_char_ref().map_err(|_| broken)? {
                    Some(sign) => sign,
                    None => match &*reference.decode().map_err(|_| broken)? {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        "apos" => '\'',
                        // Of its own making.
                        _ => return Err(broken),
                    },
                };
                text.push(sign);
            }
            Event::End(_) => {
                let tag = open.pop().ok_or(broken)?;
                if let Some(item) = items.last_mut() {
                    end(tag, &open, item, std::mem::take(&mut text));
                }
            }
            Event::DocType(_) => return Err(broken),
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
        }
    }
    if !named || !open.is_empty() {
        return Err(broken);
    }
    Ok(items)
}

fn tag(space: &ResolveResult<'_>, name: &[u8]) -> Tag {
    let ResolveResult::Bound(space) = space else {
        return Tag::Other;
    };
    match (space.as_ref(), name) {
        (DAV, b"response") => Tag::Response,
        (DAV, b"href") => Tag::Href,
        (DAV, b"current-user-principal") => Tag::Principal,
        (DAV, b"resourcetype") => Tag::Kind,
        (CALDAV, b"calendar-home-set") => Tag::Home,
        (CALDAV, b"calendar") => Tag::Calendar,
        (CALDAV, b"supported-calendar-component-set") => Tag::Components,
        (CALDAV, b"comp") => Tag::Component,
        (CALDAV, b"schedule-calendar-transp") => Tag::Transparency,
        (CALDAV, b"transparent") => Tag::Transparent,
        (CALDAV, b"calendar-data") => Tag::Data,
        (SERVER, b"getctag") => Tag::State,
        _ => Tag::Other,
    }
}

fn begin(
    tag: Tag,
    start: &BytesStart<'_>,
    open: &[Tag],
    items: &mut Vec<Item>,
    named: &mut bool,
) -> Result<(), Fault> {
    if open.is_empty() {
        *named = start.local_name().as_ref() == b"multistatus";
    }
    let parent = open.last();
    match tag {
        Tag::Response => {
            if items.len() >= MOST_ITEMS {
                return Err(Fault("too_large"));
            }
            items.push(Item {
                has_events: true,
                ..Item::default()
            });
        }
        Tag::Calendar if parent == Some(&Tag::Kind) => {
            if let Some(item) = items.last_mut() {
                item.is_calendar = true;
            }
        }
        Tag::Components => {
            if let Some(item) = items.last_mut() {
                item.has_events = false;
            }
        }
        Tag::Component if parent == Some(&Tag::Components) => {
            let name = start.try_get_attribute("name").ok().flatten();
            let events = name.is_some_and(|name| name.value.eq_ignore_ascii_case(b"VEVENT"));
            if let Some(item) = items.last_mut() {
                item.has_events |= events;
            }
        }
        Tag::Transparent if parent == Some(&Tag::Transparency) => {
            if let Some(item) = items.last_mut() {
                item.is_transparent = true;
            }
        }
        _ => {}
    }
    Ok(())
}

fn end(tag: Tag, open: &[Tag], item: &mut Item, text: String) {
    let trimmed = || Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    match (tag, open.last()) {
        (Tag::Href, Some(Tag::Response)) => item.href = text.trim().to_owned(),
        (Tag::Href, Some(Tag::Principal)) => item.principal = trimmed(),
        (Tag::Href, Some(Tag::Home)) if item.home.is_none() => item.home = trimmed(),
        (Tag::State, _) => item.tag = trimmed(),
        (Tag::Data, _) => item.data = trimmed(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0"?>
<multistatus xmlns="DAV:" xmlns:X="urn:ietf:params:xml:ns:caldav" xmlns:CS="http://calendarserver.org/ns/">
<response><href>/cal/a%20b/</href><propstat><prop><resourcetype><collection/><X:calendar/></resourcetype>
<X:supported-calendar-component-set><X:comp name="VJOURNAL"/><X:comp name="VEVENT"/></X:supported-calendar-component-set>
<CS:getctag>"1 &amp; 2"</CS:getctag><current-user-principal><href>/me/</href></current-user-principal></prop>
<status>HTTP/1.1 200 OK</status></propstat></response>
<response><href>/cal/journal/</href><propstat><prop><resourcetype><X:calendar></X:calendar></resourcetype>
<X:supported-calendar-component-set><X:comp name="VJOURNAL"/></X:supported-calendar-component-set>
<X:schedule-calendar-transp><X:transparent/></X:schedule-calendar-transp></prop></propstat></response>
<response><href>/cal/x.ics</href><propstat><prop><X:calendar-data><![CDATA[BEGIN:VCALENDAR
SUMMARY:a<b]]>&#13;
END:VCALENDAR</X:calendar-data></prop></propstat></response>
</multistatus>"#;

    #[test]
    fn what_is_said_of_each_thing_is_found() {
        let [calendar, journal, event] = <[Item; 3]>::try_from(items(ANSWER).unwrap()).unwrap();
        assert_eq!(calendar.href, "/cal/a%20b/");
        assert!(calendar.is_calendar && calendar.has_events && !calendar.is_transparent);
        assert_eq!(calendar.tag.as_deref(), Some("\"1 & 2\""));
        assert_eq!(calendar.principal.as_deref(), Some("/me/"));
        assert!(journal.is_calendar && !journal.has_events && journal.is_transparent);
        let data = event.data.unwrap();
        assert_eq!(data, "BEGIN:VCALENDAR\nSUMMARY:a<b\r\nEND:VCALENDAR");
    }

    #[test]
    fn what_is_no_such_answer_is_refused() {
        let deep = format!("<multistatus xmlns=\"DAV:\">{}", "<a>".repeat(100_000));
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;\">]>\
                    <multistatus xmlns=\"DAV:\"><response><href>&c;</href></response></multistatus>";
        let outside =
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><multistatus xmlns=\"DAV:\"/>";
        let unknown =
            "<multistatus xmlns=\"DAV:\"><response><href>&b;</href></response></multistatus>";
        for xml in [
            "",
            "<html><body>Sign in</body></html>",
            "not xml",
            "<multistatus xmlns=\"DAV:\"><response>",
            "<multistatus xmlns=\"DAV:\"></response></multistatus>",
            "<multistatus xmlns=\"DAV:\"><response><href>&#xFFFFFFFF;</href></response></multistatus>",
            &deep,
            bomb,
            outside,
            unknown,
        ] {
            assert_eq!(
                items(xml),
                Err(Fault("not_caldav")),
                "{}",
                &xml[..xml.len().min(80)]
            );
        }
        let many = format!(
            "<multistatus xmlns=\"DAV:\">{}</multistatus>",
            "<response/>".repeat(20_001)
        );
        assert_eq!(items(&many), Err(Fault("too_large")));
    }
}
