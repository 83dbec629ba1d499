//! What a courier brings: the same checks, quotas and commits as for what comes over a connection,
//! without a session.

use std::collections::BTreeSet;

use minicbor::bytes::ByteVec;

use super::api::{Carried, Output, Refused};
use super::commits::Parcel;
use super::parcels::{Fresh, Parcels};
use super::world::World;
use crate::entry::{Entry, Urgency, VerifiedPage};
use crate::frame::{Frame, Pages};
use crate::held::Held;
use crate::id::{DocTag, NodeId};
use crate::index::Admission;
use crate::limits::URGENT_RATE_BYTES_MAX;
use crate::session::fetch::verify;

impl World {
    /// Takes one frame of a courier file in, which `from` packed.
    pub(crate) fn carried_frame(
        &mut self,
        held: &dyn Held,
        from: NodeId,
        frame: Frame,
        outputs: &mut Vec<Output>,
    ) {
        let (mut carried, carrier) = (Carried::default(), self.policy.carrier);
        // Certificates show by themselves what they are.
        let proves = matches!(frame, Frame::Certificates(_));
        if !proves && self.directory.admits(&from, self.now).is_err() {
            carried.refuse(Refused::NotShared);
        } else {
            match frame {
                Frame::Certificates(list) => {
                    self.carried_certificates(from, &list.certificates, &mut carried);
                }
                Frame::Adopt(adopt) => {
                    for space in adopt.tags.into_iter().filter(|_| carrier) {
                        if !self.adopt(space, &from) {
                            carried.refuse(Refused::Quota);
                        }
                    }
                }
                Frame::Pages(pages) => self.carried_pages(held, from, &pages, &mut carried),
                // The shell looks at what is for it; the others have no place in a file.
                Frame::Hello(_)
                | Frame::Spaces(_)
                | Frame::Ranges(_)
                | Frame::Frontiers(_)
                | Frame::Want(_)
                | Frame::Receipt(_)
                | Frame::Cell(_)
                | Frame::Bye(_)
                | Frame::Custody(_)
                | Frame::Blobs(_) => {}
            }
        }
        outputs.push(Output::Carried { from, carried });
    }

    fn carried_certificates(&mut self, from: NodeId, list: &[ByteVec], carried: &mut Carried) {
        let mut parcel = Parcel { from: Some(from), ..Parcel::default() };
        for bytes in list {
            match self.sift(&from, bytes) {
                Ok(certificate) => parcel.certificates.extend(certificate),
                Err(reason) => carried.refuse(reason),
            }
        }
        carried.certificates += parcel.certificates.len();
        if !parcel.certificates.is_empty() {
            self.commits.push(parcel);
        }
    }

    fn carried_pages(
        &mut self,
        held: &dyn Held,
        from: NodeId,
        pages: &Pages,
        carried: &mut Carried,
    ) {
        let mut parcels = Parcels::new();
        for page in &pages.pages {
            let taken = match verify(page) {
                Some(page) => self.carried_page(held, from, page, &mut parcels, carried),
                None => Err(Refused::BadPage),
            };
            if let Err(reason) = taken {
                carried.refuse(reason);
            }
        }
        for (urgent, Fresh { entries, bases, mut records }) in parcels {
            records.extend(self.usage(&from, &entries));
            // What is urgent goes on to the others at once; the rest is announced to them.
            let (relaxed, live) = (!urgent, urgent);
            let from = Some(from);
            let parcel = Parcel {
                from,
                bases,
                entries,
                records,
                urgent,
                relaxed,
                live,
                ..Parcel::default()
            };
            self.commits.push(parcel);
        }
    }

    fn carried_page(
        &mut self,
        held: &dyn Held,
        from: NodeId,
        page: VerifiedPage,
        parcels: &mut Parcels<bool>,
        carried: &mut Carried,
    ) -> Result<(), Refused> {
        let is_urgent = |entry: &Entry| entry.header().urgency == Urgency::Urgent;
        let entries = page.entries();
        let Some(last) = entries.last() else { return Ok(()) };
        let (space, document) = (last.header().space, last.header().document);
        let bytes: usize = entries.iter().map(Entry::size_bytes).sum();
        let throughout = entries.iter().all(is_urgent);
        let urgent = entries.iter().any(is_urgent);
        if urgent {
            self.carried_urgent = self.carried_urgent.saturating_add(bytes);
        }
        // What is beyond the rate is taken as if it were not urgent.
        let urgent = urgent && self.carried_urgent <= URGENT_RATE_BYTES_MAX;
        self.takes(&from, &space, bytes, (urgent, throughout))?;
        let admitted = self.admit(page, false, held).map_err(|_| Refused::Store)?;
        match admitted.admission {
            Admission::Known => carried.known += 1,
            Admission::New(entries) | Admission::Fork(entries) => {
                carried.entries += entries.len();
                self.carried(&from, &entries);
                let bases = admitted.base.into_iter().collect();
                let fresh = Fresh { entries, bases, records: admitted.records };
                parcels.add(urgent && fresh.bases.is_empty(), fresh);
            }
            Admission::Gap => {
                // How far it is held is told to whoever packed the file.
                carried.gaps += 1;
            }
            Admission::Refused(reason) => return Err(Refused::Admission(reason)),
        }
        carried.documents.insert(document);
        Ok(())
    }
}

impl Carried {
    fn refuse(&mut self, reason: Refused) {
        *self.refused.entry(reason).or_default() += 1;
    }

    /// Adds what another frame brought.
    pub fn absorb(&mut self, other: Self) {
        self.entries += other.entries;
        self.certificates += other.certificates;
        self.known += other.known;
        self.gaps += other.gaps;
        self.documents.extend(other.documents);
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
    }

    /// Takes the documents out.
    pub fn take_documents(&mut self) -> BTreeSet<DocTag> {
        std::mem::take(&mut self.documents)
    }
}
