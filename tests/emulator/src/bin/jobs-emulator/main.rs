//! The program `jobs-emulator`: an emulated hub that runs until it is stopped.

mod arguments;
mod check;
mod command;
mod failure;
mod ready;
mod run;

use std::process::ExitCode;

use crate::command::Command;

fn main() -> ExitCode {
    let result = match command::parse() {
        Ok(Command::Run(arguments)) => run::run(*arguments),
        Ok(Command::Check(ready_file)) => check::check(&ready_file),
        Err(code) => return code,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
