//! Drives the library over real sockets, with a client that is small enough to
//! be trusted. The tests play the language: they take requests out of the queue
//! themselves, so that "while a cell runs" is a line of the test and not a time.

mod abort;
mod client;
mod connections;
mod hostile;
#[cfg(target_os = "linux")]
mod idle;
mod input;
mod lifecycle;
mod output;
mod requests;
mod subshells;
mod transport;
