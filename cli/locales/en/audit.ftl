# The audit: what was done by authority at a node, and who read what.

about-keys-audit = Who did and read what at this node: list, export, verify
column-number = number
column-at = at
column-what = what
column-person = person
column-of = of
column-count = count
column-detail = detail
act-founded = community founded
act-enrolled = party enrolled
act-expelled = put out
act-officers = officers replaced
act-node-certified = node certified
act-node-extended = node renewed itself
act-notice = notice published
act-space-begun = space begun
act-granted = right given
act-revoked = right taken back
act-rotated = new key begun
act-cut = cut
act-admitted = held-back entries admitted
act-refused = held-back entries refused
act-handed-over = handed over
act-erased = ordered to be erased
act-consent = consent
act-agreed = signed that carriers may drop what a checkpoint stands for
act-agreement-withdrawn = signature for a checkpoint taken back
act-person-added = person added
act-person-ended = person ended
act-tablet-paired = tablet paired
act-tablet-removed = tablet's pairing ended
act-alert-ended = alert that could not be stored ended
act-recovered = recovered with officers' keys
act-card-opened = emergency card opened
act-backed-up = backup made
act-restored = restored from a backup
act-packed = courier file packed
act-unpacked = courier file taken in
act-wrong-checkpoint = wrong checkpoint found
act-unfounded-order = order to relays that nobody agreed to found
act-read = read
act-listed = list seen
act-exported = audit exported
act-signed = signed by the node
audit-verifies = Following the chain
audit-exports = Writing the audit
audit-more = More: `--before { $before }`.
audit-done-exported =
    Records { $first } to { $last }: { $shown } whole, { $withheld } as digests only.
    The file is in clear. It names the people who acted; elders and parties stand in it by their ids. Anybody verifies it with `linli keys audit --verify FILE`.
audit-node = The audit of node { $node }
audit-holds = Holds: records { $first } to { $last }, of which the node's signature covers { $verified }; { $withheld } of them as digests only.
audit-unsigned =
    { $unsigned ->
        [one] One record after the last signature is linked but not signed, and proves nothing.
       *[other] { $unsigned } records after the last signature are linked but not signed, and prove nothing.
    }
audit-broken = BROKEN at record { $number }: { $why }.
broken-malformed = it cannot be read
broken-hash = its hash does not follow from it and the record before it
broken-gap = records before it are missing
broken-order = it is out of order, or there twice
broken-signature = the node's signature does not hold for the records up to it; something since the signature before was changed
broken-signer = another node signed it
broken-unfinished = the file ends early, records after it are missing
broken-closing = the signature that closes the file does not hold; its beginning or its end was changed
audit-exported-at = Exported { $at }, by the node's clock.
audit-member = By the certificates in the file the node stood in the community { $name }, { $community }: compare this with the community's number you know.
audit-not-member = By the certificates in the file the node did not stand in the community { $name }, { $community }: { $reason }.
audit-no-community = The file holds no certificates that say who the node is.
about-keys-passphrase = Change the passphrase of a node that does not run
ask-new-passphrase = The new passphrase:
passphrase-changed =
    The passphrase of the node's keys and of party.key is changed.
    Backups made before keep the former one.
passphrase-changed-alone =
    The passphrase of the node's keys is changed.
    party.key is not here or has another passphrase: it was left as it is. Backups made before keep the former one.
about-person-switch = Take the seat of a shared desk: one PIN for all that follows
about-person-leave = Leave the seat: nobody is named any more
seat-taken =
    { $name } sits here now. Commands are in that name until the next `person switch` or `person leave`,
    or until { $minutes } minutes pass without one.
seat-left = Nobody sits here now: what follows is done in no name.
no-keyring = the keyring gave no passphrase: install secret-tool, unlock the keyring, and store one with `secret-tool store --label=linli linli { $path }`
