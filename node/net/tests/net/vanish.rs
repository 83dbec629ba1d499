//! A peer whose machine loses power: no goodbye, and it comes back under the same key and port.

use std::net::SocketAddr;

use linli_net::{DialPolicy, DisconnectReason, NetConfig};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Node, config, id, node, node_again, reaches};

/// A node on a runtime of its own; dropping the runtime kills it in the middle of whatever it does.
fn on_own_runtime(config: NetConfig) -> (Runtime, Node) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let node = runtime.block_on(node(config));
    (runtime, node)
}

/// `stays` sits through the loss of `vanishes`, whichever of them has the lower id and whichever dials.
fn survives(stays: u8, vanishes: u8, stayer_dials: bool) {
    let everyone = [stays, vanishes];
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut a = runtime.block_on(node(config(stays, &everyone)));
    let mut vanishing = config(vanishes, &everyone);
    // An address of its own, so that no other test takes the port meanwhile.
    vanishing.bind = Some(SocketAddr::from(([127, 0, 1, vanishes], 0)));
    let (power, mut b) = on_own_runtime(vanishing);
    let address = b.net.bound_addresses()[0];
    if stayer_dials {
        a.dial(&b)
    } else {
        b.dial(&a)
    }
    runtime.block_on(async {
        a.connected().await;
        b.connected().await;
    });
    drop(b);
    power.shutdown_background();
    // The dead node's socket is free as soon as its runtime is gone.
    let mut again = config(vanishes, &everyone);
    again.bind = Some(address);
    again.dial = DialPolicy::Everyone;
    let mut b = runtime.block_on(node_again(again));
    b.dial(&a);
    runtime.block_on(async {
        let reason = a.disconnected().await;
        assert!(
            matches!(
                reason,
                DisconnectReason::Silent
                    | DisconnectReason::Replaced
                    | DisconnectReason::Shutdown
                    | DisconnectReason::Lost { .. }
            ),
            "{reason:?}"
        );
        reaches(&mut a, &mut b).await;
    });
}

#[test]
fn the_higher_id_that_was_dialled_vanishes() {
    let (low, high) = in_order(51, 52);
    survives(low, high, true);
}

#[test]
fn the_higher_id_that_dialled_vanishes() {
    let (low, high) = in_order(53, 54);
    survives(low, high, false);
}

#[test]
fn the_lower_id_that_was_dialled_vanishes() {
    let (low, high) = in_order(55, 56);
    survives(high, low, true);
}

#[test]
fn the_lower_id_that_dialled_vanishes() {
    let (low, high) = in_order(57, 58);
    survives(high, low, false);
}

fn in_order(a: u8, b: u8) -> (u8, u8) {
    if id(a) < id(b) { (a, b) } else { (b, a) }
}
