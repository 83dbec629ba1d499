//! linli-store
