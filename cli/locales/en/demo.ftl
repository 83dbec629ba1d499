# What the demonstration tells.

demo-network = A network that can be cut is built for six nodes, and proved to lead nowhere else.
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
