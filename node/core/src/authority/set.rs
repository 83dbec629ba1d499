//! Sets of certificates.

use std::collections::BTreeMap;

use linli_replica::id::CertificateId;

use super::certificate::SpaceCertificate;

/// A set of space certificates, each once with every signature that came with any copy of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpaceCertificates(BTreeMap<CertificateId, SpaceCertificate>);

impl SpaceCertificates {
    /// Adds a certificate; says whether it brought something: itself, or a signature.
    pub fn add(&mut self, certificate: SpaceCertificate) -> bool {
        match self.0.get_mut(&certificate.id()) {
            Some(held) => held.merge(&certificate),
            None => self.0.insert(certificate.id(), certificate).is_none(),
        }
    }

    /// Looks a certificate up.
    #[must_use]
    pub fn get(&self, id: &CertificateId) -> Option<&SpaceCertificate> {
        self.0.get(id)
    }

    /// Lists the certificates by id.
    pub fn iter(&self) -> impl Iterator<Item = (&CertificateId, &SpaceCertificate)> {
        self.0.iter()
    }

    /// Counts the certificates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<SpaceCertificate> for SpaceCertificates {
    fn from_iter<I: IntoIterator<Item = SpaceCertificate>>(certificates: I) -> Self {
        let mut set = Self::default();
        for certificate in certificates {
            set.add(certificate);
        }
        set
    }
}
