//! What mail servers say about mails that they took: failures (RFC 3464) and complaints (RFC 5965), as they
//! come back to the sender.

use belfry_domain::delivery::Returned;
use belfry_domain::id::DeliveryId;
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use thiserror::Error;

/// What became of one mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The mail, by the Message-ID that the house gave it. `None` for a mail of somebody else.
    pub delivery: Option<DeliveryId>,
    /// `None` when it arrived, was passed on, or is still being tried without fault of the address.
    pub fate: Option<Returned>,
    /// What the server said, in its own words.
    pub detail: String,
}

/// A text that is no report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("this is neither a delivery report nor a complaint")]
pub struct NoReport;

/// Longest piece of a server's words that is kept, in characters.
const DETAIL: usize = 500;

/// Reads a report. One may speak of several recipients; the house writes to one at a time.
///
/// # Errors
/// When it is none.
pub fn read(text: &[u8], domain: &str) -> Result<Report, NoReport> {
    let message = MessageParser::default().parse(text).ok_or(NoReport)?;
    let mut told: Option<(Option<Returned>, String)> = None;
    let mut delivery = None;
    for part in &message.parts {
        let kind = part.content_type();
        let kind = kind.map(|kind| (kind.ctype(), kind.subtype().unwrap_or_default()));
        match kind.map(|(kind, subtype)| (kind.to_ascii_lowercase(), subtype.to_ascii_lowercase()))
        {
            Some((kind, subtype)) if kind == "message" => match subtype.as_str() {
                "delivery-status" | "global-delivery-status" => {
                    let worst = failures(part.contents()).into_iter().max_by_key(weight);
                    told = told.or(worst);
                }
                "feedback-report" => told = told.or_else(|| complaint(part.contents())),
                _ => {}
            },
            Some((kind, subtype)) if kind == "text" && subtype == "rfc822-headers" => {
                delivery = delivery.or_else(|| named_in(part.contents(), domain));
            }
            _ => {}
        }
        if let PartType::Message(original) = &part.body {
            delivery = delivery.or_else(|| original.message_id().and_then(|id| ours(id, domain)));
        }
    }
    let (fate, detail) = told.ok_or(NoReport)?;
    Ok(Report {
        delivery: delivery.or_else(|| answered(&message, domain)),
        fate,
        detail: detail.chars().take(DETAIL).collect(),
    })
}

fn weight((fate, _): &(Option<Returned>, String)) -> u8 {
    match fate {
        None => 0,
        Some(Returned::Delayed) => 1,
        Some(Returned::Undelivered) => 2,
        Some(Returned::Complained) => 3,
        Some(Returned::Bounced) => 4,
    }
}

/// What a delivery status says of each recipient.
fn failures(text: &[u8]) -> Vec<(Option<Returned>, String)> {
    let text = String::from_utf8_lossy(text).replace("\r\n", "\n");
    let blocks = text.split("\n\n").map(fields);
    blocks
        .filter_map(|block| {
            let action = block.get("action")?.to_ascii_lowercase();
            let status = block.get("status").map_or("", |status| status.trim());
            let fate = match action.split_whitespace().next() {
                Some("failed") => Some(failed(status)),
                Some("delayed") if status.starts_with('4') => Some(Returned::Delayed),
                _ => None,
            };
            let said = block.get("diagnostic-code").map_or("", |said| said.trim());
            Some((fate, format!("{status} {said}").trim().to_owned()))
        })
        .collect()
}

/// A failure by its status (RFC 3463). A full mailbox, a mail that is too large and a policy say nothing of the
/// address: they are counted like what may pass.
fn failed(status: &str) -> Returned {
    let passing = ["5.2.2", "5.2.3", "5.3.4"]
        .iter()
        .any(|known| status.starts_with(known));
    if status.starts_with("5.") && !passing && !status.starts_with("5.7.") {
        Returned::Bounced
    } else {
        Returned::Undelivered
    }
}

/// What a feedback report says.
fn complaint(text: &[u8]) -> Option<(Option<Returned>, String)> {
    let text = String::from_utf8_lossy(text).replace("\r\n", "\n");
    let fields = fields(&text);
    let kind = fields.get("feedback-type")?.trim().to_ascii_lowercase();
    let agent = fields.get("user-agent").map_or("", |agent| agent.trim());
    let fate = match kind.as_str() {
        "not-spam" | "auth-failure" | "dmarc" => None,
        _ => Some(Returned::Complained),
    };
    Some((fate, format!("{kind} {agent}").trim().to_owned()))
}

/// The fields of a block, folded lines joined, by name in lower case.
fn fields(block: &str) -> std::collections::BTreeMap<String, String> {
    let mut fields = std::collections::BTreeMap::new();
    let mut last: Option<String> = None;
    for line in block.lines() {
        if line.starts_with([' ', '\t']) {
            let folded = last.as_ref().and_then(|name| fields.get_mut(name));
            if let Some(value) = folded {
                let value: &mut String = value;
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let name = name.trim().to_ascii_lowercase();
            fields
                .entry(name.clone())
                .or_insert_with(|| value.trim().to_owned());
            last = Some(name);
        }
    }
    fields
}

/// The delivery that the headers of a returned mail name.
fn named_in(headers: &[u8], domain: &str) -> Option<DeliveryId> {
    let headers = MessageParser::default().parse_headers(headers)?;
    ours(headers.message_id()?, domain)
}

/// The delivery that the report answers, where it brings nothing of the mail itself.
fn answered(report: &Message<'_>, domain: &str) -> Option<DeliveryId> {
    let ids = [report.in_reply_to(), report.references()];
    let ids = ids.into_iter().flat_map(|ids| {
        let list = ids.as_text_list().unwrap_or_default();
        list.iter().map(|id| id.to_string()).collect::<Vec<_>>()
    });
    ids.into_iter().find_map(|id| ours(&id, domain))
}

/// The delivery behind `delivery-id@domain`.
fn ours(message_id: &str, domain: &str) -> Option<DeliveryId> {
    let (id, host) = message_id.trim_matches(['<', '>']).split_once('@')?;
    host.eq_ignore_ascii_case(domain)
        .then(|| id.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0199d000-0000-7000-8000-000000000001";

    fn sample(text: &str) -> Report {
        read(text.replace("{ID}", ID).as_bytes(), "belfry.test").unwrap()
    }

    const POSTFIX: &str = include_str!("../../tests/it/suppression/postfix.eml");
    const EXCHANGE: &str = include_str!("../../tests/it/suppression/exchange.eml");
    const DELAYED: &str = include_str!("../../tests/it/suppression/delayed.eml");
    const COMPLAINT: &str = include_str!("../../tests/it/suppression/complaint.eml");

    #[test]
    fn what_servers_write_is_understood() {
        let ours = Some(ID.parse().unwrap());
        for (text, fate, said) in [
            (
                POSTFIX,
                Some(Returned::Bounced),
                "5.1.1 smtp; 550-5.1.1 The email account",
            ),
            (
                EXCHANGE,
                Some(Returned::Bounced),
                "5.1.10 smtp;550 5.1.10 RESOLVER",
            ),
            (DELAYED, Some(Returned::Delayed), "4.2.2 smtp; 452 4.2.2"),
            (
                COMPLAINT,
                Some(Returned::Complained),
                "abuse SomeGenerator/1.0",
            ),
        ] {
            for text in [text.to_owned(), text.replace('\n', "\r\n")] {
                let report = sample(&text);
                assert_eq!((report.delivery, report.fate), (ours, fate), "{text}");
                assert!(report.detail.starts_with(said), "{}", report.detail);
            }
        }
    }

    #[test]
    fn a_mail_is_found_by_what_the_report_answers_where_it_brings_nothing_back() {
        let cut = EXCHANGE
            .split("Content-Type: message/rfc822")
            .next()
            .unwrap();
        assert_eq!(sample(cut).delivery, Some(ID.parse().unwrap()));
        let nothing = cut
            .replace("In-Reply-To", "X-A")
            .replace("References", "X-B");
        assert_eq!(sample(&nothing).delivery, None);
    }

    #[test]
    fn a_mail_of_somebody_else_is_not_taken_for_ours() {
        let foreign = POSTFIX.replace("{ID}@belfry.test", "{ID}@elsewhere.test");
        assert_eq!(sample(&foreign).delivery, None);
        let odd = POSTFIX.replace("{ID}@belfry.test", "newsletter-7@belfry.test");
        assert_eq!(sample(&odd).delivery, None);
    }

    #[test]
    fn a_status_says_whether_the_address_is_at_fault() {
        let with = |status: &str| sample(&POSTFIX.replace("Status: 5.1.1", status)).fate;
        assert_eq!(with("Status: 5.2.1"), Some(Returned::Bounced));
        assert_eq!(with("Status: 5.0.0"), Some(Returned::Bounced));
        assert_eq!(with("Status: 5.2.2"), Some(Returned::Undelivered), "full");
        assert_eq!(
            with("Status: 5.7.1"),
            Some(Returned::Undelivered),
            "a policy"
        );
        assert_eq!(
            with("Status: 4.4.7"),
            Some(Returned::Undelivered),
            "given up"
        );
        let action = |action: &str| sample(&POSTFIX.replace("Action: failed", action)).fate;
        assert_eq!(action("Action: delivered"), None);
        assert_eq!(
            action("Action: relayed (to a server without reports)"),
            None
        );
        let kind = |kind: &str| sample(&COMPLAINT.replace("abuse\nUser", kind)).fate;
        assert_eq!(kind("not-spam\nUser"), None);
        assert_eq!(kind("fraud\nUser"), Some(Returned::Complained));
    }

    #[test]
    fn anything_else_is_no_report() {
        for text in [
            "",
            "\0\u{1}",
            "From: a@b\nSubject: Out of office\n\nI am away.",
            "Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\nno fields",
        ] {
            assert_eq!(
                read(text.as_bytes(), "belfry.test"),
                Err(NoReport),
                "{text:?}"
            );
        }
        let cut: Vec<_> = (0..POSTFIX.len()).step_by(97).collect();
        for end in cut {
            // Whatever is missing at the end, reading it ends well.
            let _ = read(&POSTFIX.as_bytes()[..end], "belfry.test");
        }
    }
}
