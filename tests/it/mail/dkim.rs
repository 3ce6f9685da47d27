//! Signatures, checked by somebody else's code: dkimpy, which `scripts/install.sh dkim` installs.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use belfry::channel::{Dkim, Email};
use belfry_actors::{Outgoing, Provider};
use belfry_domain::delivery::{Attachment, Content};
use belfry_domain::id::DeliveryId;

use super::server::MailServer;

const PYTHON: &str = "/usr/bin/python3";

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/it/mail").join(name).display().to_string()
}

fn verify(key: &str, mail: &str) -> Output {
    let mut checker = Command::new(PYTHON)
        .args([&file("verify.py"), &file(key), "mail", "belfry.test"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = checker.stdin.take().unwrap();
    stdin.write_all(mail.as_bytes()).unwrap();
    drop(stdin);
    checker.wait_with_output().unwrap()
}

fn message(unsubscribe: Option<&str>) -> Outgoing {
    let now = "2026-12-01T02:00:00Z".parse().unwrap();
    Outgoing {
        id: DeliveryId::at(now),
        attempt: 1,
        kind: "booking.reminder".to_owned(),
        address: "ann@example.com".to_owned(),
        subject: "Nhắc hẹn: Nguyễn Thị Ánh, 01/12, 09:00 — a subject that is folded over lines"
            .to_owned(),
        content: Content {
            to_name: "Nguyễn Thị Minh Khai, a name that is long enough to be folded as well"
                .to_owned(),
            text: "Xin chào\n\n  trailing blanks   \n.\n\n\n".to_owned(),
            html: format!("<p>{}</p>", "Xin chào ".repeat(60)),
            attachments: vec![Attachment {
                name: "invite.ics".to_owned(),
                content_type: "text/calendar; charset=utf-8; method=REQUEST".to_owned(),
                text: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_owned(),
            }],
            unsubscribe: unsubscribe.map(str::to_owned),
            ..Content::default()
        },
        at: now,
    }
}

#[tokio::test]
async fn a_mail_as_it_arrives_carries_a_signature_that_others_accept() {
    let there = Command::new(PYTHON)
        .args(["-c", "import dkim, nacl"])
        .output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("NOT TRIED: needs python3-dkim and python3-nacl (scripts/install.sh dkim)");
        return;
    }
    let server = MailServer::start().await;
    let address = format!("smtp://127.0.0.1:{}", server.port());
    let long = format!(
        "https://belfry.test/unsubscribe/{}",
        "abcdefghij.".repeat(20)
    );
    let mut count = 0;
    for (key, algorithm) in [
        ("rsa.pem", "rsa-sha256"),
        ("rsa_pkcs1.pem", "rsa-sha256"),
        ("ed25519.pem", "ed25519-sha256"),
    ] {
        let pem = std::fs::read_to_string(file(key)).unwrap();
        // As a file, as text, and as text with its line ends written out.
        for given in [file(key), pem.clone(), pem.replace('\n', "\\n")] {
            let dkim = Dkim::new("mail", "belfry.test", &given).unwrap();
            let email = Email::new(&address, "Belfry <mail@belfry.test>", 1).unwrap();
            let email = email.signing(Arc::new(dkim));
            for link in [None, Some(long.as_str())] {
                email.send(&message(link)).await.unwrap();
                count += 1;
                let mail = server.mails(count).await[count - 1].raw.clone();
                let verified = verify(key, &mail);
                let said = String::from_utf8_lossy(&verified.stdout).to_lowercase();
                let fault = String::from_utf8_lossy(&verified.stderr);
                assert!(verified.status.success(), "{key}: {fault}\n{mail}");
                let (by, covered) = said.trim().split_once(' ').unwrap();
                assert_eq!(by, algorithm);
                let covered: Vec<&str> = covered.split(':').collect();
                for header in [
                    "from",
                    "to",
                    "subject",
                    "date",
                    "message-id",
                    "list-unsubscribe",
                    "list-unsubscribe-post",
                ] {
                    assert!(covered.contains(&header), "{header} is not in {covered:?}");
                }
                for (was, is) in [
                    ("Subject: ", "Subject: Cheap "),
                    ("BEGIN:VCALENDAR", "BEGIN:VCALENDER"),
                    ("From: ", "List-Unsubscribe: <https://thief.test>\r\nFrom: "),
                    ("From: Belfry", "From: Thief"),
                ] {
                    if link.is_some() && is.contains("thief") {
                        // A second one above the signed one is none of the signature's business.
                        continue;
                    }
                    let changed = mail.replacen(was, is, 1);
                    assert_ne!(changed, mail, "{was}");
                    assert!(!verify(key, &changed).status.success(), "{key}: {is}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_link_to_unsubscribe_has_the_header_that_makes_it_one_click() {
    let server = MailServer::start().await;
    let address = format!("smtp://127.0.0.1:{}", server.port());
    let email = Email::new(&address, "Belfry <mail@belfry.test>", 1).unwrap();
    email.send(&message(None)).await.unwrap();
    email
        .send(&message(Some("https://belfry.test/unsubscribe/x")))
        .await
        .unwrap();
    let mails = server.mails(2).await;
    assert!(!mails[0].raw.contains("List-Unsubscribe"));
    assert!(!mails[0].raw.contains("DKIM-Signature"));
    assert!(
        mails[1]
            .raw
            .contains("List-Unsubscribe: <https://belfry.test/unsubscribe/x>\r\n")
    );
    assert!(
        mails[1]
            .raw
            .contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    );
}
