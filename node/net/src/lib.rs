//! linli-net
