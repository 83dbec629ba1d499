//! What a request of a tablet may cost.

use std::time::Duration;

/// The largest request body, in bytes: a press has about a hundred.
pub(super) const MAX_BODY_BYTES: usize = 4096;

/// Connections of one address at once: a browser keeps six.
pub(super) const PER_ADDRESS_MAX: usize = 8;

/// How long a connection lasts; browsers open another.
pub(super) const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// How long a tablet waits for news before it asks again: less than what networks forget idle connections after.
pub(super) const NEWS_TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is looked whether there is news.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// After this the hub looks for its address in the flat again: the network may be up later than the machine.
pub(super) const BIND_INTERVAL: Duration = Duration::from_secs(5);
