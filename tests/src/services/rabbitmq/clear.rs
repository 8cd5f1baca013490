//! Where a broker can be reached in the clear, whatever it speaks to others: ways to it may then say what it never would.

use std::net::SocketAddr;

use super::RabbitMq;

impl RabbitMq {
    /// Where it listens for AMQP in the clear, also where it speaks TLS to others.
    #[must_use]
    pub fn amqp_in_the_clear(&self) -> SocketAddr {
        self.ports.own_amqp
    }

    /// Where its management listens in the clear, also where it speaks TLS to others.
    #[must_use]
    pub fn http_in_the_clear(&self) -> SocketAddr {
        self.ports.own_http
    }
}
