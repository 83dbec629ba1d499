//! Length-prefixed frames on a QUIC stream: `u32` big-endian length, then the bytes.

use iroh::endpoint::{ReadError, ReadExactError, RecvStream, SendStream, WriteError};

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The announced length is over the cap; nothing was allocated.
    #[error("a frame of {announced_bytes} bytes was announced; at most {cap_bytes} are taken")]
    TooLarge { announced_bytes: usize, cap_bytes: usize },
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame")]
    Cut,
    /// The connection or stream failed.
    #[error("the stream could not be read")]
    Read(#[source] ReadError),
}

/// Reads one frame, telling of each piece as it arrives; `None` when the stream ended between frames.
pub(crate) async fn read_frame(
    stream: &mut RecvStream,
    cap_bytes: usize,
    progress: impl Fn(),
) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; 4];
    match stream.read_exact(&mut prefix).await {
        Ok(()) => {}
        Err(ReadExactError::FinishedEarly(0)) => return Ok(None),
        Err(error) => return Err(cut_or_read(error)),
    }
    let announced_bytes = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
    if announced_bytes > cap_bytes {
        return Err(FrameError::TooLarge { announced_bytes, cap_bytes });
    }
    progress();
    let mut frame = vec![0; announced_bytes];
    let mut rest = frame.as_mut_slice();
    while !rest.is_empty() {
        let read = stream.read(rest).await.map_err(FrameError::Read)?.ok_or(FrameError::Cut)?;
        progress();
        rest = rest.get_mut(read..).unwrap_or_default();
    }
    Ok(Some(frame))
}

/// Writes one frame. The caller has checked that it is within the cap, so its length fits `u32`.
pub(crate) async fn write_frame(stream: &mut SendStream, frame: &[u8]) -> Result<(), WriteError> {
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(frame).await
}

fn cut_or_read(error: ReadExactError) -> FrameError {
    match error {
        ReadExactError::FinishedEarly(_) => FrameError::Cut,
        ReadExactError::ReadError(error) => FrameError::Read(error),
    }
}
