//! The graph that the certificates of a space form by citing heads.

use std::collections::BTreeMap;

use linli_replica::id::CertificateId;

use super::certificate::SpaceCertificate;

/// A set of places in the graph.
#[derive(Debug, Clone, Default)]
struct Places(Vec<u64>);

impl Places {
    fn contains(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn insert(&mut self, place: usize) {
        if self.0.len() <= place / 64 {
            self.0.resize(place / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, theirs) in self.0.iter_mut().zip(&other.0) {
            *word |= theirs;
        }
    }
}

/// The certificates whose ancestors are all here, each after its ancestors.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    nodes: Vec<(CertificateId, &'a SpaceCertificate)>,
    places: BTreeMap<CertificateId, usize>,
    ancestors: Vec<Places>,
    /// Certificates that cite others not here, or not placed for the same reason.
    pub(super) waiting: BTreeMap<CertificateId, Vec<CertificateId>>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(
        certificates: impl Iterator<Item = (CertificateId, &'a SpaceCertificate)>,
    ) -> Self {
        let mut graph = Self {
            nodes: Vec::new(),
            places: BTreeMap::new(),
            ancestors: Vec::new(),
            waiting: BTreeMap::new(),
        };
        let mut children: BTreeMap<CertificateId, Vec<CertificateId>> = BTreeMap::new();
        let mut unplaced: BTreeMap<CertificateId, (&SpaceCertificate, usize)> = BTreeMap::new();
        let mut ready = Vec::new();
        for (id, certificate) in certificates {
            let heads = &certificate.body().heads;
            for head in heads {
                children.entry(*head).or_default().push(id);
            }
            if heads.is_empty() {
                ready.push((id, certificate));
            } else {
                unplaced.insert(id, (certificate, heads.len()));
            }
        }
        // A citation is a hash of what it cites: there is no circle.
        while let Some((id, certificate)) = ready.pop() {
            graph.place(id, certificate);
            for child in children.remove(&id).unwrap_or_default() {
                let Some((_, missing)) = unplaced.get_mut(&child) else { continue };
                *missing -= 1;
                if *missing == 0
                    && let Some((certificate, _)) = unplaced.remove(&child)
                {
                    ready.push((child, certificate));
                }
            }
        }
        for (id, (certificate, _)) in unplaced {
            let heads = certificate.body().heads.iter();
            let missing = heads.filter(|head| !graph.places.contains_key(head)).copied().collect();
            graph.waiting.insert(id, missing);
        }
        graph
    }

    fn place(&mut self, id: CertificateId, certificate: &'a SpaceCertificate) {
        let mut ancestors = Places::default();
        for head in &certificate.body().heads {
            let Some(place) = self.places.get(head) else { continue };
            ancestors.insert(*place);
            if let Some(theirs) = self.ancestors.get(*place) {
                ancestors.join(theirs);
            }
        }
        self.places.insert(id, self.nodes.len());
        self.nodes.push((id, certificate));
        self.ancestors.push(ancestors);
    }

    /// Lists the certificates, ancestors first, with their places.
    pub(super) fn iter(
        &self,
    ) -> impl Iterator<Item = (usize, CertificateId, &'a SpaceCertificate)> + use<'_, 'a> {
        self.nodes.iter().enumerate().map(|(place, (id, certificate))| (place, *id, *certificate))
    }

    pub(super) fn place_of(&self, id: &CertificateId) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(super) fn id(&self, place: usize) -> Option<CertificateId> {
        self.nodes.get(place).map(|(id, _)| *id)
    }

    pub(super) fn certificate(&self, place: usize) -> Option<&'a SpaceCertificate> {
        self.nodes.get(place).map(|(_, certificate)| *certificate)
    }

    /// Says whether `earlier` is an ancestor of `later`; nothing is its own ancestor.
    pub(super) fn precedes(&self, earlier: usize, later: usize) -> bool {
        self.ancestors.get(later).is_some_and(|ancestors| ancestors.contains(earlier))
    }
}
