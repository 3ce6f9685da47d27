//! The rules and the texts in force: read once, and read anew when somebody edited them on any node.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use belfry_domain::proof;
use belfry_domain::rule::RuleBook;
use belfry_domain::setting::{self, HouseSettings};
use belfry_domain::template::{Override, Templates};
use belfry_domain::webhook::Hook;
use belfry_store::template::Version;
use belfry_store::{Store, StoreError, versions};
use tracing::error;

use crate::setting::InForce;

/// What a batch is planned by, from its beginning to its end.
pub struct Book {
    versions: BTreeMap<String, i64>,
    pub rules: RuleBook,
    pub templates: Arc<Templates>,
    /// Servers of others that hear of events.
    pub hooks: Vec<Hook>,
}

impl Book {
    /// Whether it has every edit that these versions count.
    pub fn is_as_edited(&self, versions: &BTreeMap<String, i64>) -> bool {
        self.versions == *versions
    }

    /// The same texts with other rules.
    pub fn with_rules(&self, rules: RuleBook) -> Self {
        Self {
            versions: self.versions.clone(),
            rules,
            templates: self.templates.clone(),
            hooks: self.hooks.clone(),
        }
    }
}

/// The book of a node's planner.
pub struct Books {
    settings: InForce,
    /// The built-in texts of a house that gave itself no name.
    templates: Arc<Templates>,
    open: ArcSwapOption<Book>,
}

impl Books {
    /// Books whose texts are those built in, of a house with these settings.
    pub fn new(templates: Arc<Templates>, settings: InForce) -> Self {
        Self {
            settings,
            templates,
            open: ArcSwapOption::default(),
        }
    }

    /// The book as it stands now.
    ///
    /// # Errors
    /// When the database fails, or something in the book cannot be read.
    pub async fn open(&self, store: &Store) -> Result<Arc<Book>, StoreError> {
        let versions = store.versions().await?;
        let open = self.open.load_full();
        if let Some(book) = open.as_ref().filter(|book| book.is_as_edited(&versions)) {
            return Ok(book.clone());
        }
        // Read after the versions: what is edited meanwhile is read once more, never overlooked.
        let known = self.settings.now();
        let named = versions::Book::Settings.as_str();
        let kept = match versions.get(named) == Some(&known.version) {
            true => known,
            false => self.settings.refresh(store).await?,
        };
        let texts = [versions::Book::Templates.as_str(), named];
        let same = |book: &Arc<Book>| {
            let same = |name: &&str| book.versions.get(*name) == versions.get(*name);
            texts.iter().all(same)
        };
        let templates = match open.filter(same) {
            Some(book) => book.templates.clone(),
            None => self.texts(store, &kept.settings).await?,
        };
        let book = Arc::new(Book {
            rules: store.rule_book().await?,
            hooks: store.hooks().await?,
            templates,
            versions,
        });
        self.open.store(Some(book.clone()));
        Ok(book)
    }

    /// The texts in force. An own one that no longer suits every reader, as after an update of the house, is left
    /// out: the built-in one serves, which is better than none.
    async fn texts(
        &self,
        store: &Store,
        settings: &HouseSettings,
    ) -> Result<Arc<Templates>, StoreError> {
        let own = store.templates().await?;
        if own.is_empty() && settings.name == setting::NAME && settings.contact.is_none() {
            return Ok(self.templates.clone());
        }
        let made = tokio::task::spawn_blocking(move || {
            let suits = |version: &Version| {
                let key = &version.key;
                let faults = proof::faults(&key.kind, key.medium, &key.language, &version.sections);
                for fault in &faults {
                    let place = format!("{}/{}/{}", key.kind, key.medium.as_str(), key.language);
                    let (part, detail) = (&fault.pointer, &fault.detail);
                    error!(place, part, detail, "an own text is left out: {place}");
                }
                faults.is_empty()
            };
            let own = own.into_iter().filter(suits).map(Override::from);
            Templates::with(own)
        });
        let made = made
            .await
            .map_err(|panic| StoreError::Unreadable(panic.to_string()))?;
        let (templates, faults) =
            made.map_err(|fault| StoreError::Unreadable(fault.to_string()))?;
        for fault in faults {
            error!(%fault, "an own text is left out");
        }
        let templates = templates.named(&settings.name, settings.contact.as_deref());
        Ok(Arc::new(templates))
    }
}
