//! TCP through the forwarder: two connections, and bytes carried between them.
//!
//! A cut stops the carrying. Nothing is refused and nothing is lost: what is under way waits, and
//! the sender notices only by the silence, as with a network that drops everything.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use super::forwarder::{BURST_BYTES_MIN, LOOK, Net};

/// Bytes carried at once; a bucket always holds as many.
const CHUNK: usize = BURST_BYTES_MIN as usize;

/// Accepts what one site opens to a port of another, until the lab has gone.
pub(super) fn serve(net: &Arc<Net>, viewer: usize, target: usize, listener: &TcpListener) {
    while !net.has_ended() {
        let Ok((near, _)) = listener.accept() else {
            thread::sleep(LOOK);
            continue;
        };
        let Ok(address) = listener.local_addr() else { return };
        let (net, port) = (Arc::clone(net), address.port());
        thread::spawn(move || {
            // A connection that breaks here breaks for both ends, which see it by themselves.
            let _broken = splice(&net, viewer, target, &near, port);
        });
    }
}

fn splice(
    net: &Arc<Net>,
    viewer: usize,
    target: usize,
    near: &TcpStream,
    port: u16,
) -> io::Result<()> {
    if !net.await_passage(viewer, target, 0) {
        return Ok(());
    }
    let far = TcpStream::connect((net.own(target)?, port))?;
    for stream in [near, &far] {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK))?;
    }
    let (back_net, back_from, back_to) = (Arc::clone(net), far.try_clone()?, near.try_clone()?);
    thread::spawn(move || carry(&back_net, (target, viewer), &back_from, &back_to));
    carry(net, (viewer, target), near, &far);
    Ok(())
}

/// Carries bytes one way until either end is closed or the lab has gone.
fn carry(net: &Net, (from, to): (usize, usize), mut source: &TcpStream, mut sink: &TcpStream) {
    let mut buffer = [0; CHUNK];
    while !net.has_ended() {
        let length = match source.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if is_timeout(&error) => continue,
            Err(_) => break,
        };
        if !net.await_passage(from, to, length) {
            break;
        }
        if length == 0 {
            // This way is done; the other may go on.
            let _closed_already = sink.shutdown(Shutdown::Write);
            return;
        }
        if sink.write_all(buffer.get(..length).unwrap_or_default()).is_err() {
            break;
        }
    }
    for stream in [source, sink] {
        let _closed_already = stream.shutdown(Shutdown::Both);
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
