//! Files as the app has them: each as it lies in `static/`, and its style sheets as one, so that a first view asks for
//! one and not for each. The page names them below a folder that is called after all that is in it, so what a browser keeps
//! of it stays true for ever.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::Files;

/// The style sheets that the app's page names, one after the other.
pub const STYLES: &str = "css/app.css";

/// Where the page finds its files: `/static/@` and what all of them are.
static FOLDER: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<Cow<'static, str>> = Files::iter().collect();
    names.sort_unstable();
    let mut all = Sha256::new();
    for name in names {
        all.update(name.as_bytes());
        all.update(Files::get(&name).map_or([0; 32], |file| file.metadata.sha256_hash()));
    }
    format!("/static/@{}/", URL_SAFE_NO_PAD.encode(&all.finalize()[..9]))
});

pub fn folder() -> &'static str {
    &FOLDER
}

/// The path of a file, without the folder of a release before it, and whether that is this one.
pub fn placed(path: &str) -> (&str, bool) {
    match path.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((release, path)) => (path, folder() == format!("/static/@{release}/")),
        None => (path, false),
    }
}

/// The app's page, as browsers get it but for what [`super::preload`] adds.
pub fn index() -> Option<String> {
    let lines = text("index.html")?;
    let lines = lines.lines().filter(|line| style_sheet(line).is_none());
    let page: Vec<String> = lines
        .map(|line| line.replace("\"/static/", &format!("\"{}", folder())))
        .collect();
    Some(page.join("\n"))
}

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

/// A file of text, by its path in `static/`.
pub fn text(path: &str) -> Option<String> {
    let file = Files::get(path)?;
    Some(String::from_utf8_lossy(&file.data).into_owned())
}

/// The style sheet that a line of the page names.
fn style_sheet(line: &str) -> Option<&str> {
    let link = line
        .trim()
        .strip_prefix("<link rel=\"stylesheet\" href=\"/static/")?;
    link.split_once('"').map(|(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_same_name_in_the_folder_of_each_release_and_lasts_in_this_one() {
        let here = format!("{}js/main.js", folder());
        let here = here.trim_start_matches("/static/");
        assert_eq!(placed(here), ("js/main.js", true));
        assert_eq!(placed("@of-another/js/main.js"), ("js/main.js", false));
        assert_eq!(placed("js/main.js"), ("js/main.js", false));
        assert_eq!(placed("@"), ("@", false));
    }

    #[test]
    fn the_page_names_nothing_outside_of_its_folder() {
        let page = index().unwrap();
        assert!(page.matches(folder()).count() > 7);
        assert!(!page.replace(folder(), "").contains("/static/"), "{page}");
    }

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
