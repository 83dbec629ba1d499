//! Nodes of one neighbourhood as their owners run them: processes of the real program, each with its
//! own data directory, on the real network of this machine.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected has failed"
)]

mod alarm;
mod answered;
mod at_rest;
mod audit;
mod backup;
mod browser;
mod community;
mod contacts;
mod courier;
mod datamap;
mod day;
mod desk;
mod duty;
mod emergency;
mod erasure;
mod full_disk;
mod grants;
mod hand_over;
mod home;
mod killed;
mod lab;
mod namespaces;
mod nat;
mod officers;
mod offline;
mod paper;
mod payloads;
mod people;
mod photos;
mod plans;
mod pruned;
mod readings;
mod recovery;
mod refused;
mod registers;
mod relays;
mod rules;
mod seat;
mod sensors;
mod service;
mod silence;
mod site;
mod telephone;
mod watch;
mod went_back;
mod whereabouts;
mod withdrawal;
