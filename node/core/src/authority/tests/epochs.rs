//! Minting, unwrapping and choosing epochs.

use super::*;
use crate::secret::Secret;

fn minted(seed: u64, out: &[u8]) -> (Act, Secret) {
    let out = out.iter().map(|index| party(*index));
    let (epoch, secret) = mint(&mut rng(seed), &BTreeMap::new(), out).unwrap();
    (Act::Epoch(epoch), secret)
}

#[test]
fn a_removal_asks_for_a_new_epoch() {
    let nobody = BTreeSet::new();
    let mut world = World::owned();
    assert!(world.state().needs_new_epoch(&nobody), "a space begins without an epoch");
    let writer = world.act(0, Under::Genesis, &[], &grant(1, Right::Write));
    let first = world.act(1, Under::Grant(writer), &[], &minted(1, &[]).0);
    assert_eq!(world.state().writable_epoch(&nobody), Some(EpochId(first.0)));
    world.act(0, Under::Genesis, &[], &grant(2, Right::Read));
    assert_eq!(world.state().writable_epoch(&nobody), Some(EpochId(first.0)));
    let removal = world.revoke(0, Under::Genesis, &[], 2);
    assert!(world.state().needs_new_epoch(&nobody));
    let stale = world.act(1, Under::Grant(writer), &[first], &minted(2, &[]).0);
    assert!(world.state().needs_new_epoch(&nobody), "it does not cover the removal");
    let a = world.act(1, Under::Grant(writer), &[removal, stale], &minted(3, &[]).0);
    let b = world.act(0, Under::Genesis, &[removal, stale], &minted(4, &[]).0);
    assert_eq!(world.state().writable_epoch(&nobody), Some(EpochId(a.0.min(b.0))));
    let next = world.act(1, Under::Grant(writer), &[], &minted(5, &[]).0);
    assert_eq!(world.state().writable_epoch(&nobody), Some(EpochId(next.0)));
    let reader = world.act(0, Under::Genesis, &[], &grant(3, Right::Read));
    let refused = world.act(3, Under::Grant(reader), &[], &minted(6, &[]).0);
    assert_eq!(world.refusal(refused), Some(Refusal::Lacks(Right::Write)));
}

#[test]
fn whoever_is_out_by_the_clock_is_excluded_by_name() {
    let out = BTreeSet::from([party(1), party(7)]);
    let mut world = World::owned();
    world.act(0, Under::Genesis, &[], &grant(1, Right::Read));
    world.act(0, Under::Genesis, &[], &minted(1, &[]).0);
    assert!(world.state().needs_new_epoch(&out));
    let without = world.act(0, Under::Genesis, &[], &minted(2, &[1]).0);
    assert_eq!(world.state().writable_epoch(&out), Some(EpochId(without.0)), "7 is no member");
}

#[test]
fn history_opens_backwards_and_every_key_is_checked() {
    let mut rng = rng(7);
    let (old, old_secret) = mint(&mut rng, &BTreeMap::new(), []).unwrap();
    let (other, other_secret) = mint(&mut rng, &BTreeMap::new(), []).unwrap();
    let (old_id, id) = (EpochId([1; 32]), EpochId([2; 32]));
    let parents = BTreeMap::from([(old_id, old_secret.clone()), (id, other_secret.clone())]);
    let (mut epoch, secret) = mint(&mut rng, &parents, [party(2), party(1), party(2)]).unwrap();
    assert_eq!(epoch.excludes, [party(1), party(2)]);

    let key = EpochKey::Secret(secret.clone());
    assert_eq!(key.check(&epoch), Ok(()));
    assert_eq!(key.for_member(false).check(&epoch), Ok(()));
    assert_eq!(key.for_member(false).secret(), None);
    assert_eq!(EpochKey::Content(secret.clone()).check(&epoch), Err(EpochError::WrongKey));
    assert_eq!(EpochKey::Secret(secret.clone()).check(&other), Err(EpochError::WrongKey));

    let opened = open_parents(&epoch, &secret);
    let opened_old = opened[&old_id].clone().unwrap();
    assert_eq!(opened_old, old_secret);
    assert_eq!(EpochKey::Secret(opened_old).check(&old), Ok(()));
    assert_eq!(opened[&id], Ok(other_secret.clone()));

    // A parent sealed for another epoch does not open, and hides no other.
    epoch.parents[0].sealed = epoch.parents[1].sealed.clone();
    let opened = open_parents(&epoch, &secret);
    assert_eq!(opened[&old_id], Err(EpochError::Damaged(old_id)));
    assert_eq!(opened[&id], Ok(other_secret));
    let wrong = open_parents(&epoch, &old_secret);
    assert!(wrong.values().all(Result::is_err));
}
