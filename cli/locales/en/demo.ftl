# What the demonstration tells.

demo-network = A network that can be cut is built for six nodes, and proved to lead nowhere else.
demo-forwarders = A network that can be cut is built for six nodes from forwarders between loopback addresses, instead of network namespaces ({ $why }). The nodes keep to it; other programs of this machine are not kept out.
demo-enrols = Each node makes its own keys. The centre begins the community and invites the others; nobody is let in before the number on both screens is the same.
demo-enrolled = { $site } is enrolled; both screens showed { $number }.
demo-imports = Step 1. The station imports the northern register, the centre the western one, at the same time.
demo-imported = { $rows } rows were read, { $refused } of them refused and listed. Now each node's elders come to the other.
demo-measured = The station measured { $elders } elders.
demo-joined = { $joined } pairs of records with one number are one person; { $waiting } wait for a clerk, for something speaks against it. Nothing vanished.
demo-finds = Step 2. The nodes of one street find each other by themselves; the far hub has no way but the relay, which reads nothing.
demo-carries = The provider carries { $entries } entries that it cannot open: others' copies are safe with it.
demo-not-made = not made
demo-checks = The checks:
    { $table }
demo-broke-off = The day broke off: { $why }
demo-passed = All { $all } checks hold.
demo-failed = { $good } of { $all } checks hold.
demo-talk = To talk to { $site }: { $program } --data { $data } status
demo-stays = The nodes go on until this program is interrupted.
demo-agreed = While all are in reach the centre signs a standing offer for meals, and one elder lets the provider into the care record.
demo-cut = Step 3. Every link is cut in silence. Nothing is refused; nobody answers. Each house is on its own.
demo-ordered = The hub ordered a meal under the standing offer. The other request waits: { $reason }.
demo-edited = Centre and provider each changed the same profile, not knowing of the other.
demo-glucose = { $samples } values of a glucose sensor crossed the threshold three times.
demo-button = The button was pressed. The hub holds both alerts on its disk and climbs the ladder alone.
demo-kills = Step 4. The far hub is killed ten times while it writes.
demo-killed = { $kills } kills; { $writes } acknowledged writes stand in the driver's own journal.
demo-visit = Step 5. The provider arrives at the door: only its link to the one hub comes back.
demo-confirmed = The hub confirmed the order by itself; now the provider may begin.
demo-not-yet = On the way out: not yet, { $entries } entries are nowhere but on this device.
demo-may-leave = The hub holds them: the provider may leave.
demo-ladder = The siren is due in { $seconds } s, where nobody takes care.
demo-heals = Step 6. Everything heals, but the hub's link is slow, with 30 days of readings and a photo of 20 MB behind it.
demo-alert-first = The alert is at the centre while { $left } % of the photo is still to come.
demo-resolved = A named person acknowledged, answered and resolved the alerts.
demo-compares = Step 7. The nodes are compared with one another and with what the driver knows.
demo-markers = { $bytes } bytes of outsiders were searched for what they must not see, in every frame too; the provider carries { $entries } entries and the relay { $relayed }, and neither can open one of them.
