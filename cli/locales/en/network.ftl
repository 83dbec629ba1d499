# The node, its peers, invitations.

init-done =
    The node is made in { $path }.
    Its id is { $node }.
    Next: `linli community create NAME`, or `linli join CODE`.
community-making = Drawing the officers' keys
community-done =
    The community is made; its id is { $community }.
    The officers' sealed key files are in { $folder }: move each to where its officer keeps it.
    Next: `linli up`.
stop-waits = The node makes durable what it accepted
stop-done = The node has stopped.
status-node = { $label }  { $kind }  { $node }  linli { $version }
status-community = community { $name }  { $id }
status-no-community = no community yet: `linli community create NAME`, or `linli join CODE`
status-documents = documents: { $held } held, { $readable } of them readable here
status-entries = entries: { $held } held, { $carried } carried for others, { $withheld } not shown
status-alerts = open alerts: { $open }
status-late = read from checkpoints: the beginning of { $logs } logs, which relays have pruned
status-store = store: { $kib } KiB
status-blobs = files: { $held } held ({ $mib } MiB), { $missing } still to come
status-times = clock: { $now }; the node's certificate ends: { $ends }
status-addresses = listens on: { $addresses }
status-relays = relays: { $relays }
status-warning = ! { $what }
path-direct = direct
path-relayed = relayed
path-away = away
yes = yes
no = no
nothing = (nothing)
sealed = (sealed)
saved = saved
enrolled = enrolled
expelled = expelled
doctor-well = ok    { $what }
doctor-ill =
    FAIL  { $what }
        { $found }
check-clock = the clock
check-directory = the data directory
check-configuration = the configuration
check-writable = room and right to write
check-running = the node runs
check-community = the node has a community
check-warning = what the node says
invite-code =
    Code: { $code }
    Good until { $expires }, once. On the other device: `linli join CODE`.
invite-waits = Waiting for the other device
invite-number = { $label } has used the code. Its number: { $number }
invite-ask = Does the other screen show the same number? [yes/no]
invite-enrols = Enrolling
invite-enrolled = Enrolled: { $node }
invite-awaits-officers = Confirmed. { $signed } of { $needed } officers have signed; the others must too: `linli keys requests export { $id } FILE`.
join-seeks = Looking for the inviting node
join-number =
    Number: { $number }
    The inviting screen must show the same number; its person confirms it there.
join-waits = Waiting until the other side confirms
join-done = Joined { $name }. Next: `linli up`.
leave-may = You may leave: all that was written here is held by at least { $copies } others.
leave-not-yet = Not yet: { $waiting } entries and { $files } files written here are not known to be held by enough others.
backup-runs = Copying
backup-done = The backup is in { $path }.
backup-missing = { $missing } of { $files } files are not in it: they cannot be read, or there is no room for them. `linli leave` says whether others have them.
restore-missing = { $missing } of { $files } files could not be restored: they are damaged, or there is no room for them. The node asks others for them.
restore-no-files = The backup has no folder of files. The node asks others for them.
restore-runs = Restoring
restore-done = Restored into { $path }. Next: `linli up`.
kind-household = household
kind-centre = centre
kind-station = station
kind-provider = provider
kind-family = family
kind-regulator = regulator
kind-evaluator = evaluator
kind-carrier = carrier

service-installed = The service is installed and runs: { $path }
service-to-begin = The unit is in { $path }. systemd could not be told here. To begin it: `{ $command }`.
service-to-stop = The unit { $path } is removed, but systemd could not be told, and it may run still. To stop it: `{ $command }`.
service-removed = The service is removed: { $path }
