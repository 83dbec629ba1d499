//! Looking at a file: what it is, for whom, and how much is in it. Nothing of it is taken in or opened further.

use std::collections::BTreeSet;
use std::path::PathBuf;

use linli_core::courier::Opener;
use linli_replica::courier::{CourierError, Head, Part, Reader};
use linli_replica::frame::Frame;
use linli_replica::replica::Save;
use serde_json::Value;

use super::stick::{Incoming, Piece};
use super::{Done, refusal};
use crate::api::ApiError;
use crate::api::courier::{CourierList, CourierListed, FileEnd};
use crate::handle::refusals::unusable;
use crate::handle::{Work, json};
use crate::node::Node;

struct List {
    path: PathBuf,
    file: Incoming,
    opener: Option<Opener>,
    /// None where the file is sealed to another node: then parts are only counted.
    reader: Option<Reader>,
    head: Option<Head>,
    waits: bool,
    answer: CourierListed,
}

pub(in crate::handle) fn begin(request: CourierList) -> Result<Box<dyn Work>, ApiError> {
    let path = PathBuf::from(request.file);
    let file = Incoming::open(&path).map_err(|error| unusable(&path, &error))?;
    let bytes = std::fs::metadata(&path).map_err(|error| unusable(&path, &error))?.len();
    let answer = CourierListed { bytes, ..CourierListed::default() };
    Ok(Box::new(List { path, file, opener: None, reader: None, head: None, waits: false, answer }))
}

impl Work for List {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        self.waits = false;
        self.some(node).transpose()
    }

    fn waits(&self) -> bool {
        self.waits
    }
}

impl List {
    fn some(&mut self, node: &Node) -> Done {
        match self.file.next() {
            None => self.waits = true,
            Some(Piece::Unreadable(error)) => return Err(unusable(&self.path, &error)),
            Some(Piece::Preamble(preamble)) => {
                self.answer.sealed = preamble.encapped.is_some();
                self.reader = Some(Reader::new(&preamble));
                match Opener::new(node.core.seal_key(), preamble) {
                    Ok(opener) => self.opener = opener,
                    Err(_) => self.reader = None,
                }
            }
            Some(Piece::Chunk(chunk)) => match self.part(&chunk) {
                Ok(Part::End) => return self.finish(node, Ok(())),
                Ok(part) => self.count(part),
                // It can be seen no further, and that is no fault of the file's.
                Err(CourierError::NotForUs) => {
                    self.reader = None;
                    self.answer.parts += 1;
                }
                Err(error) => return self.finish(node, Err(error)),
            },
            Some(Piece::End(Err(CourierError::Cut { .. })))
                if self.reader.is_none() && self.answer.parts > 0 =>
            {
                return self.finish(node, Ok(()));
            }
            Some(Piece::End(end)) => return self.finish(node, end),
        }
        Ok(None)
    }

    fn part(&mut self, chunk: &[u8]) -> Result<Part, CourierError> {
        let Some(reader) = &mut self.reader else { return Err(CourierError::NotForUs) };
        let part = super::part(reader, self.opener.as_mut(), chunk)?;
        self.answer.parts = reader.parts();
        Ok(part)
    }

    fn count(&mut self, part: Part) {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        match part {
            Part::Head(head) => self.head = Some(head),
            Part::Frame(Frame::Pages(pages)) => {
                self.answer.entries += number(pages.pages.iter().map(Vec::len).sum());
            }
            Part::Frame(Frame::Certificates(list)) => {
                self.answer.certificates += number(list.certificates.len());
            }
            Part::Frame(Frame::Custody(_)) => self.answer.receipts += 1,
            Part::Frame(_) | Part::End => {}
        }
    }

    fn finish(&self, node: &Node, end: Result<(), CourierError>) -> Done {
        let label = |id| node.replica.directory().node(id).map(|member| member.label.clone());
        let (head, foreign) = (self.head.as_ref(), self.reader.is_none());
        match (head, end) {
            (None, Err(error)) => return Err(refusal(error)),
            (Some(head), _) if head.community != node.replica.directory().community() => {
                return Err(refusal(CourierError::OtherCommunity));
            }
            _ => {}
        }
        let answer = CourierListed {
            node: head.map(|head| head.from.to_string()),
            label: head.and_then(|head| label(&head.from)),
            packed_ms: head.map(|head| head.at.0),
            end: (!foreign).then(|| FileEnd::of(end)),
            ..self.answer.clone()
        };
        Ok(Some((json(&answer)?, BTreeSet::new())))
    }
}
