//! Programs that use the client, as short as they can be, on a real port.

#[allow(clippy::print_stderr, clippy::print_stdout, reason = "a program that talks to its user")]
pub(crate) mod first_program {
    include!("first_program.rs");

    pub(crate) fn run() {
        main();
    }
}
mod progress_service;
