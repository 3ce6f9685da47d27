//! Where the guard lets one go.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A name that shows something else at each look.
struct Changing(Vec<Vec<IpAddr>>, AtomicUsize);

impl Changing {
    fn new(looks: &[&[&str]]) -> Arc<Self> {
        let parsed = |look: &&[&str]| look.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(
            looks.iter().map(parsed).collect(),
            AtomicUsize::new(0),
        ))
    }
}

#[async_trait::async_trait]
impl Names for Changing {
    async fn look_up(&self, _: &str) -> Vec<IpAddr> {
        let look = self.1.fetch_add(1, Ordering::SeqCst);
        self.0[look.min(self.0.len() - 1)].clone()
    }
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[test]
fn only_public_addresses_are_public() {
    let inside = [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ];
    for address in inside {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    let outside = [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "172.15.0.1",
        "172.32.0.1",
        "192.169.0.1",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "64:ff9b::808:808",
    ];
    for address in outside {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[tokio::test]
async fn an_address_is_judged_however_it_is_written() {
    let guard = Guard::over(false, Changing::new(&[&["8.8.8.8"]]));
    for (address, fault) in [
        ("http://push.example/x", Forbidden::Form),
        ("ftp://push.example/x", Forbidden::Form),
        ("https://user@push.example/x", Forbidden::Form),
        ("https://user:word@push.example/x", Forbidden::Form),
        ("data:text/plain,x", Forbidden::Form),
        ("https://127.0.0.1/x", Forbidden::Inside),
        ("https://2130706433/x", Forbidden::Inside),
        ("https://0x7f.1/x", Forbidden::Inside),
        ("https://017700000001/x", Forbidden::Inside),
        (
            "https://169.254.169.254/latest/meta-data",
            Forbidden::Inside,
        ),
        ("https://[::1]/x", Forbidden::Inside),
        ("https://[::ffff:10.0.0.1]/x", Forbidden::Inside),
        ("https://[::ffff:169.254.169.254]/x", Forbidden::Inside),
        ("https://[fd00:ec2::254]/x", Forbidden::Inside),
    ] {
        assert_eq!(guard.check(&url(address)).await, Err(fault), "{address}");
    }
    assert_eq!(guard.check(&url("https://push.example/x")).await, Ok(()));
    assert_eq!(guard.check(&url("https://8.8.8.8/x")).await, Ok(()));
}

#[tokio::test]
async fn a_name_is_judged_by_every_address_it_has() {
    let check = async |looks: &[&[&str]]| {
        let guard = Guard::over(false, Changing::new(looks));
        guard.check(&url("https://push.example/x")).await
    };
    assert_eq!(check(&[&["8.8.8.8", "1.1.1.1"]]).await, Ok(()));
    assert_eq!(check(&[&[]]).await, Err(Forbidden::Unknown));
    for inside in ["10.0.0.1", "::1", "::ffff:8.8.8.8", "169.254.169.254"] {
        let fault = Err(Forbidden::Inside);
        assert_eq!(check(&[&[inside]]).await, fault, "{inside}");
        assert_eq!(check(&[&["8.8.8.8", inside]]).await, fault, "{inside}");
    }
}

#[tokio::test]
async fn a_name_that_turns_inside_after_it_was_judged_is_not_connected_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = url(&format!("https://push.example:{port}/x"));
    let guard = Guard::over(false, Changing::new(&[&["8.8.8.8"], &["127.0.0.1"]]));
    assert_eq!(guard.check(&address).await, Ok(()), "as it is registered");
    let client = guard.client(Duration::from_secs(5)).unwrap();
    let error = client.post(address).send().await.unwrap_err();
    assert_eq!(forbidden(&error), Some(Forbidden::Inside), "{error:?}");
    let nobody = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await;
    assert!(nobody.is_err(), "somebody came");
}

#[tokio::test]
async fn loopback_is_let_through_only_where_it_is_allowed() {
    let names = Changing::new(&[&["127.0.0.1"]]);
    let open = Guard::over(true, names.clone());
    let shut = Guard::over(false, names);
    for address in [
        "http://127.0.0.1:1/x",
        "http://[::1]:1/x",
        "http://localhost:1/x",
    ] {
        assert_eq!(open.check(&url(address)).await, Ok(()), "{address}");
        assert!(shut.check(&url(address)).await.is_err(), "{address}");
    }
    let plain = url("http://push.example/x");
    assert_eq!(open.check(&plain).await, Err(Forbidden::Form));
    let private = url("http://10.0.0.1/x");
    assert_eq!(open.check(&private).await, Err(Forbidden::Inside));
}
