//! Asks a server on this machine whether it lives, for platforms that run a command to find out: an image made from
//! nothing but the server has no other program to ask with.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use mcp_cloud_contract::{DEFAULT_PORT, platform_env};

use super::{ServeError, port};
use crate::edge::route::STOPPING;

/// A server that does not answer for this long serves nobody.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bytes of a reply that are looked at.
const LONGEST_REPLY: u64 = 4096;

/// Asks the health path of the server that listens on this process's port.
pub(crate) fn ask(path: &str) -> Result<(), ServeError> {
    let port = port(platform_env::PORT)?.unwrap_or(DEFAULT_PORT);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    status(address, path).map_err(|source| ServeError::Unhealthy { address, source })
}

fn status(address: SocketAddr, path: &str) -> io::Result<()> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    // In one piece: written as it is formatted, each of its parts would be a packet of its own.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    // The status line: `HTTP/1.1 200 OK` (RFC 9112, section 4).
    let mut line = [0; 12];
    connection.read_exact(&mut line)?;
    match line.strip_prefix(b"HTTP/1.1 ") {
        Some(b"200") => Ok(()),
        // It lives and finishes what it began. Whoever runs this command may kill what does not live.
        Some(b"503") if says(&mut connection, STOPPING)? => Ok(()),
        Some(code) => Err(io::Error::other(format!("it answers with status {}", String::from_utf8_lossy(code)))),
        None => Err(io::Error::other("what answers there is no HTTP server")),
    }
}

/// Whether a reply whose status has been read ends with this. A server that says so says little else.
fn says(connection: &mut TcpStream, end: &str) -> io::Result<bool> {
    let mut rest = Vec::new();
    connection.take(LONGEST_REPLY).read_to_end(&mut rest)?;
    Ok(rest.ends_with(format!("\r\n\r\n{end}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// A server that answers one request with `reply`.
    fn answering(reply: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let length = connection.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /alive HTTP/1.1\r\nHost: 127.0.0.1:"));
            connection.write_all(reply).unwrap();
        });
        address
    }

    #[test]
    fn only_status_200_is_health() {
        assert!(status(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), "/alive").is_ok());
        let sick = status(answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), "/alive").unwrap_err();
        assert_eq!(sick.to_string(), "it answers with status 503");
        let stopping = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 9\r\n\r\nstopping\n";
        assert!(status(answering(stopping), "/alive").is_ok(), "it lives for as long as it drains");
        let other = status(answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "/alive").unwrap_err();
        assert_eq!(other.to_string(), "what answers there is no HTTP server");
        assert_eq!(status(answering(b"HTTP"), "/alive").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn nobody_there_is_no_health() {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        assert_eq!(status(address, "/").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
