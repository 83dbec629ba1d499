//! A busy day, with everything that passes a carrier.

use linli_core::authority::Right;
use linli_core::engine::Acting;
use linli_core::identity::draw_signing_key;
use linli_core::person::{PersonCertificate, PersonDetails, end};
use linli_model::profile::ProfileField;
use linli_replica::certificate::{Certificate, PartyKind};
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frame::Cell;
use linli_replica::id::{CommunityId, NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::prune::{Checkpoint, Cut, Terms};
use linli_replica::replica::Input;
use linli_tests::neighbourhood::{ENDS, Neighbourhood, grant};
use linli_tests::sight::{Class, Known};

/// What nobody without a key may see, in any language.
const SECRETS: [&str; 7] = [
    "Wang Xiulan",
    "王秀兰",
    "Zhang Carer",
    "allergic to penicillin",
    "order/0198c2f4",
    "household-purpose",
    "the hub burnt",
];

pub(crate) struct Day {
    pub(crate) net: Neighbourhood,
    pub(crate) carrier: NodeId,
    pub(crate) known: Known,
    homes: Homes,
    /// A space of the hub's, of whose profile the beginning is to be pruned.
    old: SpaceTag,
}

#[derive(Clone, Copy)]
struct Homes {
    hub: NodeId,
    centre: NodeId,
    station: NodeId,
    family: NodeId,
    regulator: NodeId,
}

fn person(net: &mut Neighbourhood, at: NodeId) -> Acting {
    let signer = net.node(at).keys.signing().clone();
    let key = draw_signing_key(&mut net.rng);
    let details = PersonDetails {
        key: key.verifying_key().to_bytes(),
        party: net.party(at),
        name: "Zhang Carer".into(),
        role: "carer".into(),
        qualification: None,
        ends: ENDS,
    };
    Acting { certificate: PersonCertificate::sign(&signer, details).unwrap(), key }
}

impl Day {
    /// Runs a day of which chance chooses the order of everything that is under way.
    pub(crate) fn run(seed: u64) -> Self {
        let mut net = Neighbourhood::with_officers(seed, 2, 3);
        net.prunes = true;
        let [hub, centre, station, family, regulator] = [
            PartyKind::Household,
            PartyKind::Centre,
            PartyKind::Station,
            PartyKind::Family,
            PartyKind::Regulator,
        ]
        .map(|kind| {
            let id = net.join(kind);
            net.settle();
            id
        });
        let carrier = net.join(PartyKind::Carrier);
        net.settle();
        net.wire.watch(carrier);
        let homes = Homes { hub, centre, station, family, regulator };
        let (known, old) = (Known::default(), SpaceTag::default());
        let mut day = Self { net, carrier, known, homes, old };
        for secret in SECRETS {
            day.known.forbid(secret, secret.as_bytes());
        }
        day.morning(&homes);
        day.alerts(&homes);
        day.removals(&homes);
        day.evening(&homes);
        day.order(&homes);
        day
    }

    fn pause(&mut self) {
        self.net.settle();
        self.known.gather(&mut self.net);
    }

    fn purpose(party: PartyId, right: Right) -> linli_core::authority::Grant {
        linli_core::authority::Grant {
            purpose: "household-purpose".into(),
            ..grant(party, right, true)
        }
    }

    /// Everybody meets at the carrier only; spaces begin, and are learned of through inboxes.
    fn morning(&mut self, homes: &Homes) {
        let Homes { hub, centre, station, family, regulator } = *homes;
        for end in [hub, centre, station, family, regulator] {
            self.net.connect(end, self.carrier);
        }
        let [to_centre, to_family] = [centre, family].map(|id| self.net.party(id));
        let grants =
            vec![Self::purpose(to_centre, Right::Steward), Self::purpose(to_family, Right::Read)];
        let care = self.net.begin(hub, grants);
        self.pause();
        let carer = person(&mut self.net, centre);
        self.known.forbid("a person's key", carer.key.verifying_key().as_bytes());
        self.net.set(hub, care, ProfileField::Name, "Wang Xiulan").unwrap();
        self.net.set_as(centre, care, ProfileField::Name, "王秀兰", Some(&carer)).unwrap();
        let long = "allergic to penicillin, ".repeat(600);
        self.net.set(hub, care, ProfileField::Note, &long).unwrap();
        self.pause();
        for number in 0..40 {
            let name = format!("order/0198c2f4-{number:04}");
            self.net.add_fact(centre, care, &name, "opened", Urgency::Normal).unwrap();
            self.net.add_fact(hub, care, &name, "called back", Urgency::Bulk).unwrap();
        }
        self.pause();
        self.photo(homes, care);
        let own =
            self.net.begin(centre, vec![Self::purpose(self.net.party(station), Right::Write)]);
        self.net.set(centre, own, ProfileField::Note, "allergic to penicillin").unwrap();
        self.pause();
        let body = end::act(centre, carer.key.verifying_key().as_bytes(), self.net.now);
        let community = self.net.node(centre).replica.directory().community();
        let ended = Certificate::new(community, self.net.now, body);
        let ended = ended.signed(self.net.node(centre).keys.signing());
        self.net.certify(centre, vec![ended]);
        self.pause();
    }

    /// A file beside an order goes to the centre by the carrier, which tells of it again after a loss of power.
    fn photo(&mut self, homes: &Homes, care: SpaceTag) {
        let Homes { hub, centre, .. } = *homes;
        let file = "allergic to penicillin, ".repeat(9_000);
        let blob = self.net.keep_file(hub, care, "order/0198c2f4-0001", file.as_bytes());
        self.pause();
        self.net.input(centre, Input::WantBlobs(vec![blob]));
        self.pause();
        for id in [centre, self.carrier] {
            assert!(self.net.node(id).replica.blob(&blob.id).is_some(), "{id:?} has the photo");
        }
        self.net.keep_file(hub, care, "order/0198c2f4-0002", b"Wang Xiulan");
        self.pause();
        self.net.cut(hub, self.carrier);
        self.net.keep_file(hub, care, "order/0198c2f4-0003", b"Zhang Carer");
        self.net.connect(hub, self.carrier);
        self.pause();
    }

    /// Alerts, acknowledgements and heartbeats, some while the carrier loses power.
    fn alerts(&mut self, homes: &Homes) {
        let Homes { hub, centre, .. } = *homes;
        let alerts = self.net.begin(hub, vec![Self::purpose(self.net.party(centre), Right::Write)]);
        self.pause();
        for number in 0..6 {
            let name = format!("alert/0198c2f4-{number:04}");
            self.net.add_fact(hub, alerts, &name, "raised", Urgency::Urgent).unwrap();
            self.net.drain();
            self.net.add_fact(centre, alerts, &name, "acknowledged", Urgency::Urgent).unwrap();
            self.net.heartbeat(hub, alerts).unwrap().unwrap();
            self.pause();
            if number == 3 {
                self.net.crash(self.carrier);
                for end in [hub, centre, homes.station, homes.family] {
                    self.net.connect(end, self.carrier);
                }
            }
            self.net.tick(60_000);
        }
    }

    /// Grants, a revocation, a rotation, an expulsion; and others meet without the carrier.
    fn removals(&mut self, homes: &Homes) {
        let Homes { hub, centre, station, family, regulator } = *homes;
        let care = self.spaces(hub)[0];
        let to_station = self.net.party(station);
        self.net.grant(hub, care, Self::purpose(to_station, Right::Write)).unwrap();
        self.pause();
        self.net.set(station, care, ProfileField::Note, "allergic to penicillin").unwrap();
        self.net.connect(hub, centre);
        self.pause();
        self.net.revoke(hub, care, to_station).unwrap();
        self.net.rotate(hub, care).unwrap();
        self.pause();
        self.net.set(hub, care, ProfileField::Note, "Wang Xiulan").unwrap();
        let expelled = self.net.community.expel(self.net.party(regulator));
        self.net.certify(family, vec![expelled]);
        self.pause();
        // A disk of the family's goes back, and a log forks.
        let commits = self.net.node(centre).disk.commits();
        self.net.set(centre, care, ProfileField::Note, "order/0198c2f4").unwrap();
        self.pause();
        self.net.restore(centre, commits);
        self.net.connect(centre, self.carrier);
        self.pause();
    }

    /// One space is erased, and another that its owner lost is opened by officers' shares.
    fn evening(&mut self, homes: &Homes) {
        let Homes { hub, centre, station, family, .. } = *homes;
        let gone = self.net.begin(hub, vec![Self::purpose(self.net.party(family), Right::Write)]);
        self.net.set(hub, gone, ProfileField::Note, "Wang Xiulan").unwrap();
        self.pause();
        self.net.set(family, gone, ProfileField::Note, "Zhang Carer").unwrap();
        self.known.shows(&mut self.net, hub, gone);
        self.pause();
        self.net.order_erasure(hub, gone, None).unwrap();
        self.pause();
        self.net.cut(hub, self.carrier);
        for end in [hub, centre, station, family] {
            self.net.connect(end, self.carrier);
        }
        self.pause();
        self.net.heal();
        self.pause();
    }

    /// Orders the beginning of two logs of a document to be pruned, for which later entries stand. An order that
    /// says too much is taken back first.
    fn order(&mut self, homes: &Homes) {
        let Homes { hub, family, .. } = *homes;
        let old = self.net.begin(hub, vec![Self::purpose(self.net.party(family), Right::Write)]);
        self.old = old;
        self.pause();
        for number in 0..6 {
            for writer in [hub, family] {
                let text = format!("allergic to penicillin {number}");
                self.net.set(writer, old, ProfileField::Note, &text).unwrap();
                self.net.drain();
            }
        }
        self.pause();
        let document = self.net.space(hub, old, |space| space.document("profile"));
        let held = self.net.entries(hub, old);
        let at = |sequence: u64| {
            let entries = held.iter().map(Entry::header).zip(&held);
            let of = entries.filter(move |(header, _)| {
                header.document == document && header.sequence == sequence
            });
            of.map(move |(header, entry)| Cut { log: header.log, sequence, entry: entry.id() })
        };
        let log = self.net.forger(hub, old, "profile").log_id();
        let own = at(6).find(|cut| cut.log == log).unwrap();
        let mut cuts: Vec<Cut> = at(4).collect();
        cuts.sort();
        let checkpoint = Checkpoint { log, first: 5, last: 6, entry: own.entry };
        let terms = Terms {
            community: CommunityId::default(),
            space: [0; 32].into(),
            carrier_key: [0; 32].into(),
            document,
            cuts,
            checkpoint: Some(checkpoint),
            withdraws: Vec::new(),
            at: self.net.now,
        };
        self.known.shows(&mut self.net, hub, old);
        let first = self.net.order_pruning(hub, old, terms.clone());
        self.net.settle();
        let terms = Terms { withdraws: vec![first], ..terms };
        let second = self.net.order_pruning(hub, old, terms);
        self.known.add(Class::Order, [first.0, second.0]);
        self.pause();
    }

    /// A quarter of a year in which the carrier is awake, until it has pruned; then all meet again.
    pub(crate) fn quarter(&mut self) {
        let others: Vec<NodeId> =
            self.net.nodes.keys().copied().filter(|id| *id != self.carrier).collect();
        for id in &others {
            self.net.cut(*id, self.carrier);
        }
        for _ in 0..91 * 24 {
            self.net.now = self.net.now.plus_ms(60 * 60 * 1_000);
            self.net.input(self.carrier, Input::Tick);
            self.net.drain();
        }
        assert!(self.net.node(self.carrier).replica.pruned().entries > 0, "nothing was pruned");
        for id in others {
            self.net.connect(id, self.carrier);
        }
        self.pause();
        let hub = self.homes.hub;
        self.net.set(hub, self.old, ProfileField::Note, "Wang Xiulan").unwrap();
        self.pause();
    }

    fn spaces(&self, id: NodeId) -> Vec<SpaceTag> {
        self.net.spaces(id)
    }

    /// Everybody who is still enrolled, but for the carrier.
    pub(crate) fn members(&self) -> Vec<NodeId> {
        let enrolled = |id: &NodeId| {
            let directory = self.net.node(self.carrier).replica.directory();
            *id != self.carrier && directory.admits(id, self.net.now).is_ok()
        };
        self.net.nodes.keys().copied().filter(enrolled).collect()
    }

    /// Heartbeats of a member in every space where it may write, as of a time.
    pub(crate) fn beats(&mut self, id: NodeId, at: Timestamp) -> Vec<Cell> {
        self.net.now = at;
        let mut beats = Vec::new();
        for space in self.net.spaces(id) {
            let sealed = self
                .net
                .nodes
                .get_mut(&id)
                .unwrap()
                .with_core(at, |core, world, rng| core.heartbeat(world, rng, space));
            beats.extend(sealed.ok().flatten());
        }
        // Only of logs that others have seen: whose they are is then known.
        beats.retain(|cell: &Cell| self.known.has(Class::Log, cell.log.as_bytes()));
        beats
    }
}
