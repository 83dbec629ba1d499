//! A community whose officers keep their keys on machines of their own: requests go round as files.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use linli_replica::{certificate::Act, request::Request};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    community::{Invitation, LOOPBACK, centre_and_hub, folder, met},
    site::{Run, Site, finished, plain, wait},
};

/// An officer's own machine: a folder with the key file, and no node.
pub(crate) struct Officer {
    folder: PathBuf,
    desk: Site,
    word: String,
}

impl Officer {
    /// Draws a key under a passphrase of the officer's own.
    fn new(folder: &Path, name: &str) -> Self {
        let home = folder.join(name);
        fs::create_dir(&home).unwrap();
        let desk = Site::at(home.join("no-node"), None);
        let mut officer = Self { folder: home, desk, word: String::new() };
        let key = officer.key();
        let made = officer.run(&["keys", "officer", "new", "--out", key.to_str().unwrap()]);
        assert_eq!(made.code, 0, "{made:?}");
        officer.word = made.answer()["officer"].as_str().unwrap().to_owned();
        officer
    }

    fn key(&self) -> PathBuf {
        self.folder.join("officer.key")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.desk.command(words);
        let passphrase = format!("the passphrase of {}", self.folder.display());
        command.env("LINLI_OFFICER_PASSPHRASE", passphrase);
        command
    }

    fn run(&self, words: &[&str]) -> Run {
        finished(&mut self.command(words))
    }

    /// Signs a file and returns it: it stays where it is.
    pub(crate) fn sign(&self, file: &Path) -> Run {
        finished(&mut self.signing(file))
    }

    fn signing(&self, file: &Path) -> Command {
        let (file, key) = (file.to_str().unwrap(), self.key());
        self.command(&["keys", "sign", file, "--key", key.to_str().unwrap(), "--yes"])
    }
}

/// A centre and its three officers, two of whom must sign.
pub(crate) struct Town {
    folder: TempDir,
    pub(crate) centre: Site,
    pub(crate) officers: [Officer; 3],
}

impl Town {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the only request that waits to a file.
    pub(crate) fn export(&self, name: &str) -> PathBuf {
        let rows = self.centre.ask(&["keys", "requests"]);
        let [row] = rows.as_array().unwrap().as_slice() else { panic!("{rows}") };
        let file = self.file(name);
        let id = row["id"].as_str().unwrap();
        let exported = self.centre.ask(&["keys", "requests", "export", id, file.to_str().unwrap()]);
        assert_eq!(exported["id"], row["id"]);
        file
    }

    pub(crate) fn import(&self, files: &[&Path]) -> Run {
        let files = files.iter().map(|file| file.to_str().unwrap());
        let words: Vec<&str> = ["keys", "requests", "import"].into_iter().chain(files).collect();
        self.centre.run(&words)
    }

    /// A copy of a file, as a second stick carries it.
    pub(crate) fn copy(&self, file: &Path, name: &str) -> PathBuf {
        let copy = self.file(name);
        fs::copy(file, &copy).unwrap();
        copy
    }

    /// A node that a person has confirmed at the centre and that waits for officers.
    fn confirmed(&self, name: &str, kind: &str) -> Site {
        let hub = Site::init(self.file(name), None, LOOPBACK);
        let mut invitation = Invitation::begin(&self.centre, &[kind]);
        let joined = hub.run(&["join", &invitation.code]);
        let said: Value = serde_json::from_str(&joined.err).unwrap();
        assert_eq!((joined.code, &said["code"]), (6, &"waits".into()), "{joined:?}");
        assert_eq!(invitation.phase()["phase"], "pending");
        let waits = invitation.phase();
        assert_eq!(
            (&waits["phase"], &waits["signed"], &waits["needed"]),
            (&"awaiting-officers".into(), &0.into(), &2.into())
        );
        assert_eq!(invitation.end().0, 6);
        hub
    }

    /// A party whom two officers have enrolled, running.
    pub(crate) fn joined(&self, name: &str, kind: &str) -> Site {
        let [li, wang, _] = &self.officers;
        let mut node = self.confirmed(name, kind);
        let file = self.export(&format!("{name}.request"));
        assert_eq!((li.sign(&file).code, wang.sign(&file).code), (0, 0));
        assert_eq!(self.import(&[&file]).answer()["state"], "counts");
        node.up();
        met(&self.centre, &node);
        node
    }

    /// The parties and how many of them are expelled, as a node sees them.
    fn parties(node: &Site) -> (usize, usize) {
        let rows = node.ask(&["party", "list"]);
        let rows = rows.as_array().unwrap();
        (rows.len(), rows.iter().filter(|row| row["expelled"] == true).count())
    }
}

/// Founds a community: the request goes to two officers at once, and their signatures are joined.
pub(crate) fn town() -> Town {
    let folder = folder();
    let names = ["li", "wang", "zhao"];
    let officers = names.map(|name| Officer::new(folder.path(), name));
    let centre = Site::init(folder.path().join("centre"), None, LOOPBACK);
    let mut town = Town { folder, centre, officers };
    let [li, wang, zhao] = &town.officers;
    let file = town.file("founding");
    let begun = town.centre.run(&[
        "community",
        "create",
        "North Gate",
        "--party-name",
        "North Gate centre",
        "--threshold",
        "2",
        "--officer",
        &li.word,
        "--officer",
        &wang.word,
        "--officer",
        &zhao.word,
        "--request",
        file.to_str().unwrap(),
    ]);
    assert_eq!(begun.code, 6, "{begun:?}");
    assert_eq!(begun.answer()["deeds"][0]["deed"], "found");
    let second = town.copy(&file, "founding-2");
    let signing = li.signing(&file);
    let signed = finished(&mut plain(&signing));
    assert!(signed.code == 0 && signed.out.contains("1 of 2"), "{signed:?}");
    assert_eq!(zhao.sign(&second).answer()["state"], "waits");
    let up = town.centre.run(&["up"]);
    assert_eq!((up.code, up.refusal().0.as_str()), (5, "conflict"), "no community yet");
    assert!(up.refusal().1.contains("linli community finish"), "{up:?}");
    let finish = |file: &Path| town.centre.run(&["community", "finish", file.to_str().unwrap()]);
    let few = town.centre.command(&["community", "finish", file.to_str().unwrap()]);
    let few = finished(&mut plain(&few));
    assert!(few.code == 6 && few.out.contains("One more officer must sign"), "{few:?}");
    let one = finish(&file);
    assert_eq!((one.code, one.answer()["state"].as_str()), (6, Some("waits")));
    let copy = town.copy(&second, "founding-3");
    let last = finished(&mut plain(&town.officers[1].signing(&copy)));
    let next = format!("linli community finish {}", copy.display());
    assert!(last.code == 0 && last.out.contains(&next), "{last:?}");
    let both = finish(&second);
    assert_eq!(both.code, 0, "{both:?}");
    let none = finish(&second);
    assert_eq!((none.code, none.refusal().0.as_str()), (3, "not-found"));
    town.centre.up();
    let officers = town.centre.ask(&["keys", "officers"]);
    let count = officers["officers"].as_array().unwrap().len();
    assert_eq!((&officers["threshold"], count), (&2.into(), 3));
    assert_eq!(begun_by(&town.centre), [1, 1, 1], "founded, enrolled, certified");
    town
}

/// How often the audit of a node tells what its membership begins with.
fn begun_by(node: &Site) -> [usize; 3] {
    let page = node.ask(&["keys", "audit", "--limit", "1000"]);
    let rows = page["rows"].as_array().unwrap();
    ["founded", "enrolled", "node-certified"]
        .map(|what| rows.iter().filter(|row| row["what"] == what).count())
}

/// Enrols a hub by a file that goes from officer to officer.
fn enrolled(town: &Town) -> Site {
    let mut hub = town.confirmed("hub", "household");
    assert_eq!(town.centre.ask(&["status"])["requests_waiting"], 1);
    let desk = town.centre.ask(&["keys", "inbox"]);
    assert_eq!(desk[0]["section"], "enrolment", "{desk}");
    assert_eq!(hub.run(&["join", "--finish"]).code, 6);
    let file = town.export("enrol");
    let [li, wang, _] = &town.officers;
    let first = li.sign(&file);
    assert_eq!(first.answer()["deeds"][0]["nodes"][0]["label"], "hub");
    let early = town.import(&[&file]);
    assert_eq!((early.code, early.answer()["state"].as_str()), (6, Some("waits")), "one of two");
    assert_eq!(Town::parties(&town.centre), (1, 0), "nothing is published before it counts");
    // Somebody takes out of the file what is not signed: whose device it is about.
    let request = Request::decode(&fs::read(&file).unwrap()).unwrap();
    let known = request.known().iter().filter(|c| !matches!(c.body().act, Act::Node { .. }));
    let poorer = Request::new(request.acts().to_vec(), known.cloned().collect()).unwrap();
    assert!(poorer.known().len() < request.known().len());
    fs::write(&file, poorer.encode()).unwrap();
    assert_eq!(wang.sign(&file).answer()["state"], "counts");
    assert_eq!(town.import(&[&file]).answer()["state"], "counts");
    let finished = hub.run(&["join", "--finish"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.answer()["name"], "North Gate");
    hub.up();
    assert_eq!(begun_by(&hub), [0, 0, 1], "its own certificate; the rest is others' doing");
    met(&town.centre, &hub);
    hub
}

/// Enrols a hub by two copies that were signed apart; the hub asks by itself when it is started.
pub(crate) fn enrolled_in_parallel(town: &Town) -> Site {
    let [li, _, zhao] = &town.officers;
    let mut second = town.confirmed("second", "household");
    let file = town.export("enrol-2");
    let copy = town.copy(&file, "enrol-2-copy");
    assert_eq!((li.sign(&file).code, zhao.sign(&copy).code), (0, 0));
    waits_in_words(&second);
    let counts = town.import(&[&file, &copy]);
    assert_eq!((counts.code, counts.answer()["state"].as_str()), (0, Some("counts")));
    let again = town.import(&[&file]);
    assert_eq!((again.code, again.refusal().0.as_str()), (5, "conflict"));
    second.up();
    met(&town.centre, &second);
    second
}

/// While `up` waits for the officers, `status` and `doctor` say so and not that nothing runs.
fn waits_in_words(site: &Site) {
    let idle = site.run(&["status"]);
    assert!(idle.code == 8 && idle.refusal().1.contains("start it"), "{idle:?}");
    let mut up = site.command(&["up"]);
    let mut up = up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait("it is said that the node waits", || {
        let said = site.run(&["status"]);
        assert_eq!(said.code, 8, "{said:?}");
        said.refusal().1.contains("waits for the officers to sign").then_some(())
    });
    let doctor = site.run(&["doctor"]);
    assert!(doctor.out.contains("waits for the officers to sign"), "{doctor:?}");
    up.kill().unwrap();
    up.wait().unwrap();
}

/// The officers of a node, as text.
fn officers_at(node: &Site) -> String {
    node.ask(&["keys", "officers"])["officers"].to_string()
}

/// Wang's key is stolen and replaced by Song's. What Li signed half before, no thief completes.
fn replaced(town: &Town, hub: &Site) -> Officer {
    let [li, wang, zhao] = &town.officers;
    let third = town.confirmed("third", "household");
    let half = town.export("half");
    assert_eq!(li.sign(&half).code, 0);
    let song = Officer::new(town.folder.path(), "song");
    let words =
        ["keys", "officers", "replace", "--stolen", "--remove", &wang.word, "--add", &song.word];
    let change = town.centre.run(&words);
    assert_eq!(change.code, 6, "{change:?}");
    assert_eq!(change.answer()["deeds"][0]["go"][0], Value::from(wang.word.clone()));
    // The hub's enrolment was signed by Li and Wang: it is named, and goes on counting.
    assert_eq!(change.answer()["deeds"][0]["struck_keeping"], 1);
    assert_eq!(town.centre.run(&words).refusal().0, "conflict", "a rival");
    let file = town.file("change");
    let id = change.answer()["id"].as_str().unwrap().to_owned();
    town.centre.ask(&["keys", "requests", "export", &id, file.to_str().unwrap()]);
    assert_eq!((li.sign(&file).code, zhao.sign(&file).code), (0, 0));
    assert_eq!(town.import(&[&file]).answer()["state"], "counts");
    let now = officers_at(&town.centre);
    assert!(now.contains(&song.word) && !now.contains(&wang.word), "{now}");
    hub.await_answer(&["keys", "officers"], |answer| {
        answer.to_string().contains(&song.word).then_some(())
    });
    assert_eq!(wang.sign(&half).code, 0, "far from any node the old set still looks in force");
    let late = town.import(&[&half]);
    assert_eq!((late.code, late.refusal().0.as_str()), (5, "conflict"), "{late:?}");
    assert_eq!(Town::parties(&town.centre), (3, 0));
    // What was asked of the former officers is asked of the present ones.
    town.centre.await_answer(&["keys", "requests"], |rows| {
        let [row] = rows.as_array()?.as_slice() else { return None };
        row["lacking"].to_string().contains(&song.word).then_some(())
    });
    assert_eq!(third.run(&["join", "--finish"]).code, 6);
    let rows = town.centre.ask(&["keys", "requests"]);
    town.centre.ask(&["keys", "requests", "drop", rows[0]["id"].as_str().unwrap()]);
    let given_up = third.run(&["join", "--finish"]);
    assert!(![0, 6].contains(&given_up.code), "nobody waits for it any more: {given_up:?}");
    song
}

#[test]
fn officers_far_apart_enrol_replace_a_stolen_key_and_expel() {
    let mut town = town();
    let hub = enrolled(&town);
    let second = enrolled_in_parallel(&town);
    let song = replaced(&town, &hub);
    // The second hub is stolen: two of the present officers put it out.
    let [_, wang, zhao] = &town.officers;
    let stolen = second.ask(&["status"])["node"].as_str().unwrap().to_owned();
    assert_eq!(town.centre.run(&["keys", "expel", &stolen]).code, 6);
    let file = town.export("expel");
    let (code, message) = wang.sign(&file).refusal();
    assert_eq!(code, "forbidden", "{message}");
    assert_eq!((song.sign(&file).code, zhao.sign(&file).code), (0, 0));
    assert_eq!(town.import(&[&file]).answer()["state"], "counts");
    assert_eq!(town.centre.run(&["keys", "expel", &stolen]).refusal().0, "conflict", "out already");
    for node in [&town.centre, &hub] {
        node.await_answer(&["status"], |status| {
            let peers = status["peers"].as_array()?;
            let gone = peers.iter().all(|peer| peer["node"] != *stolen);
            (!peers.is_empty() && gone).then_some(())
        });
    }
    assert_eq!(Town::parties(&hub), (3, 0), "its party stays");
    second.await_answer(&["status"], |status| {
        let peers = status["peers"].as_array()?;
        (!peers.is_empty() && peers.iter().all(|peer| peer["path"] == "away")).then_some(())
    });
    // All of it is there after a restart.
    town.centre.stop();
    town.centre.up();
    assert!(officers_at(&town.centre).contains(&song.word));
}

#[test]
fn requests_that_must_not_be_signed_or_taken_in_are_refused() {
    let town = town();
    let [li, wang, _] = &town.officers;
    let _hub = town.confirmed("hub", "household");
    let file = town.export("enrol");
    let refused = |run: Run| {
        let (code, message) = run.refusal();
        (run.code, code, message)
    };
    // Somebody who is no officer.
    let stranger = Officer::new(town.folder.path(), "stranger");
    assert_eq!(refused(stranger.sign(&file)).0, 4);
    // An officer with the wrong passphrase.
    let (path, key) = (file.to_str().unwrap(), li.key());
    let guess = wang.run(&["keys", "sign", path, "--key", key.to_str().unwrap(), "--yes"]);
    assert_eq!(refused(guess).0, 4);
    // Without --yes, and nobody to ask.
    let asked = li.run(&["keys", "sign", path, "--key", key.to_str().unwrap()]);
    assert_eq!(asked.code, 2, "{asked:?}");
    // A file that was changed on the way, in what is signed and at its end.
    assert_eq!(li.sign(&file).code, 0);
    let good = fs::read(&file).unwrap();
    for at in [40, 90, 200, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let changed = town.file("changed");
        fs::write(&changed, bad).unwrap();
        let (code, _, message) = refused(town.import(&[&changed]));
        assert!([2, 4].contains(&code), "byte {at}: {message}");
        assert!([2, 4].contains(&wang.sign(&changed).code), "byte {at}");
    }
    let huge = town.file("huge");
    fs::write(&huge, vec![0; 1 << 20]).unwrap();
    assert_eq!((refused(town.import(&[&huge])).0, refused(wang.sign(&huge)).0), (2, 2));
    // Another community's request, asked of the same officers.
    let south = Site::init(town.file("south"), None, LOOPBACK);
    let south_file = town.file("south.request");
    let words = ["community", "create", "South", "--officer", &li.word, "--officer", &wang.word];
    let words = [&words[..], &["--request", south_file.to_str().unwrap()]].concat();
    assert_eq!(south.run(&words).code, 6);
    assert_eq!((li.sign(&south_file).code, wang.sign(&south_file).code), (0, 0));
    let (code, _, message) = refused(town.import(&[&south_file]));
    assert_eq!(code, 2, "{message}");
    assert_eq!(refused(south.run(&["community", "finish", file.to_str().unwrap()])).0, 2);
    // Nothing of all this counts, and the one signature given still does.
    let one = town.import(&[&file]);
    assert_eq!((one.code, one.answer()["signed"].as_array().unwrap().len()), (6, 1));
    assert_eq!(Town::parties(&town.centre), (1, 0));
}

#[test]
fn an_officers_key_is_checked_printed_and_brought_back() {
    let folder = folder();
    let li = Officer::new(folder.path(), "li");
    let key = li.key();
    let key = key.to_str().unwrap();
    let check = |what: &str| li.run(&["keys", "officer", "check", what]);
    assert_eq!(check(key).answer()["officer"], Value::from(li.word.clone()));
    assert_eq!(check(&li.word.to_uppercase()).answer()["officer"], Value::from(li.word.clone()));
    let mistyped = format!("{}q", &li.word[..li.word.len() - 1]);
    let mistyped = if mistyped == li.word { li.word.replace('q', "p") } else { mistyped };
    assert_eq!((check(&mistyped).code, check("nowhere").code), (2, 3));
    let mut nothing = li.command(&["keys", "officer", "check", "nowhere"]);
    let nothing = finished(nothing.env_remove("LINLI_OFFICER_PASSPHRASE"));
    assert_eq!(nothing.code, 3, "before a passphrase is asked for: {nothing:?}");
    assert_eq!(li.run(&["keys", "officer", "new", "--out", key]).code, 5, "never overwritten");

    let second = folder.path().join("second.key");
    let made = li.run(&["keys", "officer", "new", "--print", "--out", second.to_str().unwrap()]);
    let made = made.answer();
    let printed = made["printed"].as_str().unwrap();
    assert_eq!(check(printed).code, 2, "a secret is not for the command line");
    let typed = |words: &[&str], text: &str| {
        let mut command = li.desk.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let word = made["officer"].as_str().unwrap();
    let (code, said) = typed(&["keys", "officer", "check", "-"], &printed.to_uppercase());
    assert!(code == 0 && said.contains(word), "{said}");
    let third = folder.path().join("third.key");
    let third = third.to_str().unwrap();
    let restore = ["keys", "officer", "restore", "--out", third];
    assert_eq!(typed(&restore, &printed.replacen('-', "q", 1)).0, 2);
    let (code, said) = typed(&restore, printed);
    assert!(code == 0 && said.contains(word), "{said}");
}

#[test]
fn an_officer_whose_key_lies_at_the_node_expels_at_once() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let node = hub.ask(&["status"])["node"].as_str().unwrap().to_owned();
    let mut guess = centre.command(&["keys", "expel", &node]);
    let guess = finished(guess.env("LINLI_OFFICER_PASSPHRASE", "a guess of a thief"));
    assert_eq!((guess.code, guess.refusal().0.as_str()), (4, "wrong-secret"));
    assert_eq!(centre.run(&["keys", "expel", "ffffffffffff"]).code, 3);
    assert_eq!(centre.run(&["keys", "expel", "North Gate centre!"]).code, 3);
    let out = centre.run(&["keys", "expel", &node[..12]]);
    assert_eq!((out.code, out.answer()["state"].as_str()), (0, Some("counts")), "{out:?}");
    assert_eq!(out.answer()["deeds"][0]["label"], "hub");
    hub.await_answer(&["status"], |status| {
        let peers = status["peers"].as_array()?;
        (!peers.is_empty() && peers.iter().all(|peer| peer["path"] == "away")).then_some(())
    });
    assert!(centre.ask(&["status"])["peers"].as_array().unwrap().is_empty());
    assert!(centre.ask(&["keys", "requests"]).as_array().unwrap().is_empty());
}
