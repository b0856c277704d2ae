//! `ioconform`: judges the I/O behaviour of the running kernel, with evidence.

mod arguments;
mod bench;
mod claims;
mod examples;
mod execution;
mod kernels;
mod lanes;
mod matrix;
mod mutants;
mod outputs;
#[cfg(test)]
mod pipelines;
mod progress;
mod prose;
mod run;
mod screen;
mod select;
mod server;
mod show;
mod state;
mod summary;
mod timeline;
mod vm;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Cli, Command};
use screen::Screen;

/// Exit codes beside those of [`harness::record::Run::exit_code`].
const USAGE: u8 = 2;
const COULD_NOT_JUDGE: u8 = 3;
const INTERRUPTED: u8 = 130;

/// A failure that has its own exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// The command was not usable as it was given.
    fn usage(error: impl Into<anyhow::Error>) -> Failure {
        Failure { code: USAGE, error: error.into() }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure { code: COULD_NOT_JUDGE, error: error.into() }
    }
}

fn main() -> ExitCode {
    ::matrix::guest::entry();
    cases::entry();
    let cli = Cli::parse();
    cli.color.write_global();
    let screen = Screen::new();
    let code = match execute(&cli, &screen) {
        Ok(code) => code,
        Err(failure) => {
            screen.error(&format!("{:#}", failure.error));
            failure.code
        }
    };
    // A reader that closes the pipe has seen enough; a full disk is something to be told.
    ExitCode::from(match screen.failure() {
        Some(error) => {
            screen.error(&format!("cannot write to stdout: {error}"));
            if code == 0 { COULD_NOT_JUDGE } else { code }
        }
        None => code,
    })
}

fn execute(cli: &Cli, screen: &Screen) -> Result<u8, Failure> {
    match &cli.command {
        Command::Run(arguments) => run::run(arguments, screen),
        Command::Server(arguments) => server::server(arguments, screen),
        Command::Bench(arguments) => bench::bench(arguments, screen),
        Command::Serve(arguments) => Ok(serve(arguments)?),
        Command::List(arguments) => show::list(arguments, screen),
        Command::Claims(arguments) => claims::claims(arguments, screen),
        Command::Explain { id, trace } => show::explain(id, *trace, screen),
        Command::Doctor => Ok(show::doctor(screen)),
        Command::Diff { old, new } => show::diff(old, new.as_deref(), screen),
        Command::Report { results, output } => show::report(results, output, screen),
        Command::Matrix(arguments) => matrix::matrix(arguments, screen),
        Command::Mutants(arguments) => mutants::mutants(arguments, screen),
        Command::Vm(arguments) => vm::vm(arguments),
        Command::Kernels(command) => kernels::kernels(command, screen),
        Command::Completions { shell } => {
            show::completions(*shell, screen);
            Ok(0)
        }
    }
}

fn serve(arguments: &servers::Arguments) -> anyhow::Result<u8> {
    servers::run(arguments)?;
    Ok(0)
}
