# What the node refuses: what happened, what it means, what to do. The node reads the English for
# programs and logs, so each message is one line with `{ $name }` and no other placeable.

## Requests that cannot be read
error-request-lacks = the request lacks { $field }: send it too
error-request-type = a field of the request has a wrong type: docs/spec/control.md says which it takes
error-no-method = there is no such method: docs/spec/control.md lists them
error-no-path = there is nothing at this path: docs/spec/control.md lists what there is
error-wrong-verb = this path takes another HTTP method: GET for /health and /metrics, POST for all else
error-no-token = the token is missing or wrong: send `Authorization: Bearer` with what stands in control.token of the data directory
error-body-late = the body did not come in time: try again
error-body-large = the body is larger than { $max } bytes: give files as paths
error-body-broken = the body broke off: send it again
error-body-text = the body is not JSON at line { $line }, column { $column }
error-body-type = send JSON, and say so in content-type
error-body-press = this is not a press of the button: send the elder's id
error-stopping = the node is stopping: ask again when it runs
error-no-answer = the node does not answer: try again
error-not-saved = it was not saved: see with `linli status` what is wrong with the store, then do it again

## Files at the node's machine
error-file-missing = { $path } is not there: look at the path
error-file-denied = the node may not use { $path }: let its user read and write there
error-file-no-room = there is no room left for { $path }: free some space, or choose another place
error-file-unusable = { $path } cannot be used: look at the disk and the path
error-file-no-file = { $path } is no file: name one
error-file-large = a file has at most { $max } bytes: choose a smaller one
error-file-empty = the file is empty: choose another one
error-file-changed = the file changed while it was read: try again when nobody writes it
error-file-damaged = this file does not open under its key: it was damaged, or sealed by mistake; have it attached again
error-path-taken = there is something at this path already: choose another one
error-backup-runs = a backup is being written there: wait until it is done
error-backup-failed = no backup was made

## Who is meant
error-elder-none = no elder here has this id or name: see `linli elder list`
error-elder-several = several elders fit: give the id, or more of the name
error-elder-id = this is no elder's id: take it from `linli elder list`
error-party-none = no party has this id or name: see `linli party list`
error-party-several = several parties fit: give more of the id
error-party-unknown = this party is not enrolled here: let it join first
error-party-expelled = this party was expelled: it gets nothing
error-node-none = no member node has this id or name: see `linli peers`
error-node-several = several nodes fit: give more of the id
error-subject-none = no party or node has this id or name: see `linli party list`
error-subject-several = several parties or nodes fit: write more of the id

## People of a party, PINs and seats
error-person-none = nobody here has this name, or several have: give the person's id
error-person-unfit = nobody can be enrolled with these details: shorten them, and look at the end date
error-person-ended = this person acts for the party no more: the end date has passed; the party's steward enrols whoever comes back
error-person-ends-earlier = this person ends earlier already: an end is moved earlier, never later
error-person-steward-needed = this party's people are enrolled and ended by its steward: name one with `--as`
error-role = there is no such role: elder, family, operator, carer, social_worker, grid_worker, volunteer, clinician, clerk, steward, official or evaluator
error-role-party = a party of this kind has nobody in this role: give another one
error-pin-wrong = the PIN is wrong: try again, or have the person set up again at this node
error-pin-locked = too many wrong PINs: the person is locked until the node is started again
error-pin-unusable = the stored key of this person cannot be used: have them set up again at this node
error-pin-short = a PIN has { $min } characters or more: choose another one
error-pin-present = a PIN is changed with the present PIN: give it
error-seat-pin = a seat is taken with a PIN: give it
error-seat-who = say who takes the seat: the name, and the PIN
error-seat-locked = the desk is locked: take the seat again with `linli person switch NAME`, or go on without a name after `linli person leave`

## What this node's party may do
error-may-not-carry = This party may not carry what stands there. Ask whoever keeps it for a grant.
error-may-not-read = This party may not read there. Ask whoever keeps it for a grant.
error-may-not-write = This party may not write there. Ask whoever keeps it for a grant.
error-may-not-steward = This party may not say there who reads: for an elder with a hub the household does, at its own node; for an elder without, the centre.
error-not-enrolled = this node is not enrolled, or only carries for others: do it at another node
error-not-member = this party does not belong to those who keep this: ask whoever does for a grant
error-node-ended = this device's certificate has ended: extend it before writing
error-no-key = the key to write with has not arrived yet: it comes with the next exchange with a member, so try again later
error-log-forked = this device's log has another branch, as after an old disk image: start the node again, and do it again
error-overtaken = the owner changed who may do what since this was asked: begin the hand-over again
error-too-many = at most { $max } at once: do the rest afterwards
error-recipient-key = the recipient's key cannot be used: its node must be certified again
error-entry-large = this is too much to be written at once: shorten it, or split it
error-urgent-large = this is too much for what is urgent: shorten the text
error-text-large = this takes more than { $max } bytes: shorten the text
error-no-document = this node has no such document: see `linli documents`

## Elders and their records
error-elder-name = an elder needs a name: give it with --name
error-elder-contacts = contacts are added afterwards: use `linli elder edit`
error-no-field = there is no field { $field }: write one such as phone, address or card/allergies
error-field-form = { $field } does not take this value: correct it and save again
error-field-long = { $field } takes at most { $max } bytes: shorten the text
error-no-profile = this node has no profile of this elder: do it at the household's node or the centre's
error-nothing-of-kind = this node has nothing of this kind about this elder: look at another scope, or at another node
error-scope = there is no such scope: care, health or emergency
error-scope-or-all = there is no such scope: care, health, emergency or all
error-reading-code = this LOINC code is not known here: update this node
error-reading-unit = the unit must be { $unit }: convert the value first
error-reading-value = the value must be a decimal number, such as 36.6
error-reading-time = the time of the reading is not one that can be: set the device's clock
error-reading-device = a device's name has 1 to { $max } letters, digits and . : _ -
error-reading-span = a chart is about a time of at most 400 days that ends after it begins
error-register-too-large = the file has { $bytes } bytes, which is more than is taken: split it
error-register-empty = the file is empty: its first row must name the columns
error-register-not-text = the file is no text ({ $found }): save it as CSV in UTF-8
error-register-broken = the text is broken as { $encoding } at byte { $offset }, line { $line }: save the file again as CSV in UTF-8
error-register-missing-columns = the first row lacks these headings: { $missing }. Of the file's own headings these were read: { $found }. Name the columns in the first row so, adding those that are missing (their cells may stay empty), and save the file again.
error-register-double-column = two headings name the same column ({ $column }): remove one of the two columns and save the file again
error-register-name = the file's name must say which register it is
error-row-cells = the row has { $found } cells, the headings are { $expected }: look for a comma or quote too many or missing
error-row-cell-long = the cell { $column } has { $chars } characters, at most { $max } are taken: shorten it
error-row-no-record = the row has no record number: give it one
error-row-no-name = the row has no name: fill it in
error-row-same-record = the record number was used before, on line { $line }: give the row another one
error-row-too-many = a register has at most { $max } rows: split the file
error-row-unreadable = the row could not be read as comma-separated values: save the file again as CSV
error-photo-beside = name either the elder or the order
error-photo-may-not = the household, its family and the centre put files beside an order, and the provider while it holds it; files of an elder whoever may write the health record, or with `--scope care` the care record: ask one of them
error-photo-health = there is no health record of this elder here, and your party begins none: have the centre or the household begin it or let you write there, or use `--scope care` where the file is not medical
error-photo-scope = an elder's file stands in health or care; a file beside an order takes no scope
error-photo-not-standing = the file does not stand: `linli order show` or `linli elder show` says why
error-photo-many = your party has put { $max } files there, which is as many as it may: take one away first
error-photo-none = there is no such file: see `linli photo list` or `linli order photo list`
error-photo-several = several files fit: give more of the id
error-photo-remover = a file is taken away by whoever attached it; one of an elder by a centre too, one of an order by the node that decides about it: ask there
error-photo-coming = { $come } of { $all } bytes have come: try again later

## Orders
error-order-none = there is no such order here: see `linli order list`
error-order-several = several orders fit: give more of the id
error-order-service = the catalogue has no such service: give a code or a name that it has
error-order-channel = there is no such channel: phone, web, wechat, app, terminal, tv, front_desk or rule
error-order-to-whom = say to which provider: its id or name
error-order-not-opened = this order is not open yet: wait until it has arrived whole
error-order-not-offered = this order is not offered to this provider: wait for the offer, or ask the centre
error-order-not-accepted = no provider has accepted this order: wait for one, or offer it to another
error-order-not-held = nobody holds this order: there is nothing to withdraw from
error-order-not-confirmed = this order is not confirmed: do not set out before it is
error-order-not-begun = this order has not begun: say first that it did, with start
error-order-not-done = this order is not done yet: call back afterwards
error-order-rating = give a rating from 1 to 5
error-order-act = no such act: offer, accept, decline, confirm, withdraw, start, done, callback or cancel
error-offer-service = there is no such service: give its code as the catalogue has it

## Alerts, ladders and calls
error-alert-none = there is no such alert here: see `linli alert list`
error-alert-several = several alerts fit: give more of the id
error-alert-kind = there is no such kind of alert: button, fall, smoke or other, for example
error-alert-no-contact = nobody raises this kind by hand: the node does where contact is overdue; see elder due
error-alert-person = an alert is answered by a named person: say who acts, with --as
error-alert-unstored = this alert could not be stored, and nobody can take it: call the household, and look at the disk
error-alert-not-yours = only who has the alert may do this, and { $who } has it: take it over to answer it yourself
error-alert-taken = { $who } has it already: take it over to answer it yourself
error-alert-not-open = this alert is not open: raise another one where somebody must come
error-alert-nobody = nobody has this alert yet: acknowledge it first
error-alert-not-resolved = this alert is not resolved: there is nothing to open again
error-alert-act = no such act: ack, take-over, respond, arrive, hand-to, resolve, false-alarm, reopen, call-off or refuse-card
error-alert-service = say whom to: police, fire or ambulance
error-alert-outcome = say how it ended: helped, hospital, false_alarm, drill or died
error-ladder-whom = say whom: party:NAME, contact:NUMBER or dial-out:NUMBER
error-ladder-step = no such step: desk, siren, neighbour, party:NAME, contact:NUMBER or dial-out:NUMBER
error-ladder-steps = a ladder has 1 to { $max } steps, such as desk@0s siren@1m
error-ladder-late = every step and the time to respond lie within a day: choose shorter times
error-telephone-number = a telephone number has 3 to 20 digits, a + before them or not
error-call-answerer = a call is answered by a named person: say who acts, with --as
error-call-about = say about whom: the elder's id
error-call-none = no such call here: calls are forgotten when the node stops
error-call-taken = { $who } has this call already: take it over to answer it yourself
error-call-nobody = nobody has this call: take it first
error-call-act = no such act: take, take-over, who, raise or done
error-call-number = this is no telephone number: send digits, at most { $max } characters, or null where it is not shown
error-call-person = a call is decided upon by a named person: say who acts, with --as
error-call-drill = this is a drill: no emergency service is called
error-call-no-telephone = this node has no telephone: write [sip] into its configuration, or a program of [[bells]] for dial_out
error-call-runs = this number is being called already: wait for the answer
error-call-no-line = no line is free: try again in a minute, or dial by hand

## Emergency cards, and where an elder is
error-card-none = nobody has written an emergency card of this elder yet: write one with `linli elder edit`
error-card-unwritten = the household has written no emergency card of this elder yet, or its key is still on the way: call the household, and ask again in a minute
error-card-refused = the household keeps the card closed to this alert: call the household
error-card-shut = this card opens with an alert that the household or the family raises, or answers: call the household
error-card-coming = the card is open to this alert and has not reached this node yet: ask again in a minute
error-card-closed = this alert is closed, and the card with it: raise another one where somebody must come
error-card-call = somebody asks to be called, which opens no card: call back first
error-card-no-elder = this alert is about no elder, so there is no card to it
error-card-person = a card is read by a named person: say who reads, with --as
error-card-keeper = this elder's card is kept by the household or the centre that added the elder: write it there
error-card-refuser = only the household or the family keeps the card closed: ask them
error-held-card = the emergency card is opened with `linli elder card`, on the record
error-position-household = where an elder is stays with the household: say it to the household's node
error-position-degrees = latitude and longitude must be decimal degrees by WGS 84, such as 30.274152
error-position-future = this was measured in the future: set the device's clock

## Tablets in the flat
error-tablet-no-page = this node serves no tablets: write its address in the flat into linli.toml, such as [tablets] listen = "192.168.1.5:8080", and start it again
error-tablet-household = tablets belong to a household's hub: pair them there
error-tablet-label = a tablet's name has 1 to { $max } letters, and no other tablet has it: choose another name
error-tablet-many = there are { $max } tablets already: remove one with `linli device tablet remove`
error-tablet-none = no tablet has this id or name, or several do: see `linli device tablet list`
error-tablet-list = the list of tablets in the data directory cannot be read or written: mend that, and start the node again
error-tablet-stranger = this tablet is not paired: ask whoever keeps the hub
error-tablet-often = too often: wait a minute, then try again
error-tablet-unpaired = the tablet could not be paired: make another code
error-no-randomness = the operating system gives no random bytes: restart the machine
error-press-elder = say for whom: send the elder's id
error-press-none = there is no such elder in this home: look at the page again
error-press-late = it is too late to take this back: tell whoever calls or comes

## Consents and grants
error-right = there is no such right: read or write
error-grant-same = this party has exactly this grant already: nothing is to be done
error-grant-past = this end has passed already: choose a later one
error-grant-none = this party has no right over this elder's data here: nothing is to be taken away
error-grant-not-taken = no right of this party over this elder's data was taken away here: ask at the node where it was
error-grant-not-yours = this party may not take that right away: ask a steward or the owner
error-consent-needed = nobody outside household, family and centre reads without a consent: record one first with `linli --as NAME keys consent record '{ $elder }' --to '{ $party }' --purpose '{ $purpose }' --category { $scope } --paper PLACE` (NAME: who writes it down; PLACE: where the paper is; or --spoken, --recorded, --on-device), then grant again
error-consent-shorter = the consent ends before that: grant to its end, or record another consent
error-consent-endless = say until when, with --until: neither this grant nor its consent has an end
error-consent-other-party = this consent is to another party: record one that covers this grant first
error-consent-other-purpose = this consent is for another purpose: record one that covers this grant first
error-consent-other-kind = this consent is about another kind of data: record one that covers this grant first; health and emergency data take one of their own
error-consent-not-yet = this consent begins later: grant then, or record one that holds already
error-consent-ended = this consent has ended: record another one first
error-consent-withdrawn = this consent was withdrawn: who agrees again gives another one, to be recorded first
error-consent-none = this elder has no consent with this id: see `linli keys consent list`
error-consent-several = several consents fit: give more of the id
error-consent-no-record = this node has no care record of this elder: write the consent down at the household's node or the centre's
error-consent-how = say how the consent was obtained: on paper, spoken, recorded or on the device
error-consent-category = there is no such kind of data: care, health, emergency or order/ID
error-consent-person = a consent is written down by a named person: say who acts, with --as
error-consent-writer = household, family, centre and station write consents down, a station not to itself: ask one of them
error-consent-gone = this consent was withdrawn before: nothing is to be done
error-consent-bundled = health and emergency data are consented to one by one, never together with anything else: write one consent for each
error-consent-incomplete = a consent names a purpose, a kind of data, how it was obtained, and an end after its beginning: add what is missing

## What is held back
error-held-none = nothing that is held back here has this id: see `linli keys held list`
error-held-several = several entries fit: give more of the id
error-held-judge = only a steward or the owner admits and refuses what is held back: ask one of them

## Erasing, checkpoints and keys of spaces
error-erasure-reason = say for what reason, in 1 to { $max } characters
error-erasure-person = say who orders the erasure, with --as: it is kept with the order
error-erasure-elsewhere = only the steward's node that began a space can order its erasure: ask there: { $at }
error-no-erasure-key = the key that orders the erasure is kept at another node: give the order there
error-erased = it was erased by order of a steward: begin anew where there is a reason to
error-after-space = `after` names no space: send what the last answer gave
error-checkpoint-none = no one checkpoint that was signed for begins like this: see `linli keys checkpoints`
error-checkpoint-stays = not all that was signed for it could be taken back: ask again
error-checkpoint-readers = not everybody who reads there may read what is older: a checkpoint would show it, so none is made
error-checkpoint-large = the document is too large for a checkpoint: it stays as it is

## Handing over
error-hand-over-not-owner = What is kept about this elder belongs to somebody else, who hands it over. Officers do so only once that party is expelled.
error-hand-over-steward = Say with --steward who acts for the community: it has no device of its own.
error-hand-over-overtaken = Rights were given or taken away while the file went round, and this would undo it. The request is dropped; begin the hand-over again.
error-hand-over-owners = What is kept about this elder has several owners. Hand it over one after the other, with --scope.
error-hand-over-taker = A household or a family owns what is kept about an elder; or the community does, with --steward and a centre or station. None that was expelled.
error-hand-over-no-node = This party has no device that could take the keys. Let it join first.
error-hand-over-failed = { $failed } of { $all } could not be handed over here: they have an owner again, or this node has no key of them.
error-hand-over-no-steward = a party that owns needs no steward: leave --steward out
error-hand-over-kept = there is no such right to keep: read, write or steward
error-hand-over-spaces = this elder has too many spaces for one request: name a scope with --scope

## Officers and what they sign
error-officers-waits = a change of the officers waits for signatures here already, and of two neither would stand: finish it, or drop it if nobody has signed
error-officers-stolen = say with --remove whose key was lost or stolen
error-officers-several = several officers' keys begin so: write more
error-officers-none = no officer has this key: see `linli keys officers`
error-officers-word = this is not an officer's key (linlioff1…), or it was mistyped: copy it again, whole
error-officers-already = this key is an officer's already: leave it out
error-officers-threshold = the threshold must be more than half of the officers and no more than all of them, of whom there are 1 to 64: choose another one
error-officers-same = this changes nothing: say whom to add, to remove, or the threshold
error-officers-kept = { $count } certificates need the signatures of the keys to be struck out, and a change of officers can name { $max }: replace fewer keys at once
error-expelled-already = it is expelled already: nothing is to be done
error-expulsion-waits = request { $request } asks for that already and waits for signatures: have it signed
error-request-several = several requests begin so: write more of the id
error-request-none = no request here has this id: see `linli keys requests`
error-requests-full = { $max } requests wait here: finish or drop some first
error-request-large = this is too large for a request: look whether it is the right file
error-request-digits = the bytes of the request are not hexadecimal: send them so
error-request-old-officers = The officers have changed since this request was begun. It must be begun again.
error-request-not-officer = This key belongs to no officer who may sign this.
error-request-stranger = Somebody who is no officer of this community has signed this request. Do not sign it.
error-request-changed = A certificate in this request does not hold: it was damaged or changed. Do not sign it.
error-request-unreadable = This is not a request that can be used: damaged, put together wrongly, or another than the one it is joined with.
error-request-other-community = This request is another community's. Take it to a node of that one.
error-request-counts-already = Enough officers have signed it before; it counts.
error-request-no-officer-key = No file of an officer in force lies at this node. Export the request and let the officers sign it elsewhere.
error-key-file-passphrase = the passphrase is wrong, or the key file was damaged: nothing was changed
error-key-file-malformed = this is not a linli key file: look for the file that was kept when the key was made
error-key-file-version = this key file is of a later version: update linli to read it
error-key-file-memory = there is not enough free memory to check the passphrase: close something, and try again

## Recovery
error-recovery-reason = say for what reason: the officers and the owner see it
error-recovery-asked = nothing of this space is held here, and carriers are asked for it: begin again when they have sent it
error-recovery-different = these files are of different requests: finish each by itself
error-recovery-malformed = this is not a recovery file of linli, or it was damaged: ask for it again
error-recovery-version = this recovery file is of a later version: update linli to read it
error-recovery-signature = a signature in this recovery file is wrong, so it was changed on the way: ask for it again
error-recovery-requester = the file does not show that the node that asks belongs to the community: do not give a share, and ask who sent it
error-recovery-old-officers = the officers have changed since this request was made: begin it again
error-recovery-no-officer = this key is not one of the community's officers': use the key of an officer in force
error-recovery-stale = this request was made too long ago, or this machine's clock is wrong: begin it again
error-recovery-other-node = this request was made at another node: finish it there
error-recovery-share-shut = the share sealed to officer { $officer } does not open: it was damaged or made wrongly; ask another officer
error-recovery-share-wrong = the share of officer { $officer } is not the one that was sealed to them: it is refused; ask them for the right one
error-recovery-missing = { $had } of { $needed } officers have given their shares: { $more } more must
error-recovery-split = the shares are genuine but do not make the key, since it was split wrongly: begin at another node
error-recovery-nothing = no shares of this space are held here: begin at a node that holds its entries, such as a carrier
error-recovery-other-key = the key that the shares make is not this space's, so somebody put a false split there: tell the officers

## Inviting others
error-invite-kind = there is no such kind of party: household, centre, station, provider, family, regulator, evaluator or carrier
error-invite-name = a household stands in the directory as a bare key: leave the name out
error-invite-many = { $max } invitations are open: wait until one has ended
error-invite-none = there is no such invitation: make another one
error-invite-nobody = nobody waits for this invitation to be confirmed: wait until the other device has shown the number
error-invite-expired = nobody used the code and confirmed it in time: make another
error-invite-gone = the other device is gone
error-invite-refused = refused, since the numbers were not the same
error-invite-guessed = somebody tried wrong codes

## Courier files
error-courier-not-one = This is not a courier file.
error-courier-version = This courier file was packed by a later version. Update this node, then feed it again.
error-courier-other-community = This courier file belongs to another community. Nothing of it was taken.
error-courier-not-for-us = This courier file is for another node, or its beginning is damaged. Nothing of it was taken.
error-courier-unknown = Whoever packed this courier file is not enrolled here. Nothing of it was taken.
error-courier-expelled = Whoever packed this courier file was expelled. Nothing of it was taken.
error-courier-ended = The certificate of whoever packed this courier file has ended. Nothing of it was taken.
error-courier-damaged = This courier file is damaged at its beginning. Nothing of it was taken: copy it again.
error-courier-cut = This courier file is cut off at its beginning. Nothing of it was taken: copy it again.
error-courier-no-room = The stick has no room: { $mebibytes } MiB are needed. No file was left on it.
error-courier-not-stored = Not all of the file could be stored. What was is kept; make room, then feed the file again.
error-courier-key = the node that this file is for has no key that can be used: it must be certified again

## The audit
error-audit-unrecorded = the export could not be recorded, so nothing was written: free some space, and export again
error-audit-broken = the audit is broken and was not exported: see `linli keys audit --verify`

## Contingency plans and contact
error-plan-large = a plan has at most { $max } bytes: shorten it
error-plan-form = line { $line }, “{ $field }”: this is no plan; docs/operations.md shows one
error-plan-steps = a plan has 1 to { $max } steps: split it, or write one
error-plan-id = step { $step }: the id is made of small letters, digits and hyphens, is not too long, and stands once
error-plan-text = step { $step } (0 is the plan's name): a text is one line, neither empty nor too long
error-plan-within = step { $step }: give a time from 1 minute to a week
error-plan-phone = step { $step }: a telephone number has 3 to 20 digits, hyphens between them or not
error-plan-personal = step { $step } (0 is the plan's name): everybody of the community reads a plan, so name roles and parties, and no national id or mobile number
error-plan-person = this is done by a named person: say who acts, with --as
error-plan-decides = plans are written, started and stopped by a centre's operator, social worker, grid worker, clerk or steward: ask one of them
error-plan-none = no plan here has this id or name: see `linli plan list`
error-plan-several = several plans fit: give more of the id or name
error-plan-run = this plan was not started so: see `linli plan list`
error-plan-not-in-force = this plan is not in force: see `linli plan list`
error-plan-in-force = this plan is in force already: see `linli plan show`
error-plan-empty = this plan says nothing here yet: wait until it has come
error-plan-step = this plan has no such step: see `linli plan show`
error-plan-step-each = this plan has no such step for each of some elders: see `linli plan show`
error-plan-ticked = this step stands so already
error-plan-act = no such act: start, drill, stop, tick or untick
error-plan-found = say how the elder was found: well, needs_help or not_reached
error-plan-refused = it was written down and does not count: see `linli plan show`
error-elder-no-profile = this node has no profile of this elder: ask whoever keeps it
error-contact-means = say how: phone, visit or message
error-contact-time = this time has not come yet: say when the contact was
error-contact-none = no contact that was written down has this id: see `linli elder due`
error-contact-several = several contacts fit: give more of the id
error-contact-person = contact is written down by a named person: say who acts, with --as
error-alert-by-node = nobody raises this kind by hand: the node does by itself
error-sensor-none = no sensor has this name here: see `linli sensor list`
error-sensor-several = several elders have a sensor of this name: name the elder
error-sensor-name = a sensor's name is one line of 1 to { $max } letters
error-sensor-silence = the longest silence lies between one second and 30 days
error-sensor-many = an elder has at most { $max } sensors: remove one first
error-sensor-hub = sensors speak to the hub of the household
error-sensor-person = only a named person may say what should speak, or switch monitoring off: give --as
error-sensor-party = only people of a household, family, centre or station may say this
error-monitoring-reason = say why in one line of 1 to { $max } letters
error-monitoring-until = monitoring is switched off for at most 30 days, from now on
error-monitoring-on = this is not switched off
error-alert-within = somebody is there within at most { $max } minutes
error-rule-none = no such rule here: see `linli rule list`
error-rule-unknown = no rule of this name is published: say what it looks at (--code) and on which side it fires (--side)
error-rule-bounds = this can be no rule: its name has 1 to 40 small letters, digits and hyphens; both values lie between { $low } and { $high }; an episode ends on the safe side of the threshold; a published rule keeps what it looks at and its side
error-rule-word = `{ $word }` is not one of the words that can stand here
error-rule-reason = the reason is one line of 1 to { $max } letters
error-rule-many = an elder has at most { $max } rules of their own: take one back first
error-rule-clinician = only a clinician sets thresholds: give --as
error-payload-characteristic = no measurement is read from this characteristic: see docs/spec/bluetooth.md
error-payload-hex = the payload is written in pairs of hexadecimal digits
error-payload-long = no device sends more than { $max } bytes: this is no payload of a measurement
error-payload-short = the payload ends too soon: measure again with the device nearer
error-payload-trailing = the payload has more bytes than its flags say: the device does not keep to its specification
error-payload-reserved = the device uses something that its specification reserves: update this node, or write the value by hand
error-payload-time = the device states a time that does not exist: set its clock and measure again
error-payload-number = the device sent a number that no reading can hold: measure again
error-payload-control = a control solution was measured and not a person: this is no reading
error-payload-demonstration = the device demonstrates or tests itself and measured nobody: this is no reading
error-payload-user = the device says that its user { $user } measured (–: nobody it knows): name the elder whose number that is, with --user, or without it where there is none
