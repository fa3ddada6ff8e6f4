//! The HTTP server: connections, their bounds, and the way of one request.

mod body;
mod connection;
mod listener;
mod service;
mod timed_stream;

pub(crate) use listener::Server;
