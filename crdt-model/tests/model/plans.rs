//! Contingency plans: who may write and start them, that starts made apart are one, and whom a step is about.

use automerge::AutoCommit;
use linli_model::author::{Author, PartyKind, Role};
use linli_model::contact::Means;
use linli_model::event::{FactId, Reason};
use linli_model::plan::{
    self, CheckFact, Found, Hazard, Known, Plan, PlanError, PlanFact as F, PlanView, Selection,
    Step, checks,
};
use linli_model::time::Timestamp;
use uuid::Uuid;

use crate::community::{Directory, Node, directory, node, sync};

const ID: Uuid = Uuid::from_u128(3);

fn step(id: &str) -> Step {
    Step {
        id: id.to_owned(),
        does: "Call everybody who lives alone".to_owned(),
        who: [PartyKind::Provider].into(),
        role: Some(Role::Carer),
        within_minutes: Some(240),
        phone: Some("029-8765 4321".to_owned()),
        each: Some(Selection::default()),
    }
}

fn heat() -> Plan {
    let (name, hazard) = ("Heat wave".to_owned(), Hazard::Heat);
    Plan { name, hazard, steps: vec![step("call"), step("water")] }
}

struct Scene {
    desk: Node,
    other: Node,
    carer: Node,
    people: Directory,
    doc: AutoCommit,
    written: FactId,
}

fn scene() -> Scene {
    let desk = node(1, PartyKind::Centre, Some(Role::Operator));
    let other = node(2, PartyKind::Centre, Some(Role::Steward));
    let carer = node(3, PartyKind::Provider, Some(Role::Carer));
    let people = directory(&[&desk, &other, &carer]);
    let mut doc = desk.doc();
    let written = desk.say(&mut doc, &people, 1, F::Written { plan: heat() });
    Scene { desk, other, carer, people, doc, written }
}

impl Scene {
    fn say_in(&self, doc: &mut AutoCommit, who: &Node, fact: F) -> FactId {
        doc.set_actor(who.actor.clone());
        who.say(doc, &self.people, 9, fact)
    }

    fn read(&self, doc: &AutoCommit) -> PlanView {
        plan::view(ID, &doc.clone().document().clone(), &self.people)
    }

    fn judged(&mut self, who: &Node, fact: F) -> Option<Reason> {
        let mut doc = self.doc.clone();
        let id = self.say_in(&mut doc, who, fact);
        let view = self.read(&doc);
        self.doc = doc;
        view.timeline.into_iter().find(|entry| entry.id == id).unwrap().not_standing
    }

    fn tick(&mut self, who: &Node, run: FactId, step: &str, done: bool) -> Option<Reason> {
        self.judged(who, F::Ticked { run, step: step.to_owned(), done })
    }
}

#[test]
fn a_plan_names_steps_and_no_people() {
    assert_eq!(heat().checked(), Ok(heat()));
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut plan = heat();
        change(&mut plan);
        plan.checked().unwrap_err()
    };
    assert_eq!(with(&|plan| plan.steps.clear()), PlanError::Steps);
    assert_eq!(with(&|plan| plan.steps = vec![step("a"); 49]), PlanError::Steps);
    assert_eq!(with(&|plan| plan.steps[1].id = "call".to_owned()), PlanError::Id(2));
    for id in ["", "Call", "a b", "水", &"a".repeat(33)] {
        assert_eq!(with(&|plan| plan.steps[0].id = id.to_owned()), PlanError::Id(1), "{id}");
    }
    for text in ["", "  ", "two\nlines", &"长".repeat(401)] {
        let text = |plan: &mut Plan| plan.steps[0].does = text.to_owned();
        assert_eq!(with(&text), PlanError::Text(1));
    }
    for text in ["Call 13800138000", "王秀英 11010519491231002X", "电话:13800138000。"] {
        let text = |plan: &mut Plan| plan.steps[1].does = text.to_owned();
        assert_eq!(with(&text), PlanError::Personal(2));
    }
    assert_eq!(with(&|plan| plan.steps[0].within_minutes = Some(0)), PlanError::Within(1));
    assert_eq!(with(&|plan| plan.steps[0].phone = Some("call me".to_owned())), PlanError::Phone(1));
}

#[test]
fn a_centre_decides_and_whom_the_step_names_ticks() {
    let mut s = scene();
    let (desk, carer, version) = (s.desk.clone(), s.carer.clone(), s.written);
    let start = || F::Started { version, drill: false };
    assert_eq!(s.judged(&carer, start()), Some(Reason::PartyMayNot));
    let nobody = Node { author: Author { person: None, ..desk.author.clone() }, ..desk.clone() };
    assert_eq!(s.judged(&nobody, start()), Some(Reason::PersonNeeded));
    assert_eq!(s.judged(&carer, F::Written { plan: heat() }), Some(Reason::PartyMayNot));
    assert_eq!(s.judged(&desk, start()), None);
    assert_eq!(s.judged(&desk, start()), Some(Reason::AlreadyDone));
    let run = *s.read(&s.doc).runs.keys().next().unwrap();
    assert_eq!(s.tick(&carer, run, "call", true), None);
    assert_eq!(s.tick(&desk, run, "call", true), Some(Reason::AlreadyDone));
    assert_eq!(s.tick(&desk, run, "fly", true), Some(Reason::WrongReference));
    let doctor = node(3, PartyKind::Provider, Some(Role::Clinician));
    assert_eq!(s.tick(&doctor, run, "water", true), Some(Reason::RoleMayNot));
    assert_eq!(s.tick(&desk, run, "call", false), None);
    assert_eq!(s.tick(&desk, run, "water", true), None, "a centre's people may always");
    let view = s.read(&s.doc);
    assert_eq!(view.runs[&run].done.keys().collect::<Vec<_>>(), ["water"]);
    assert_eq!(s.judged(&carer, F::Stopped { run }), Some(Reason::PartyMayNot));
    // What was done before anybody there knew that it is over counts.
    let mut offline = s.doc.fork();
    s.say_in(&mut offline, &carer, F::Ticked { run, step: "call".to_owned(), done: true });
    assert_eq!(s.judged(&desk, F::Stopped { run }), None);
    assert_eq!(s.tick(&desk, run, "call", true), Some(Reason::Stopped));
    let mut doc = s.doc.clone();
    sync(&mut doc, &mut offline);
    let view = s.read(&doc);
    assert_eq!(view, s.read(&offline));
    assert!(view.runs[&run].done.contains_key("call") && view.in_force().next().is_none());
    s.doc = doc;
    assert_eq!(s.judged(&desk, start()), None, "it is started again");
}

#[test]
fn starts_that_were_made_apart_are_one_and_versions_stand_side_by_side() {
    let mut s = scene();
    let (desk, other, version) = (s.desk.clone(), s.other.clone(), s.written);
    let mut apart = s.doc.fork();
    let mut here = s.doc.clone();
    let one = s.say_in(&mut here, &desk, F::Started { version, drill: false });
    let two = s.say_in(&mut apart, &other, F::Started { version, drill: false });
    let step = |run, step: &str| F::Ticked { run, step: step.to_owned(), done: true };
    s.say_in(&mut here, &desk, step(one, "call"));
    s.say_in(&mut apart, &other, step(two, "water"));
    s.say_in(&mut here, &desk, F::Started { version, drill: true });
    s.say_in(&mut here, &desk, F::Written { plan: heat() });
    s.say_in(&mut apart, &other, F::Written { plan: heat() });
    sync(&mut here, &mut apart);
    let view = s.read(&here);
    assert_eq!(view, s.read(&apart));
    let force: Vec<_> = view.in_force().map(|(_, run, _)| (run.drill, run.done.len())).collect();
    assert_eq!(force, [(false, 2), (true, 0)], "a drill is apart from what is in earnest");
    assert_eq!(view.run(one).unwrap().0, view.run(two).unwrap().0);
    assert_eq!((view.current.len(), view.version().unwrap().1.number), (2, 2));
    s.doc = here;
    assert_eq!(s.judged(&other, F::Written { plan: heat() }), None);
    let view = s.read(&s.doc);
    assert_eq!((view.current.len(), view.version().unwrap().1.number), (1, 4));
    // Whichever start is named, it is over.
    assert_eq!(s.judged(&desk, F::Stopped { run: two }), None);
    assert!(s.read(&s.doc).in_force().all(|(_, run, _)| run.drill));
}

#[test]
fn what_is_stopped_by_whoever_did_not_know_of_a_start_is_in_force_where_it_was_made() {
    let mut s = scene();
    let (desk, other, version) = (s.desk.clone(), s.other.clone(), s.written);
    let (mut june, mut july) = (s.doc.clone(), s.doc.fork());
    let one = s.say_in(&mut june, &desk, F::Started { version, drill: false });
    s.say_in(&mut june, &desk, F::Stopped { run: one });
    let two = s.say_in(&mut july, &other, F::Started { version, drill: false });
    sync(&mut june, &mut july);
    assert_eq!(s.read(&june), s.read(&july));
    assert_eq!(s.read(&june).in_force().count(), 1);
    s.doc = june;
    assert_eq!(s.tick(&other, two, "call", true), None);
    assert_eq!(s.judged(&desk, F::Started { version, drill: false }), Some(Reason::AlreadyDone));
    assert_eq!(s.judged(&desk, F::Stopped { run: two }), None);
    assert_eq!(s.read(&s.doc).in_force().count(), 0);
    assert_eq!(s.tick(&other, two, "water", true), Some(Reason::Stopped));
    assert_eq!(s.judged(&desk, F::Stopped { run: two }), Some(Reason::AlreadyDone));
    assert_eq!(s.judged(&other, F::Started { version, drill: false }), None);
}

#[test]
fn a_selection_leaves_nobody_out_whose_values_differ() {
    let today = Timestamp::parse_rfc3339("2027-03-01T04:00:00Z").unwrap();
    let today = today.date(linli_model::time::Offset::CHINA).unwrap();
    let select: Selection = serde_json::from_str(
        r#"{"living":["alone"],"area":"3号楼","ability_from":"2","age_from":80}"#,
    )
    .unwrap();
    let known = Known {
        living: vec!["with_spouse", "alone"],
        addresses: vec!["桃园路 3号楼 2单元"],
        ability: vec!["3"],
        birth_dates: vec!["1947-03-01"],
    };
    assert!(select.holds(&known, today) && Selection::default().holds(&Known::default(), today));
    for other in [
        Known { living: vec!["with_spouse"], ..known.clone() },
        Known { addresses: vec!["桃园路 4号楼"], ..known.clone() },
        Known { addresses: Vec::new(), ..known.clone() },
        Known { ability: vec!["1"], ..known.clone() },
        Known { birth_dates: vec!["1947-03-02"], ..known.clone() },
        Known { birth_dates: vec!["soon"], ..known.clone() },
    ] {
        assert!(!select.holds(&other, today), "{other:?}");
    }
}

#[test]
fn how_an_elder_was_found_is_replaced_by_who_knew_and_need_is_not_covered() {
    let s = scene();
    let run = FactId([7; 32]);
    let fact = |found, drill| {
        let (plan, step, note) = (ID, "call".to_owned(), None);
        CheckFact::Checked { plan, run, step, drill, found, note }
    };
    let mut doc = s.carer.doc();
    s.carer.say(&mut doc, &s.people, 1, fact(Found::NotReached, false));
    assert!(checks(doc.document(), &s.people).contacts().is_empty());
    let mut apart = doc.fork();
    apart.set_actor(s.desk.actor.clone());
    s.carer.say(&mut doc, &s.people, 2, fact(Found::NeedsHelp, false));
    s.desk.say(&mut apart, &s.people, 3, fact(Found::Well, false));
    sync(&mut doc, &mut apart);
    let found = |doc: &mut AutoCommit| {
        let view = checks(doc.document(), &s.people);
        let of = view.of(ID, |of| of == run, "call").map(|one| one.found);
        (of, view.contacts().iter().map(|contact| contact.by).collect::<Vec<_>>())
    };
    assert_eq!(found(&mut doc), (Some(Found::NeedsHelp), vec![Means::Check; 2]));
    assert_eq!(found(&mut doc), found(&mut apart));
    doc.set_actor(s.desk.actor.clone());
    s.desk.say(&mut doc, &s.people, 4, fact(Found::Well, true));
    assert_eq!(
        found(&mut doc),
        (Some(Found::Well), vec![Means::Check; 2]),
        "a drill is no contact"
    );
}
