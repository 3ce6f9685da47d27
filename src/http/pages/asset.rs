//! Files as the app has them: each as it lies in `static/`, and its style sheets as one, so that a first view asks for
//! one and not for each.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::Files;

/// The style sheets that the app's page names, one after the other.
pub const STYLES: &str = "css/app.css";

/// What is served below `/static/`.
pub struct Asset {
    pub data: Cow<'static, [u8]>,
    /// SHA-256 of the data.
    pub digest: [u8; 32],
    pub content_type: String,
}

impl Asset {
    pub fn get(path: &str) -> Option<Self> {
        if path == STYLES {
            return Self::styles();
        }
        let file = Files::get(path)?;
        Some(Self {
            digest: file.metadata.sha256_hash(),
            content_type: file.metadata.mimetype().to_owned(),
            data: file.data,
        })
    }

    fn styles() -> Option<Self> {
        let index = text("index.html")?;
        let sheets: Option<Vec<String>> = index.lines().filter_map(style_sheet).map(text).collect();
        let data = sheets?.join("\n").into_bytes();
        Some(Self {
            digest: Sha256::digest(&data).into(),
            content_type: "text/css; charset=utf-8".to_owned(),
            data: data.into(),
        })
    }
}

/// A file of text.
pub fn text(path: &str) -> Option<String> {
    let file = Files::get(path)?;
    Some(String::from_utf8_lossy(&file.data).into_owned())
}

/// The style sheet that a line of the page names.
pub fn style_sheet(line: &str) -> Option<&str> {
    let link = line
        .trim()
        .strip_prefix("<link rel=\"stylesheet\" href=\"/static/")?;
    link.split_once('"').map(|(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_style_sheet_has_every_rule_of_those_that_the_page_names_in_their_order() {
        let index = text("index.html").unwrap();
        let named: Vec<&str> = index.lines().filter_map(style_sheet).collect();
        assert!(named.len() > 5, "{named:?}");
        let whole = Asset::get(STYLES).unwrap();
        let whole = std::str::from_utf8(&whole.data).unwrap();
        let mut at = 0;
        for sheet in named {
            let sheet = text(sheet).unwrap();
            at += whole[at..].find(&sheet).unwrap() + sheet.len();
        }
        assert_eq!(at, whole.len());
    }
}
