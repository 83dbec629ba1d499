# The emergency card on paper.
paper-lang = en
paper-title = Emergency card: handed over
paper-what = what happened
paper-since = since
paper-alert = alert
paper-handed = Handed over
paper-to-police = to 110, police
paper-to-fire = to 119, fire service
paper-to-ambulance = to 120, ambulance
paper-read = taken from the records by
paper-printed = printed
paper-gives = Given by (name, time):
paper-takes = Taken by (name, unit, time):
paper-unknown = not written down
paper-end = For this rescue only. Destroy it afterwards.
paper-written = Written to { $file }, which only you can read. Print it and delete it.
