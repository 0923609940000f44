//! Loopback ports.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::{ServersError, io};

/// Times a free port may be snatched by somebody else before the server binds it.
pub(crate) const SNATCHED_MAX: u32 = 10;

/// The port to use: the wanted one if nobody has it, or for 0 one that is free at the moment.
pub(crate) fn choose(wanted: u16, what: &'static str) -> Result<u16, ServersError> {
    // std sets SO_REUSEADDR, as the servers do: what lingers in TIME_WAIT does not count as taken.
    match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)) {
        Ok(listener) => Ok(listener.local_addr().map_err(io("look at a free port"))?.port()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Err(ServersError::PortTaken { port: wanted, what })
        }
        Err(error) => Err(io(format!("listen on 127.0.0.1:{wanted}"))(error)),
    }
}

/// Whether a server's log says that somebody else has its port.
pub(crate) fn is_taken(log: &str) -> bool {
    log.to_lowercase().contains("address already in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_listens_on_is_taken() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = choose(port, "a test").unwrap_err();
        assert!(matches!(error, ServersError::PortTaken { port: p, what: "a test" } if p == port), "{error}");
        drop(listener);
        assert_eq!(choose(port, "a test").unwrap(), port);
    }
}
