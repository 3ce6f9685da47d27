//! Calls to an address that somebody typed: bounded in time and size, through redirects that are judged like the
//! address itself.

use std::io::Read;
use std::time::Duration;

use belfry_actors::importer::Fault;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION,
};
use reqwest::{Client, Method, Response};
use url::Url;

use super::Access;
use crate::channel::guard::{Guard, forbidden};

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;
/// Bytes of an answer, as they are sent and unpacked.
pub(super) const MOST: usize = 10 * 1024 * 1024;

/// Calls servers of others.
pub(super) struct Web {
    http: Client,
    guard: Guard,
}

/// What a server answered, whole.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Where it came from in the end.
    pub url: Url,
    body: Vec<u8>,
}

impl Answer {
    /// The body as text; what is no UTF-8 in it is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Lets success through.
pub(super) fn accept(status: u16) -> Result<(), Fault> {
    Err(Fault(match status {
        200..300 => return Ok(()),
        401 | 403 => "unauthorized",
        404 | 410 => "not_found",
        429 => "limited",
        500.. => "server_error",
        _ => "refused",
    }))
}

impl Web {
    /// Calls what `guard` lets through; each call may take `patience`.
    pub fn new(guard: Guard, patience: Duration) -> reqwest::Result<Self> {
        Ok(Self {
            http: guard.client(patience)?,
            guard,
        })
    }

    /// Sends a request and reads the answer, whatever its status.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send(
        &self,
        method: Method,
        url: Url,
        access: &Access,
        headers: &[(HeaderName, String)],
        body: Option<&str>,
    ) -> Result<Answer, Fault> {
        let home = address_of(access).map(|url| url.origin());
        let mut url = url;
        for _ in 0..=MOST_REDIRECTS {
            self.guard
                .check_form(&url)
                .map_err(|_| Fault("forbidden_address"))?;
            let mut request = self.http.request(method.clone(), url.clone());
            request = request.header(ACCEPT_ENCODING, "gzip");
            for (name, value) in headers {
                request = request.header(name, value);
            }
            if let Some(body) = body {
                request = request
                    .header(CONTENT_TYPE, "application/xml; charset=utf-8")
                    .body(body.to_owned());
            }
            // Elsewhere nobody is shown the password.
            if let Some(username) = &access.username
                && home.as_ref() == Some(&url.origin())
            {
                request = request.basic_auth(username, access.password.as_ref());
            }
            let response = request.send().await.map_err(|error| fault(&error))?;
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return read(response, url).await;
            }
            let target = response.headers().get(LOCATION);
            let target = target.and_then(|target| target.to_str().ok());
            let target = target.ok_or(Fault("refused"))?;
            url = url.join(target).map_err(|_| Fault("refused"))?;
        }
        Err(Fault("too_many_redirects"))
    }
}

fn address_of(access: &Access) -> Option<Url> {
    super::address(&access.url).ok()
}

async fn read(mut response: Response, url: Url) -> Result<Answer, Fault> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| fault(&error))? {
        if body.len() + part.len() > MOST {
            return Err(Fault("too_large"));
        }
        body.extend_from_slice(&part);
    }
    let packed = headers.get(CONTENT_ENCODING);
    if packed.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"gzip")) {
        body = unpacked(&body)?;
    }
    Ok(Answer {
        status,
        headers,
        url,
        body,
    })
}

/// Unpacks gzip as far as anybody may send.
fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Fault> {
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    let mut body = Vec::new();
    flate2::read::MultiGzDecoder::new(packed)
        .take(most + 1)
        .read_to_end(&mut body)
        .map_err(|_| Fault("refused"))?;
    if body.len() > MOST {
        return Err(Fault("too_large"));
    }
    Ok(body)
}

fn fault(error: &reqwest::Error) -> Fault {
    Fault(if forbidden(error).is_some() {
        "forbidden_address"
    } else if error.is_timeout() {
        "too_slow"
    } else {
        "unreachable"
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn what_unpacks_to_too_much_is_not_unpacked() {
        assert_eq!(unpacked(&packed(b"BEGIN")).unwrap(), b"BEGIN");
        let bomb = packed(&vec![b' '; MOST + 1]);
        assert!(bomb.len() < MOST / 100, "{}", bomb.len());
        assert_eq!(unpacked(&bomb), Err(Fault("too_large")));
        assert_eq!(unpacked(b"plain"), Err(Fault("refused")));
        let cut = packed(b"BEGIN:VCALENDAR");
        assert_eq!(unpacked(&cut[..cut.len() - 9]), Err(Fault("refused")));
    }
}
