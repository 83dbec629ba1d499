//! Opens the control socket and the device address, and serves both.

use std::{
    fs, future::Future, io, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf,
    sync::Arc,
};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};

use super::{
    listen,
    routes::{Handler, routes},
    token::Token,
};
use crate::home::{Home, HomeError, HomeLock};

/// Only the owner may speak to the socket.
const SOCKET_MODE: u32 = 0o600;

/// The longest path a socket may have: `sun_path` of `sockaddr_un` on Linux, without its end mark.
const MAX_SOCKET_PATH_BYTES: usize = 107;

/// The control interface, open and not yet served.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    socket: UnixListener,
    api: Option<(TcpListener, SocketAddr, Token)>,
}

/// Why the control interface cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The path of the socket is longer than the operating system takes.
    #[error(
        "the path {path} is longer than {MAX_SOCKET_PATH_BYTES} bytes, too long for a socket: choose a shorter directory with --data DIR"
    )]
    LongPath {
        /// The socket's path.
        path: PathBuf,
    },
    /// Another program listens there.
    #[error(
        "the address {address} is in use: stop the other program, or choose another address with `api` in linli.toml"
    )]
    AddressInUse {
        /// The device address.
        address: SocketAddr,
    },
    /// The machine does not let the node listen there.
    #[error("cannot listen on {at}: choose another address or directory")]
    Listen {
        /// The device address or the socket.
        at: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The device address can be reached from other machines.
    #[error("the address {address} can be reached from outside: use 127.0.0.1 or [::1]")]
    NotLoopback {
        /// The device address.
        address: SocketAddr,
    },
    /// The token's file does not hold a token.
    #[error("{path} holds no token: delete it, and the next start draws another")]
    BadToken {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: restart the machine")]
    NoRandomness,
}

impl Server {
    /// Opens the control socket of a data directory and, where one is given, the device address on
    /// loopback (port 0: any free one). A socket that a killed node left behind is replaced; the lock
    /// shows that no node is alive behind it.
    ///
    /// # Errors
    /// When either cannot be opened.
    pub async fn bind(lock: &HomeLock, api: Option<SocketAddr>) -> Result<Self, ControlError> {
        let home = lock.home();
        let path = home.socket();
        if path.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
            return Err(ControlError::LongPath { path });
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(HomeError::from_io(&path, error).into());
            }
            Ok(()) | Err(_) => {}
        }
        let at = |error| ControlError::from(HomeError::from_io(&path, error));
        let socket = UnixListener::bind(&path).map_err(at)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(SOCKET_MODE)).map_err(at)?;
        let api = match api {
            None => None,
            Some(address) => Some(open_api(home, address).await?),
        };
        Ok(Self { path, socket, api })
    }

    /// The device address that was opened.
    #[must_use]
    pub fn api_address(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(|(_, address, _)| *address)
    }

    /// Serves until `stop` is done and the requests under way have ended, then removes the socket.
    pub async fn serve<H: Handler>(self, handler: Arc<H>, stop: impl Future<Output = ()>) {
        let (stopper, stopped) = watch::channel(false);
        let socket =
            listen::serve(self.socket, routes(Arc::clone(&handler), None), stopped.clone());
        let api = async {
            if let Some((listener, _, token)) = self.api {
                listen::serve(listener, routes(handler, Some(token)), stopped).await;
            }
        };
        let watch = async {
            stop.await;
            stopper.send_replace(true);
        };
        tokio::join!(socket, api, watch);
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket was gone already");
        }
    }
}

async fn open_api(
    home: &Home,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr, Token), ControlError> {
    if !address.ip().is_loopback() {
        return Err(ControlError::NotLoopback { address });
    }
    let token = Token::load(home)?;
    let failed = |source: io::Error| match source.kind() == io::ErrorKind::AddrInUse {
        true => ControlError::AddressInUse { address },
        false => ControlError::Listen { at: address.to_string(), source },
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let opened = listener.local_addr().map_err(failed)?;
    Ok((listener, opened, token))
}
