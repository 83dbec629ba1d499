# Contact with elders who live alone.

about-elder-due = Whom to ask how they are: overdue first
about-elder-contact = Write down that somebody was in contact with an elder
field-contact-days = ask after days without contact
alert-kind-no-contact = no contact
outcome-contacted = somebody was in contact
fact-contacted = somebody was in contact
kind-contacts = Contacts
contact-phone = telephone
contact-visit = visit
contact-message = message
contact-alert = alert
contact-fact-noted = noted
contact-fact-taken-back = taken back
contact-line = { $contact }  { $what }: { $means } { $when } { $note } ({ $by })
due-ahead = the days count from the future: a clock was wrong
due-overdue = OVERDUE
due-today = today
due-later = later
due-away = away
column-phone = telephone
column-contact = contact
column-due-on = due on
column-contact-days = days
column-last-contact = last contact
column-contact-by = how
column-contact-who = noted by
