//! What a node and the program refuse, with which exit code, and that the node lives on.

use linli_core::pairing::{Code, WRONG_PROOFS_MAX};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::{
    community::{Invitation, LOOPBACK, centre, folder, join},
    site::{Site, finished},
};

#[test]
fn a_wrong_passphrase_a_second_node_and_an_absent_one_are_refused() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let second = centre.run(&["up"]);
    let (code, message) = second.refusal();
    assert_eq!((second.code, code.as_str()), (5, "conflict"), "{message}");
    centre.lives();

    centre.stop();
    let absent = centre.run(&["status"]);
    assert_eq!((absent.code, absent.refusal().0.as_str()), (8, "not-running"));

    let mut guess = centre.command(&["up"]);
    let guess = finished(guess.env("LINLI_PASSPHRASE", "a passphrase of a thief"));
    let (code, message) = guess.refusal();
    assert_eq!((guess.code, code.as_str()), (4, "forbidden"), "{message}");
    assert!(message.contains("passphrase"), "{message}");
    centre.up();
    centre.stop();
}

#[test]
fn guessed_used_and_mistyped_codes_are_refused_and_guessing_ends_the_invitation() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let mut used = Invitation::begin(&centre, &["household"]);
    let hub = Site::init(folder.path().join("hub"), None, LOOPBACK);
    assert_eq!(hub.run(&["join", &used.code]).code, 0);
    assert_eq!(used.phase()["phase"], "pending");
    assert_eq!(used.phase()["phase"], "enrolled");

    let stranger = Site::init(folder.path().join("stranger"), None, LOOPBACK);
    let mistyped = stranger.run(&["join", "linl-aaaa-bbbb-cccc"]);
    assert_eq!((mistyped.code, mistyped.refusal().0.as_str()), (2, "invalid"));

    // Somebody who saw an old code, and then guesses, as often as it is let.
    let open = Invitation::begin(&centre, &["household"]);
    let inviter = Code::parse(&open.code).unwrap().inviter;
    let mut rng = StdRng::seed_from_u64(7);
    let guesses = (1..WRONG_PROOFS_MAX).map(|_| Code::draw(inviter, &mut rng).text().unwrap());
    for code in std::iter::once(used.code.clone()).chain(guesses) {
        let refused = stranger.run(&["join", &code]);
        let (kind, message) = refused.refusal();
        assert_eq!((refused.code, kind.as_str()), (4, "forbidden"), "{message}");
        assert!(message.contains("wrong, used or expired"), "{message}");
    }
    let (code, said) = open.end();
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("wrong codes"), "{said}");
    centre.lives();

    // Nothing of it stays: the stranger joins when it is really invited.
    let (here, there) = join(&centre, &stranger, &["household"]);
    assert_eq!(here, there);
    let parties = centre.ask(&["party", "list"]);
    assert_eq!(parties.as_array().unwrap().len(), 3, "{parties}");
    let again = stranger.run(&["join", &used.code]);
    assert_eq!((again.code, again.refusal().0.as_str()), (5, "conflict"));
}

#[test]
fn whom_nobody_confirms_is_told() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    let hub = Site::init(folder.path().join("hub"), None, LOOPBACK);
    let unconfirmed = |code: &str| {
        let joined = hub.run(&["join", code]);
        assert_eq!(joined.code, 4, "{joined:?}");
        assert!(joined.err.contains("did not confirm"), "{joined:?}");
    };

    // Nobody sits before the inviting screen.
    let mut unasked = Invitation::unconfirmed(&centre, &["household"]);
    unconfirmed(&unasked.code);
    assert_eq!(unasked.phase()["phase"], "pending");
    assert_eq!(unasked.end().0, 2);

    // Whoever sat there has gone.
    let left = Invitation::unconfirmed(&centre, &["household", "--valid", "5s"]);
    left.stop();
    unconfirmed(&left.code);
}
