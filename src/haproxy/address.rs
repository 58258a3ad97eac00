//! Where HAProxy listens: for commands, or for TLS.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

/// A socket's address, as HAProxy's configuration writes it.
///
/// ```
/// use fullchain::haproxy::Address;
///
/// let socket: Address = "/run/haproxy/admin.sock".parse()?;
/// assert_eq!(socket, "unix@/run/haproxy/admin.sock".parse()?);
/// let port: Address = "127.0.0.1:9999".parse()?;
/// assert_eq!(port, "ipv4@127.0.0.1:9999".parse()?);
/// assert!("localhost".parse::<Address>().is_err());
/// # Ok::<(), fullchain::haproxy::NotAnAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// The path of a Unix socket: `/run/haproxy/admin.sock`, `unix@admin.sock`.
    Unix(PathBuf),
    /// A host's name or address, and a port: `127.0.0.1:9999`, `[::1]:443`.
    Tcp(String),
}

/// A text that is no address of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAddress;

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "neither the path of a Unix socket, such as /run/haproxy/admin.sock, nor HOST:PORT",
        )
    }
}

impl std::error::Error for NotAnAddress {}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Some(path) = text.strip_prefix("unix@") {
            return (!path.is_empty())
                .then(|| Self::Unix(path.into()))
                .ok_or(NotAnAddress);
        }
        if text.starts_with(['/', '.']) {
            return Ok(Self::Unix(text.into()));
        }
        let tcp = ["ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"];
        let text = tcp
            .iter()
            .find_map(|it| text.strip_prefix(it))
            .unwrap_or(text);
        let (host, port) = text.rsplit_once(':').ok_or(NotAnAddress)?;
        match !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0) {
            true => Ok(Self::Tcp(text.to_owned())),
            false => Err(NotAnAddress),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(text) => f.write_str(text),
        }
    }
}

impl Address {
    /// Connects, to be done with all that is read and written until then.
    pub(crate) fn connect(&self, deadline: Instant) -> io::Result<Connection> {
        let socket = match self {
            Self::Unix(path) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.connect_timeout(&SockAddr::unix(path)?, left(deadline)?)?;
                socket
            }
            Self::Tcp(text) => {
                let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
                let connected = text.to_socket_addrs()?.find_map(|address| {
                    let stream =
                        left(deadline).and_then(|left| TcpStream::connect_timeout(&address, left));
                    stream.map_err(|error| last = error).ok()
                });
                let stream = connected.ok_or(last)?;
                // Neither commands nor handshakes gain from waiting for more.
                stream.set_nodelay(true)?;
                stream.into()
            }
        };
        Ok(Connection { socket, deadline })
    }
}

/// A connection on which everything ends at a deadline.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    deadline: Instant,
}

#[cfg(feature = "deploy")]
impl Connection {
    /// Says that nothing more will be written.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.socket.shutdown(std::net::Shutdown::Write)
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left(self.deadline)?))?;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(left(self.deadline)?))?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

/// Unix says of a socket's timeout that the call would block.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_read_as_haproxy_writes_them() {
        for (text, owed) in [
            ("/a.sock", "/a.sock"),
            ("./a.sock", "./a.sock"),
            ("unix@a.sock", "a.sock"),
            ("ipv6@[::1]:80", "[::1]:80"),
            ("site.example:443", "site.example:443"),
        ] {
            let address = text.parse::<Address>().map(|it| it.to_string());
            assert_eq!(address, Ok(owed.to_owned()));
        }
        for text in [
            "",
            "unix@",
            "site.example",
            ":80",
            "a:",
            "a:0",
            "a:b",
            "a:65536",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
