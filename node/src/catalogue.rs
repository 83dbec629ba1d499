//! What this node can read, by name: rows kept sealed in the store, so that lists open no document.

use std::collections::{BTreeMap, BTreeSet};

use linli_core::engine::Changed;
use linli_model::contact::Rule;
use linli_model::document::DocumentName;
use linli_replica::batch::{Erase, Record, Shelf};
use linli_replica::id::{DocTag, SpaceTag};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod phones;

pub(crate) use phones::Numbers;
use phones::Phones;

/// A document's name in a node: which elder it is about, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// `<elder>/<document>`.
    Elder(Uuid, DocumentName),
    /// A document that is about no one elder.
    Plain(DocumentName),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Elder(elder, document) => write!(f, "{elder}/{document}"),
            Self::Plain(document) => write!(f, "{document}"),
        }
    }
}

impl Name {
    /// Reads a name as another node wrote it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(document) = text.parse() {
            return Some(Self::Plain(document));
        }
        let (elder, rest) = text.split_once('/')?;
        let name = Self::Elder(elder.parse().ok()?, rest.parse().ok()?);
        (name.to_string() == text).then_some(name)
    }
}

/// What a list shows of an elder, and what matching compares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ElderSummary {
    pub(crate) names: Vec<String>,
    pub(crate) sex: Option<String>,
    pub(crate) birth_date: Option<String>,
    pub(crate) national_id: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) conflicts: u64,
    /// By which numbers a caller is known; none in rows of a time before they were kept.
    #[serde(default)]
    pub(crate) numbers: Option<Numbers>,
    /// What the profile says of contact; none in rows of a time before it was kept.
    #[serde(default)]
    pub(crate) contact: Option<Rule>,
    /// By what plans select, all values side by side.
    #[serde(default)]
    pub(crate) living: Vec<String>,
    #[serde(default)]
    pub(crate) ability: Vec<String>,
    #[serde(default)]
    pub(crate) addresses: Vec<String>,
    #[serde(default)]
    pub(crate) birth_dates: Vec<String>,
}

/// One readable document.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) space: SpaceTag,
    pub(crate) name: Name,
    pub(crate) summary: Option<ElderSummary>,
}

/// A consent that was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Withdrawn {
    /// The consent's id.
    pub(crate) consent: String,
    /// To whom it was, as an id.
    pub(crate) party: String,
    /// When it was withdrawn.
    pub(crate) at_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredRow {
    space: String,
    name: String,
    summary: Option<ElderSummary>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withdrawn: Vec<Withdrawn>,
}

/// The documents this node can read.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    rows: BTreeMap<DocTag, Row>,
    /// The profiles among them, by elder.
    profiles: BTreeSet<(Uuid, DocTag)>,
    /// What was withdrawn, by the document that the consents stand in.
    withdrawn: BTreeMap<DocTag, Vec<Withdrawn>>,
    phones: Phones,
    stale: BTreeSet<DocTag>,
    news: BTreeSet<Changed>,
    /// Alerts, orders, plans, contacts, files and sensors from before this start, which are news once each, the alerts first.
    unseen: BTreeSet<(bool, Changed)>,
}

impl Catalogue {
    /// Begins with the rows of the store; those that cannot be read are made again.
    pub(crate) fn load(records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let mut catalogue = Self::default();
        for (key, value) in records {
            let Ok(document) = key.try_into().map(DocTag) else { continue };
            let Ok(stored) = serde_json::from_slice::<StoredRow>(&value) else { continue };
            let (Ok(space), Some(name)) = (stored.space.parse(), Name::parse(&stored.name)) else {
                continue;
            };
            if let Name::Plain(
                DocumentName::Alert(_) | DocumentName::Order(_) | DocumentName::Plan(_),
            )
            | Name::Elder(
                _,
                DocumentName::Contacts
                | DocumentName::Checks
                | DocumentName::Files
                | DocumentName::Sensors,
            ) = &name
            {
                let is_later = !matches!(name, Name::Plain(DocumentName::Alert(_)));
                catalogue.unseen.insert((is_later, Changed { space, document, urgent: false }));
            }
            if let Some(summary) = &stored.summary {
                match &summary.numbers {
                    Some(numbers) => catalogue.phones.put(document, numbers),
                    None => drop(catalogue.stale.insert(document)),
                }
                if summary.contact.is_none() {
                    catalogue.stale.insert(document);
                }
            }
            catalogue.insert(document, Row { space, name, summary: stored.summary });
            catalogue.set_withdrawn(document, stored.withdrawn);
        }
        catalogue
    }

    /// Notes that documents may look different.
    pub(crate) fn changed(&mut self, changed: BTreeSet<Changed>) {
        self.news.extend(changed);
    }

    /// Everybody's rights may differ: every view is made again.
    pub(crate) fn directory_changed(&mut self) {
        self.stale.extend(self.rows.keys());
    }

    /// Takes what changed since it was asked last.
    pub(crate) fn take_news(&mut self) -> BTreeSet<Changed> {
        std::mem::take(&mut self.news)
    }

    pub(crate) fn put(&mut self, document: DocTag, space: SpaceTag, name: Name) {
        if !self.rows.contains_key(&document) {
            self.insert(document, Row { space, name, summary: None });
        }
        self.stale.insert(document);
    }

    fn insert(&mut self, document: DocTag, row: Row) {
        if let Name::Elder(elder, DocumentName::Profile) = row.name {
            self.profiles.insert((elder, document));
        }
        self.rows.insert(document, row);
    }

    /// Makes one document from before this start news.
    pub(crate) fn see_one(&mut self) {
        self.news.extend(self.unseen.pop_first().map(|(_, changed)| changed));
    }

    /// Whether alerts from before this start are left that are no news yet, or news that nobody has looked at.
    pub(crate) fn has_alerts_to_see(&self) -> bool {
        !self.news.is_empty() || self.unseen.first().is_some_and(|(is_later, _)| !is_later)
    }

    /// Whether everything from before this start was looked at that is looked at once.
    pub(crate) fn has_seen_all(&self) -> bool {
        self.unseen.is_empty() && self.news.is_empty()
    }

    /// Whether there is something left to be looked at when there is time.
    pub(crate) fn has_stale(&self) -> bool {
        !self.stale.is_empty() || !self.unseen.is_empty()
    }

    pub(crate) fn is_stale(&self, document: &DocTag) -> bool {
        self.stale.contains(document)
    }

    pub(crate) fn take_stale(&mut self) -> Option<DocTag> {
        self.stale.pop_first()
    }

    /// Sets what lists show of a document; returns the record to store where it is news.
    pub(crate) fn summarise(
        &mut self,
        document: DocTag,
        summary: Option<ElderSummary>,
        withdrawn: Vec<Withdrawn>,
    ) -> Option<Record> {
        let row = self.rows.get_mut(&document)?;
        if let Some(numbers) = row.summary.as_ref().and_then(|before| before.numbers.as_ref()) {
            self.phones.remove(document, numbers);
        }
        if let Some(numbers) = summary.as_ref().and_then(|summary| summary.numbers.as_ref()) {
            self.phones.put(document, numbers);
        }
        row.summary = summary;
        let stored = StoredRow {
            space: row.space.to_string(),
            name: row.name.to_string(),
            summary: row.summary.clone(),
            withdrawn,
        };
        let value = serde_json::to_vec(&stored).ok()?;
        self.set_withdrawn(document, stored.withdrawn);
        Some(Record { shelf: Shelf::View, key: document.0.to_vec(), value: Some(value) })
    }

    fn set_withdrawn(&mut self, document: DocTag, withdrawn: Vec<Withdrawn>) {
        if withdrawn.is_empty() {
            self.withdrawn.remove(&document);
        } else {
            self.withdrawn.insert(document, withdrawn);
        }
    }

    /// Lists the consents that were withdrawn, the newest few of each elder.
    pub(crate) fn withdrawn(&self) -> impl Iterator<Item = (Uuid, &Withdrawn)> {
        self.withdrawn.iter().flat_map(|(document, all)| {
            let elder = match self.rows.get(document).map(|row| &row.name) {
                Some(Name::Elder(elder, _)) => Some(*elder),
                Some(Name::Plain(_)) | None => None,
            };
            elder.into_iter().flat_map(move |elder| all.iter().map(move |of| (elder, of)))
        })
    }

    /// Forgets documents or a whole space; returns the records to remove.
    pub(crate) fn erase(&mut self, erase: &Erase) -> Vec<Record> {
        let stays = |changed: &Changed| !erase.covers(&changed.space, &changed.document);
        self.news.retain(stays);
        self.unseen.retain(|(_, changed)| stays(changed));
        let of = self.rows.extract_if(.., |document, row| erase.covers(&row.space, document));
        let gone: Vec<(DocTag, Row)> = of.collect();
        for (document, row) in &gone {
            if let Name::Elder(elder, _) = row.name {
                self.profiles.remove(&(elder, *document));
            }
            if let Some(numbers) = row.summary.as_ref().and_then(|summary| summary.numbers.as_ref())
            {
                self.phones.remove(*document, numbers);
            }
            self.withdrawn.remove(document);
            self.stale.remove(document);
        }
        let record = |tag: DocTag| Record { shelf: Shelf::View, key: tag.0.to_vec(), value: None };
        gone.into_iter().map(|(document, _)| record(document)).collect()
    }

    pub(crate) fn get(&self, document: &DocTag) -> Option<&Row> {
        self.rows.get(document)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (&DocTag, &Row)> {
        self.rows.iter()
    }

    /// Lists the elders this node has a profile of.
    pub(crate) fn elders(&self) -> impl Iterator<Item = (Uuid, &Row, &ElderSummary)> {
        self.rows.values().filter_map(|row| match (&row.name, &row.summary) {
            (Name::Elder(elder, DocumentName::Profile), Some(summary)) => {
                Some((*elder, row, summary))
            }
            _ => None,
        })
    }

    /// Lists the elders who are known by a number, and whether it is their own or a contact's.
    pub(crate) fn callers(
        &self,
        number: &str,
    ) -> impl Iterator<Item = (Uuid, &ElderSummary, bool)> {
        self.phones.of(number).into_iter().filter_map(|(document, is_own)| {
            let row = self.rows.get(&document)?;
            match (&row.name, &row.summary) {
                (Name::Elder(elder, _), Some(summary)) => Some((*elder, summary, is_own)),
                _ => None,
            }
        })
    }

    /// Lists the profiles of one elder, without a look at every row.
    pub(crate) fn profiles_of(&self, elder: Uuid) -> impl Iterator<Item = DocTag> {
        let all = (elder, DocTag([0; 32]))..=(elder, DocTag([u8::MAX; 32]));
        self.profiles.range(all).map(|(_, document)| *document)
    }

    /// Lists the documents about one elder.
    pub(crate) fn of_elder(&self, elder: Uuid) -> impl Iterator<Item = (&DocTag, &Row)> {
        self.rows.iter().filter(move |(_, row)| match &row.name {
            Name::Elder(of, _) => *of == elder,
            Name::Plain(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: SpaceTag = SpaceTag([9; 32]);

    fn erase(catalogue: &mut Catalogue, document: DocTag) {
        let documents = Some([document].into());
        catalogue.erase(&Erase { space: SPACE, documents });
    }

    #[test]
    fn the_profiles_of_an_elder_are_those_among_the_rows() {
        let mut catalogue = Catalogue::default();
        let (elder, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (number, elder, document) in [
            (1, elder, DocumentName::Profile),
            (2, elder, DocumentName::Consents),
            (3, elder, DocumentName::Profile),
            (4, other, DocumentName::Profile),
        ] {
            catalogue.put(DocTag([number; 32]), SPACE, Name::Elder(elder, document));
        }
        let of = |catalogue: &Catalogue| catalogue.profiles_of(elder).collect::<Vec<_>>();
        assert_eq!(of(&catalogue), [DocTag([1; 32]), DocTag([3; 32])]);
        erase(&mut catalogue, DocTag([1; 32]));
        assert_eq!(of(&catalogue), [DocTag([3; 32])]);
        let stored = catalogue.summarise(DocTag([3; 32]), None, Vec::new()).unwrap();
        let loaded = Catalogue::load([(stored.key, stored.value.unwrap())]);
        assert_eq!(of(&loaded), [DocTag([3; 32])]);
    }

    #[test]
    fn alerts_from_before_a_start_are_to_be_seen_until_they_were() {
        let mut catalogue = Catalogue::default();
        let names =
            [DocumentName::Alert(Uuid::from_u128(1)), DocumentName::Order(Uuid::from_u128(2))];
        let stored: Vec<(Vec<u8>, Vec<u8>)> = (1..)
            .zip(names)
            .map(|(number, name)| {
                let document = DocTag([number; 32]);
                catalogue.put(document, SPACE, Name::Plain(name));
                let record = catalogue.summarise(document, None, Vec::new()).unwrap();
                (record.key, record.value.unwrap())
            })
            .collect();
        let mut catalogue = Catalogue::load(stored);
        assert!(catalogue.has_alerts_to_see());
        catalogue.see_one();
        assert!(catalogue.has_alerts_to_see(), "it is news that nobody looked at");
        assert_eq!(catalogue.take_news().len(), 1);
        assert!(!catalogue.has_alerts_to_see(), "orders do not count");
        assert!(catalogue.has_stale());
    }
}
