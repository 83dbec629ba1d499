//! Bounds of the core, each with its reason.

/// Bytes an entry's content may take before padding: the largest bucket that leaves room for header,
/// tag and signature within an entry, less the length prefix. A larger batch is split.
pub const PLAINTEXT_BYTES_MAX: usize = (240 << 10) - 4;

/// Bytes to which urgent content is padded, and that it never exceeds, so that alerts and what answers
/// them look alike. An alert that opens a card takes about 3 KiB.
pub const URGENT_BYTES: usize = 4 << 10;

/// Bytes to which a heartbeat is padded: so many that its frame is as long as that of one urgent entry,
/// of a log of up to 23.
pub const HEARTBEAT_BYTES: usize = URGENT_BYTES + 79;

/// Changes or certificates in one entry. One commit makes one change; a merged courier file at most
/// a few hundred.
pub const BATCH_ITEMS_MAX: usize = 4_096;

/// Bytes of a document's name, such as `readings/2024-01` or `order/` and a UUID.
pub const NAME_BYTES_MAX: usize = 256;

/// Bytes of a code: purpose, consent, role.
pub const CODE_BYTES_MAX: usize = 256;

/// Heads one space certificate may name: an entry of them still fits the certificate's own limit.
pub const HEADS_MAX: usize = 1_024;

/// Parents one epoch may name: as many as minted apart during one long partition.
pub const PARENTS_MAX: usize = 64;

/// Logs in one cut, so that it fits in a certificate.
pub const CUT_LOGS_MAX: usize = 400;

/// Entries that one certificate admits or refuses: as many ids as a cut has points.
pub const ENTRIES_JUDGED_MAX: usize = 400;

/// Spaces that one request hands over: an elder has three, and some have several of a kind.
pub const HAND_OVERS_MAX: usize = 16;

/// Grants from the owner down to a member: owner, steward, their steward, member.
pub const DELEGATION_MAX: u8 = 3;

/// Epoch keys in one item of a letter: a space that rotated weekly for five years.
pub const WRAPS_MAX: usize = 260;

/// Bytes that the spaces in one letter take together: some twenty of them, and so little that a slow link
/// brings one whole within seconds.
pub const LETTER_BYTES: usize = 64 << 10;

/// Spaces in one letter: as many as [`LETTER_BYTES`] hold where each has a genesis and a key.
pub const LETTER_ITEMS_MAX: usize = 256;

/// Bytes of an opening: a genesis and an epoch's certificate take 1 KiB, each former epoch that is joined
/// 120 bytes more. As hexadecimal digits it must fit in a fact of 16 KiB.
pub const OPENING_BYTES_MAX: usize = 6 << 10;

/// KiB of memory a key file may ask Argon2id for: 1 GiB, what a small hub can just spare.
pub const ARGON_MEMORY_KIB_MAX: u32 = 1 << 20;

/// Passes a key file may ask Argon2id for; together with the memory cap about a minute.
pub const ARGON_PASSES_MAX: u32 = 16;

/// Lanes a key file may ask Argon2id for.
pub const ARGON_LANES_MAX: u32 = 16;

/// Bytes of a key file. The largest holds a node's two keys.
pub const KEY_FILE_BYTES_MAX: usize = 4 << 10;

/// Bytes of one raw Automerge change. Columns are run-length coded, so that a change may hold far
/// more operations than bytes; the core takes no compressed ones.
pub const CHANGE_BYTES_MAX: usize = 240 << 10;

/// Documents kept open at once, at about 30 to 60 KiB each: 16 MiB.
pub const OPEN_DOCUMENTS_MAX: usize = 256;

/// Bytes read from the store at a time while a document is opened.
pub const OPEN_READ_BYTES: usize = 1 << 20;

/// Bytes of one record of the audit: about 200, with every text at its limit below 2 KiB.
pub const AUDIT_RECORD_BYTES_MAX: usize = 4 << 10;

/// Records between a signature of the audit and the last one it covers: what becomes durable while
/// the signature is on its way, which is a batch or two.
pub const AUDIT_UNSIGNED_MAX: usize = 1 << 16;

/// Bytes of the head of an exported audit: the community's officers and one party's certificates.
pub const AUDIT_HEADER_BYTES_MAX: usize = 4 << 20;
/// How long after keys were lost on their way to the disk they are given again: a disk is full for minutes at least, and who
/// lacks a key has waited already.
pub const GIVE_AGAIN_MS: u64 = 60_000;

/// How often a node is given all keys of a space anew because it says that it was restored: a device that is put back once a
/// year for its whole life, and whoever lies about it costs each member no more letters than that.
pub const RESTORED_MAX: usize = 16;

/// Officers a community may have: as many as a certificate may carry signatures.
pub const OFFICERS_MAX: usize = 64;

/// Bytes of a split: 64 shares of about 120 bytes, 64 parents of 34, and what is around them.
pub const SPLIT_BYTES_MAX: usize = 12 << 10;

/// Splits in one recovery request: the present epochs of a space that was written to apart, and a
/// few that somebody may have made besides.
pub const REQUEST_SPLITS_MAX: usize = 8;

/// Bytes of a recovery request with all its answers, so that it fits the control interface's body as
/// hexadecimal digits.
pub const REQUEST_BYTES_MAX: usize = 384 << 10;

/// Bytes of the words in a recovery request: for what reason, about whom, by whom.
pub const WORDS_BYTES_MAX: usize = 1 << 10;

/// How long a recovery request is good for: 30 days, for officers who are seldom at their desks.
pub const REQUEST_TERM_MS: u64 = 30 * 24 * 3_600_000;

/// Bytes of a checkpoint in one entry: beside them fit the manifest, of [`CUT_LOGS_MAX`] logs at most, and
/// what the first entry of a log says.
pub const CHECKPOINT_PART_BYTES_MAX: usize = 192 << 10;

/// Entries that one checkpoint takes.
pub const CHECKPOINT_PARTS_MAX: u32 = 64;

/// Bytes of a checkpoint as it is sealed, in all its parts: 12 MiB.
pub const CHECKPOINT_BYTES_MAX: usize = CHECKPOINT_PARTS_MAX as usize * CHECKPOINT_PART_BYTES_MAX;

/// Bytes of a checkpoint once it is inflated: what Automerge takes in at a time.
pub const CHECKPOINT_INFLATED_BYTES_MAX: usize = 16 << 20;

/// How many times its sealed size a checkpoint may take once it is inflated.
pub const CHECKPOINT_INFLATION_MAX: usize = 64;

/// Entries that one checkpoint stands for. A month of readings at three-minute intervals has 14,880.
pub const CHECKPOINT_ROWS_MAX: usize = 1 << 16;

/// Changes in one checkpoint, of all entries together. Mostly an entry has one.
pub const CHECKPOINT_CHANGES_MAX: usize = CHECKPOINT_ROWS_MAX;

/// Values in the longest columns of all changes of a checkpoint together: runs of one value take a few bytes
/// however many it is repeated. 70 months of readings every three minutes.
pub const CHECKPOINT_VALUES_MAX: u64 = 1 << 20;

/// Bytes of all texts of a checkpoint once repeated ones are written out: four times what it inflates to.
pub const CHECKPOINT_TEXT_BYTES_MAX: u64 = 64 << 20;

/// Checkpoints of one node in one document that are compared: those that say they reach furthest.
pub const CHECKPOINTS_COMPARED_MAX: usize = 4;

/// People in one checkpoint whose certificates it states.
pub const CHECKPOINT_PEOPLE_MAX: usize = 1 << 10;

/// Bytes of a file that is kept as a blob: a scanned document of a hundred pages, or ten photos of a telephone.
pub const FILE_BYTES_MAX: u64 = 50 << 20;
