# Recovery: one space opened again with the officers' shares.

about-keys-recover = Open one space again with the officers' shares, or rehearse it
about-keys-recover-share = Give your share to a recovery, as an officer; no node is needed
about-keys-recoveries = List recoveries and rehearsals
column-officers = officers
recovery-begun =
    The request is in { $path }. It names people: give it to officers only, by hand or by a way you trust.
    { $needed } of { $officers } officers must give a share, one after the other or each in a copy:
        linli keys recover-share { $path } --key KEYFILE
    Then here: linli keys recover --finish { $path }
recovery-done =
    The { $kind } space { $space } is open at this node: { $epochs } of its keys were recovered.
    Shares came from the officers { $officers }. A record stands in the space, and the community was told.
recovery-rehearsed =
    This was a rehearsal: the shares of the officers { $officers } make the key of the { $kind } space { $space } ({ $epochs } of its keys).
    The key was not kept and nothing was opened. The rehearsal is noted at this node.
recovery-state-rehearsed = rehearsed here
recovery-state-proved = officers' signatures checked
recovery-state-told = told by the node that asked
share-asked =
    Community { $community }: { $party } ({ $kind }, device { $label }, { $node }) asks for your share of the key of one space.
    Whose, as they say:  { $about }
    For what reason:     { $reason }
    Who asks:            { $person }
    When:                { $at }
    The space:           { $space }
    { $needed } officers must give a share; { $given } have.
share-rehearsal =
    THIS IS A REHEARSAL. Nothing is to be opened and no key kept. The device gets the same shares as in
    earnest, so rehearse only with a device that you would trust with this space.
share-for-good = With enough shares the device reads everything in this space that it holds, for good. A record of it is written.
share-former = The officers asked are no longer in force: the space was last split among former officers.
share-agrees = Do you know who asks, and is it right to open this? Give your share? [y/N]
share-given = Your share is in { $path }, sealed to the device that asks. { $given } of { $needed } have given theirs: pass the file on.
share-given-last = Your share is in { $path }, sealed to the device that asks. { $given } of { $needed } have given theirs: give the file back.
not-given = No share was given; the file is as it was.
