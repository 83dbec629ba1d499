# Erasing, and who has confirmed it.

column-erasure = order
column-erased-kind = what
column-documents = documents here
column-may-hold = nodes that may hold it
erased-kind-care = care record
erased-kind-health = health record
erased-kind-emergency = emergency file
erase-ask =
    Every node that holds this of elder { $elder } destroys it: the documents with their whole history, the keys
    that open them, and the copies that relays carry. Nothing brings it back, and no backup that is restored later
    shows it once its node is online.
    Out of reach are USB sticks, backup files, paper, and what people remember or have copied elsewhere.
    Erase it? [y/N]
erase-elsewhere = { $scope }: only the node that began it can order this: { $label } ({ $node }). Give the order there.
erase-ordered = Ordered. `linli keys erasures` shows who has confirmed it.
erasure-own = { $order }  { $at }  { $scope } of elder { $elder }: { $reason }
erasure-other = { $order }  { $at }  ordered at another node
erasure-confirmed = {"  "}erased   { $who }, { $at }
erasure-waits = {"  "}WAITING  { $who }, last heard of: { $seen }
erasure-expelled = {"  "}OUT      { $who }: it was put out and may never learn of the order; last heard of: { $seen }
erasure-complete = {"  "}Every node that may have held it has confirmed.
