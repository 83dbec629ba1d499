# People of a party: their ends and their PINs.

about-person-end = End a person: what they sign afterwards counts nowhere
about-person-pin = Change a PIN, with the present one
about-person-reset = Give a person who forgot the PIN a new key behind a new one
column-qualification = qualification
state-acts = acts
ask-new-pin = New PIN:
pin-changed = The PIN is changed.
held-person-ended = signed by a person whose end date had passed
act-pin-changed = PIN changed
