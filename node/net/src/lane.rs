//! The three lanes of a connection.

/// One of the three priority classes of a connection, each its own pair of QUIC streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Alerts and their acknowledgements; overtakes everything.
    Urgent,
    /// The usual conversation.
    Normal,
    /// First syncs and blobs.
    Bulk,
}

impl Lane {
    /// All lanes, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];

    /// The byte that opens the lane's stream.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Bulk => 2,
        }
    }

    /// The lane that a stream's first byte names.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.number() == number)
    }

    /// QUIC stream priority: higher is sent first.
    pub(crate) fn priority(self) -> i32 {
        match self {
            Self::Urgent => 2,
            Self::Normal => 1,
            Self::Bulk => 0,
        }
    }
}

/// One value for each lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerLane<T> {
    pub(crate) urgent: T,
    pub(crate) normal: T,
    pub(crate) bulk: T,
}

impl<T> PerLane<T> {
    /// Makes each lane's value.
    pub(crate) fn new(mut make: impl FnMut(Lane) -> T) -> Self {
        Self { urgent: make(Lane::Urgent), normal: make(Lane::Normal), bulk: make(Lane::Bulk) }
    }

    /// The value of one lane.
    pub(crate) fn get(&self, lane: Lane) -> &T {
        match lane {
            Lane::Urgent => &self.urgent,
            Lane::Normal => &self.normal,
            Lane::Bulk => &self.bulk,
        }
    }

    /// The value of one lane, to change it.
    pub(crate) fn get_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Urgent => &mut self.urgent,
            Lane::Normal => &mut self.normal,
            Lane::Bulk => &mut self.bulk,
        }
    }

    /// All values, the most urgent first.
    pub(crate) fn into_each(self) -> [(Lane, T); 3] {
        [(Lane::Urgent, self.urgent), (Lane::Normal, self.normal), (Lane::Bulk, self.bulk)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_strangers_are_refused() {
        for lane in Lane::ALL {
            assert_eq!(Lane::from_number(lane.number()), Some(lane));
        }
        assert_eq!(Lane::from_number(3), None);
    }

    #[test]
    fn urgent_has_the_highest_priority() {
        assert!(Lane::Urgent.priority() > Lane::Normal.priority());
        assert!(Lane::Normal.priority() > Lane::Bulk.priority());
    }
}
