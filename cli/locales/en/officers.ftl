# The privacy officer: keys, requests in words, the desk.

about-keys = The privacy officer's work: keys, signatures, who may read what, recoveries
about-keys-inbox = What waits for an officer at this node
about-keys-officer = An officer's own key, on any machine
about-keys-officer-new = Draw an officer's key
about-keys-officer-check = Check a key file, a public key or a printed key
about-keys-officer-restore = Make a key file from a printed key
about-keys-officers = The officers of the community
about-keys-officers-replace = Begin a change of the officers
about-keys-requests = What waits for officers' signatures at this node
about-keys-requests-export = Write a request to a file that goes round
about-keys-requests-import = Take in a request's file with its signatures
about-keys-requests-sign = Sign a request with the officers' keys at this node
about-keys-requests-drop = Forget a request
about-keys-sign = Sign a request's file, on any machine
about-keys-expel = Put a party or a node out of the community
about-community-finish = Take in the officers' signatures of a community that is being founded
community-waits = The request is in { $file }. Each officer signs it with `linli keys sign`; then `linli community finish { $file }`.
community-lacks =
    { $lacks ->
        [one] One more officer must sign.
       *[other] { $lacks } more officers must sign.
    } Give them the file: `linli keys sign FILE --key KEYFILE`. Then here again: `linli community finish FILE`.
community-begun = The community { $community } begins. Next: `linli up`.
join-awaits-officers = Confirmed. The officers must sign first. When they have: `linli join --finish`, or start the node with `linli up`, which asks by itself.
join-nothing = This node waits for no officers. Join with the code of an invitation.
status-requests = Waiting for officers' signatures: { $waiting } (`linli keys inbox`)
ask-printed-key = The printed key (linl-isec-ret1-…):
officer-key-making = Making the key
officer-key-made =
    The officer's key is in { $file }, sealed under the passphrase. Keep it apart from any node.
    Give the public key to whoever makes or changes the community:
    { $officer }
officer-key-restored =
    The printed key is in { $file } again, sealed under the passphrase. Its public key:
    { $officer }
officer-printed =
    The secret key, shown this once. Print or write it, lock it away, and clear the screen.
    Whoever has it can sign as this officer.
    { $printed }
officer-printed-right = What was typed is the key. The paper is good.
officer-printed-wrong = This is still not the key that was shown; the key file is good. Compare the paper with `linli keys officer check -`. Where the screen is cleared and the paper does not fit, make another key with `linli keys officer new`.
officer-key-right = The key is right. It belongs to { $officer }
officers-are = { $name }: { $threshold } of { $officers } officers must sign
officer-held-here = { "  " }{ $officer } (the key file lies at this node)
bad-officer-word = This is not an officer's key (linlioff1…), or it was mistyped. Copy it again, whole.
bad-printed-key = This is not the printed form of an officer's key (linl-isec-ret1-…), or it was mistyped. Compare it group by group and type it again.
secret-on-command-line = A secret key does not belong on the command line, where others can see it. Give - and type it.
not-signed = Nothing was signed.
unwritten-file = Cannot write { $path }
request-head =
    Community: { $name } ({ $community })
    Asked at: { $at }
request-count = Signed by { $signed }, needed: { $needed }
request-ask = Do you sign this as an officer? [yes/no]
request-counts = Enough officers have signed. It counts.
request-waits = It waits for more signatures. `linli keys requests export { $id } FILE` makes a file for the other officers.
request-exported = Written to { $file }. An officer signs it with `linli keys sign`; bring it back with `linli keys requests import`.
request-signed = Signed: { $file }. { $signed } of { $needed } have signed; pass it on.
request-signed-enough = Signed: { $file }. Enough officers have signed; take it to a node: `linli keys requests import`.
request-dropped = Forgotten. Copies that went round can still be signed and brought in.
request-state-waits = waits
request-state-counts = counts
request-state-outdated = officers have changed
request-founding-already = A community is being founded here and waits for its officers. Bring the signed files with `linli community finish`, or begin another with --again.
request-founding-none = No community is being founded here.
deed-found = Begins the community, with { $officers } officers, of whom { $threshold } must sign:
deed-found-title = begin the community
deed-officers = Changes the officers: from here on { $threshold } of { $officers } must sign
deed-officers-title = change the officers
deed-officer-comes = { "  " }comes: { $officer }
deed-officer-goes = { "  " }goes:  { $officer }
deed-officer-stays = { "  " }stays: { $officer }
deed-officer-signed = { "  " }has signed: { $officer }
deed-officer-lacking = { "  " }may sign:   { $officer }
deed-struck = The keys that go are lost or stolen: what they sign counts no more, also later. { $kept } earlier acts that rest on them go on counting.
deed-officers-rivals = Sign only one change of the same officers: of two, neither stands.
deed-enrol =
    Takes a party in: { $kind }, { $name }
      { $party }
deed-enrol-title = take in: { $who }
deed-expel-party =
    Puts a party out for good, with all its devices: { $kind } { $name }
      { $party }
deed-expel-party-title = put out: { $who }
deed-expel-node =
    Puts one device out for good: { $label } of { $kind } { $name }
      { $node }
deed-expel-node-title = put out the device { $label }
deed-device = { "  " }device { $label }: { $node }
deed-no-name = without a public name
section-signature = signature
section-enrolment = enrolment
section-ending = end date
section-erasure = erasure
inbox-enrolment = A party waits to be taken in since { $since_ms }: { $kind }. { $signed } of { $needed } have signed.
inbox-officers = A change of the officers, asked { $since_ms }. { $signed } of { $needed } have signed.
inbox-expulsion = An expulsion, asked { $since_ms }: { $kind }. { $signed } of { $needed } have signed.
inbox-signature = A signature is asked since { $since_ms }. { $signed } of { $needed } have signed.
inbox-outdated = Asked { $since_ms } of former officers: it cannot count any more; drop it.
inbox-ending = The certificate of { $label } ({ $kind }) ends on { $ends_ms }: the node has been away for long.
inbox-ended = The certificate of { $label } ({ $kind }) ended on { $ends_ms }; it is served again once it has been on.
inbox-erasure = { $waiting } of { $nodes } nodes have not confirmed the erasure ordered { $since_ms }: `linli keys erasures`.
column-section = section
column-due = due
column-request = request
column-signed = signed
section-held = held back
section-consent = consent
inbox-grants = { $count } grants of { $party } ({ $kind }) end within thirty days, the first on { $ends_ms }: see `linli keys grants` and ask for consent again where it is needed.
inbox-held = { $count } entries of { $party } are held back and wait for a judgement: `linli keys held list`
inbox-consent = A consent to { $party } was withdrawn on { $at_ms }; nothing rests on it here: `linli keys consent list --all`
inbox-consent-rests = A consent to { $party } was withdrawn on { $at_ms }, and a grant still rests on it: take it away with `linli keys revoke`, or ask its steward.
