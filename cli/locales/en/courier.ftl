# Courier files, and what went back.

courier-packs = Packing what is missing there
courier-unpacks = Taking the file in
courier-nothing = Nothing was packed: all that may go there is known to be there.
courier-packed = Packed: { $entries } entries of { $documents } documents, { $certificates } certificates, { $receipts } receipts; { $kib } KiB.
courier-sealed = Only { $label } can open the file.
courier-for-all = Anybody in the community may carry the file and take it in; whoever finds it reads nothing in it, and sees sizes and tags.
courier-listed = Packed by { $label } at { $at }: { $entries } entries, { $certificates } certificates, { $receipts } receipts; { $kib } KiB. Nothing was taken in.
courier-listed-sealed = It is sealed to this node.
courier-listed-for-all = It is for everybody in the community.
courier-listed-foreign = It is sealed to another node: { $kib } KiB in { $parts } parts. Nothing else of it can be seen here.
courier-listed-cut = The file was cut off after part { $parts }. Copy it again.
courier-listed-damaged = The file is damaged after part { $parts }. Copy it again.
courier-unpacked =
    Packed by { $label } at { $at }.
    New here: { $entries } entries, { $certificates } certificates. { $documents } documents were in it, { $receipts } receipts.
courier-elsewhere = { $pages } pages are of spaces that this node has no part in.
courier-gaps = { $pages } pages continue what is missing here: feed an older file first, or have one packed with --whole.
courier-over-quota = { $pages } pages have no room: what this carrier keeps for whoever packed the file is full.
courier-not-taken = { $pages } pages or certificates were not taken.
courier-was-cut = The file was cut off after part { $parts }: what stands before is taken in. Copy it again and feed it again.
courier-was-damaged = The file is damaged after part { $parts }: what stands before is taken in. Copy it again and feed it again.
went-back = { $label } said that it keeps { $documents } documents safely, and has lost or withholds something of them (noticed { $at }); of { $missing } it is not back yet. It is sent again.
