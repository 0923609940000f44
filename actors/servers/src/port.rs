//! Loopback ports.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::{ServersError, io};

/// How often another process may take the chosen port before the server binds it.
pub(crate) const LOST_MAX: u32 = 10;

/// The requested port if it is free, or for 0 any free port; `name` is the server's, for the error.
pub(crate) fn choose(wanted: u16, name: &'static str) -> Result<u16, ServersError> {
    // std sets SO_REUSEADDR, as the servers do, so that connections in TIME_WAIT do not block a port.
    match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)) {
        Ok(listener) => Ok(listener.local_addr().map_err(io("read the number of a free port"))?.port()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Err(ServersError::PortTaken { port: wanted, name })
        }
        Err(error) => Err(io(format!("listen on 127.0.0.1:{wanted}"))(error)),
    }
}

/// Whether a server's log says that its port was in use.
pub(crate) fn is_taken(log: &str) -> bool {
    log.to_lowercase().contains("address already in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_with_a_listener_is_taken() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = choose(port, "a test").unwrap_err();
        assert!(matches!(error, ServersError::PortTaken { port: p, name: "a test" } if p == port), "{error}");
        drop(listener);
        assert_eq!(choose(port, "a test").unwrap(), port);
    }
}
