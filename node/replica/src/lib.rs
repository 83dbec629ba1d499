//! linli-replica
