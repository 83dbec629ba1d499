//! linli-core
