# The duty desk.

about-desk = The duty desk on a whole screen: who rings, and who has it
column-age = age
column-ladder = ladder
column-hub = hub
column-resolved-at = ended
column-outcome = how
desk-title = Duty desk
desk-nobody = nobody signed in
desk-locked = { $name } (locked: acts ask for the PIN)
desk-begins = Asking the node …
desk-gone = THE NODE DOES NOT ANSWER SINCE { $since } ({ $lasts }): what is below may be old
desk-ill = THE NODE IS NOT WELL: { $why }
desk-looks = THE NODE IS STILL LOOKING AT ITS ALERTS: some may not be below
desk-count = { $open } open, nobody waits; { $mine } with you
desk-count-late = RINGS ON: { $late } of { $open } open, who has it does nothing; { $mine } with you
desk-count-both = NOBODY ANSWERS { $nobody } of { $open } open, { $late } RING ON; { $mine } with you
desk-expected = here at { $at }
desk-late = late, { $at }
desk-happened = It happened at { $at }.
desk-ask-within = { $elder }: there in 1 10 min  2 20  3 30  4 45  5 60  6 90  Enter not known  Esc none
desk-ask-forget = { $elder }: not stored, this node alone knows of it. End it as a false alarm? y/n
desk-count-rings = NOBODY ANSWERS { $nobody } of { $open } open; { $mine } with you
desk-days = { $days } d
desk-waits = …
desk-more = -- more below --
desk-none = No alert is open.
desk-none-resolved = No alert was resolved today.
desk-drill = DRILL { $kind }
desk-has-nobody = !! NOBODY
desk-you = YOU { $name }
desk-there = there
desk-on-the-way = on the way
desk-rings-on = rings on { $in }
desk-heard-again = heard again
desk-rings-no-more = rings no more
desk-unstored = UNSAVED
desk-way-duty-desk = desk
desk-way-siren = siren
desk-way-neighbour = neighbour
desk-way-party = party
desk-way-contact = contact
desk-way-dial-out = dial
desk-about = { $elder }: { $kind }, since { $since }, { $state } ({ $alert })
desk-rests = The ladder calls nobody now.
desk-step = Step { $due } of { $count }: { $way }.
desk-next = Next: { $way } in { $in }.
desk-is-stored = Stored.
desk-not-stored = NOT STORED: look at the disk.
desk-hub-heard = Hub heard { $ago } ago.
desk-hub-unheard = No hub was heard.
desk-called-off = The household says that nothing happened.
desk-service-police = Handed to 110.
desk-service-fire = Handed to 119.
desk-service-ambulance = Handed to 120.
desk-done = Done: { $name }.
desk-taken-away = { $name } has taken over an alert of yours.
desk-over = The alert you had chosen is over. Choose another with the arrow keys.
desk-choose = Choose an alert first, with the arrow keys.
desk-first = Nobody has it yet: acknowledge it first, with a.
desk-yours = You have it already.
desk-has-it = { $name } has it: take it over with t.
desk-resolved = It is resolved: open it again with o.
desk-ask-name = Your name or id, then Enter: { $typed }
desk-ask-pin = PIN of { $name } (it does not show), then Enter; Esc: not now
desk-then = After the PIN: { $act }, { $elder }
desk-act-ack = acknowledge
desk-act-take-over = take over
desk-act-respond = on the way
desk-act-arrive = there
desk-act-hand-to = hand to 110, 119 or 120
desk-act-resolve = end
desk-act-false-alarm = false alarm
desk-act-reopen = open again
desk-act-history = show what happened
desk-act-card = show the emergency card
desk-ask-take-over = { $elder }: { $name } has it. Take it over? y/n
desk-ask-service = { $elder } is handed to: 1 police 110  2 fire 119  3 ambulance 120  Esc none
desk-ask-outcome = { $elder } ended: 1 helped on the spot  2 to hospital  3 drill  4 died  Esc not
desk-ask-end = Somebody rings and nobody is on the way. Leave the desk all the same? y/n
desk-keys =
    a acknowledge  t take over  r on the way  v there  h 110/119/120  e end
    f false alarm  Enter history  c card  d resolved today  ? help  q leave
desk-keys-resolved = o open again  Enter history  c card  Esc back to what is open  ? help  q leave
desk-keys-read = Arrow keys and pages: move  Esc back
desk-help =
    At the top: what rings; then what somebody has; oldest first.
    !! rings: nobody is on the way > the chosen alert, also while rows move
    Ladder 2/3 0:23 siren: two of three steps are due, the siren in 23 seconds.
    Hub 0:40: the hub of the household was heard 40 seconds ago; ! for too long.

    a  acknowledge: you have it        t  take over from whoever has it
    r  somebody is on the way          v  somebody is there
    h  handed to 110, 119 or 120       e  ended, and how
    f  false alarm                     o  open again what was resolved

    Enter  all that happened, and where a silence breaks off
    c  the emergency card: who reads it is written down
    d  what was resolved today
    A call rings twice, )): a takes it, n raises an alert, / looks for who it is
    u  somebody else works here        l  lock: acts ask for the PIN
    q  leave the desk
desk-call = call
desk-call-missed = missed call
desk-call-nobody = nobody takes it
desk-call-alert = Alert raised for it: { $alert }.
desk-caller-unknown = unknown
desk-number-hidden = number hidden
desk-about-call = { $number }: { $elder }, since { $since }
desk-calls-ring = CALLS: { $ring } ring, { $missed } missed
desk-calls-missed = { $missed } missed calls
desk-calls-dropped = { $dropped } calls not shown
desk-elders = Whom is it about? Choose, then Enter.
desk-elders-none = Nobody is found.
desk-raised = Alert raised, and yours: { $name }.
desk-raised-nobody = Alert raised for { $name }, and NOBODY'S: acknowledge it, with a.
desk-raised-unstored = Alert raised for { $name }, and NOT STORED: look at the disk.
desk-call-first = Nobody takes this call yet: take it first, with a.
desk-call-yours = You have this call already.
desk-call-has-it = { $name } has this call: take it over with t.
desk-ask-find = A name, an address or a number, then Enter: { $typed }
desk-act-take = take the call
desk-act-done = call seen to
desk-act-who = say who calls
desk-act-raise = raise an alert
desk-act-find = look for an elder
desk-keys-call =
    a take the call  t take over  c card  n raise an alert  / who is it?
    e seen to  d resolved today  ? help  q leave
desk-keys-elders = Arrow keys: choose  Enter: this one  Esc back
desk-leaves = Waiting to hear how the last act ended; q once more: leave at once
desk-pasted = What is pasted is no command: press the key.
desk-no-terminal = the duty desk needs a terminal: run `linli desk` in one
