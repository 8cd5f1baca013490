//! The connections that scalers are lent, against real brokers: no component is in between, so it is the pool itself that
//! is tried.

#[cfg(test)]
mod amqp;
