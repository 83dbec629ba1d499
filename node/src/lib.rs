//! linli-node
