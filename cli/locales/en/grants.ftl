# Consents, who may read what, taking it away, what is held back.

consent-elder = the elder
consent-guardian = { $name }, guardian
consent-how-paper = on paper
consent-how-spoken = spoken before a witness
consent-how-recorded = recorded
consent-how-on-device = on the elder's own device
consent-withdrawn-alone = Withdrawn. No grant rested on it.
grants-owner = { $party } owns the { $scope }, since { $since }.
grants-steward = { $party } keeps the { $scope } and decides who else may read it, since { $since }.
grants-write = { $party } may read and write the { $scope }, since { $since }, for { $purpose }.
grants-read = { $party } may read the { $scope }, since { $since }, for { $purpose }.
grants-carry = { $party } carries the { $scope } sealed and cannot read it, since { $since }, for { $purpose }.
grants-by = Given by { $by }.
grants-until = It holds through { $until }, and then ends by itself.
grants-open-end = Until somebody takes it away.
grants-from-now = Only what was written after that.
grants-consent = Because { $giver } agreed on { $at } ({ $how }), as { $who } wrote down; consent { $consent }: { $state }.
grants-consent-unseen = On the consent { $consent }, which this node cannot read.
grants-ended = It is over: its last day has passed.
grants-expelled = It is over: the party was expelled from the community.
grants-revoked = It is over: { $by } took it away on { $at }.
grants-hung = It is over: it hung on the right of { $other }, which { $by } took away on { $at }.
exposure-removed = { $party } gets nothing more of the { $scope }: what is written from here on is sealed under a key that it was not given.
exposure-some-remain = { $party } lost this right over the { $scope } and keeps another one, for: { $purposes }. It reads on.
exposure-not-removed = { $party } keeps its right over the { $scope }: this party may not take it away there. Ask the owner or a steward.
exposure-had-nothing = It could open nothing that was written before.
exposure-had = What it had cannot be taken back. It had the keys of:
exposure-had-files = { $files } files, taken away or not, of which it has said to hold { $known } since the last start here
exposure-had-kind =
    { "  " }{ $kind }: { $entries ->
        [one] one entry
       *[other] { $entries } entries
    } in { $documents ->
        [one] one document
       *[other] { $documents } documents
    }; it has said to hold { $known } of them
exposure-until = The newest that it is known to hold is of { $known }; the newest that it can open, should it hold it, is of { $could }.
exposure-all-aware = Every other node that writes here has said that it knows ({ $count }).
exposure-unaware =
    { $count ->
        [0] No other node that writes here has said that it knows.
        [one] One other node that writes here has said that it knows.
       *[other] { $count } other nodes that write here have said that they know.
    } Until these do, what they write may still be under a key that it has:
exposure-ended-with-it = What it had passed on ended with it: { $parties }.
rotate-begun = Begun at { $begun }. Should this be interrupted: run it again with --since { $begun }.
rotate-done = { $seen } spaces looked at, { $rotated } with a new epoch, { $revoked } rights of the expelled taken, { $failed } failed
held-own = this device
held-refused = refused by a steward
held-past-cut = written after its author was removed
held-unattested = known only from a checkpoint that no two stewards stand for
held-ended = written after its author's right had ended
kind-care = care record
kind-health = health record
kind-emergency = emergency card
kind-order = order
kind-profile = profile
kind-card = emergency card
kind-readings = readings
kind-alert = alert
kind-files = photos and documents
kind-consents = consents
kind-ladders = ladders of alerts
kind-joins = joins
kind-offers = standing offers
kind-other = other
state-standing = standing
state-not-yet = begins later
state-ended = over
state-withdrawn = withdrawn
state-revoked = taken away
state-expelled = expelled
state-handed-over = handed over
column-purpose = for
column-data = data
column-given-by = given by
column-obtained = obtained
column-written-by = written by
column-signed-at = signed
column-why = why
about-keys-hand-over = Make what is kept about an elder somebody else's
handed-officers = The { $scope }: officers must sign.
handed-already = The { $scope } was theirs already.
handed-not-owner = The { $scope } belongs to somebody else, who hands it over.
grants-handed-over = It is over: the ownership went on to somebody else on { $at }.
deed-hand-over-title = hand over what is kept about { $elder }
deed-hand-over = Makes what is kept about { $elder } somebody else's: { $kinds }
deed-hand-over-from = { "  " }from: { $party }
deed-hand-over-to = { "  " }to:   { $party }
deed-hand-over-steward = { "  " }for the community acts: { $party }
deed-hand-over-community = the community
deed-hand-over-party = { $kind } { $name } { $party }
deed-hand-over-expelled = { "        " }which was expelled
deed-hand-over-words = The next owner reads all that was written, and decides who reads on. The elder's name and the kinds of data are the word of the node that asks; compare the party's number with what the family told you.
inbox-hand-over = Handing over what is kept about an elder, asked { $since_ms }. { $signed } of { $needed } have signed.
column-compared = compared
checkpoint-done = { $seen } spaces looked at, { $made } checkpoints written, { $left } documents left as they are, { $failed } failed
checkpoint-agreed = { $seen } spaces looked at, { $signed } checkpoints signed for, { $ordered } orders to carriers given, { $left } documents left as they are, { $failed } failed
checkpoint-withdrawn = Taken back. No order to carriers that is known here rests on it any more. Carriers that have not acted on one keep what they hold once they learn of that.
checkpoint-withdrawn-ordered = What was signed is taken back; the order to carriers still stands. The node that began the record takes it back once it learns of this. If it does not before { $at }, carriers drop what the checkpoint stands for. If that node is lost, ask whoever runs relays to start them with --keep-all.
checkpoint-withdrawn-due = What was signed is taken back; the order to carriers stays in force, for it is due since { $at }. Carriers drop what the checkpoint stands for, or have done so. A relay that has not keeps it if it is started with --keep-all.
prune-unfounded = { $orders } orders tell relays to forget the beginning of { $document } from { $at } on: { $why }. Ask whoever runs relays to start them with --keep-all.
prune-flaw-of-facts = it is a document of facts, which is never pruned
prune-flaw-not-agreed = stewards never agreed to that
prune-flaw-cuts-further = more is to go than the checkpoint stands for
prune-flaw-fallen = stewards agree to that no more
column-agreement = signed for by
agreement-lacks = { $signed }; lacks one of: { $missing }
agreement-reached = { $signed }: agreed, not ordered
agreement-ordered = { $signed }: carriers drop what it stands for from { $at }
checkpoint-agrees = agrees
checkpoint-incomplete = parts are missing
checkpoint-unknown = not all of it is held here
checkpoint-wrong = wrong
flaw-unreadable = it cannot be read
flaw-unbound = it does not prove whose a log is
flaw-other-entry = it leaves out or exchanges an entry
flaw-other-changes = it gives an entry other changes
flaw-other-author = it gives an entry another author or time
