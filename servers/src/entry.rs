//! A server as a process: the program that links this crate, started again.

use std::io;
use std::process::exit;

use clap::Parser as _;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::{Address, MODELS, Model, Options, bind, find, serve, sys};

/// The environment variable that makes [`entry`] a server.
pub const VARIABLE: &str = "IOCONFORM_SERVE";

/// The command line of a server.
#[derive(Debug, clap::Parser)]
pub struct Arguments {
    /// The model
    #[arg(value_parser = PossibleValuesParser::new(MODELS.iter().map(possible)))]
    model: String,
    #[command(flatten)]
    options: Options,
}

/// A model as clap lists it.
fn possible(model: &Model) -> PossibleValue {
    PossibleValue::new(model.name).help(model.sentence)
}

/// To be called first thing in `main`, before there are threads. If the variable `IOCONFORM_SERVE`
/// is set, the arguments are `MODEL --listen ADDRESS …`: the process serves and exits with 0 after
/// a graceful stop, with 1 and a line on stderr if it cannot serve, with 2 for a usage error.
/// Otherwise nothing happens.
pub fn entry() {
    if sys::take_variable(VARIABLE).is_none() {
        return;
    }
    // A usage error ends the process here.
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => exit(0),
        Err(error) => {
            eprintln!("error: {}: {error}", arguments.model);
            exit(1)
        }
    }
}

/// Binds, says so on stderr, and serves until told to stop. Fails if it cannot.
pub fn run(arguments: &Arguments) -> io::Result<()> {
    let Some(model) = find(&arguments.model) else {
        return Err(io::Error::other("no such model"));
    };
    let listener = bind(model, &arguments.options).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}", arguments.options.listen))
    })?;
    let workers = arguments.options.workers(model);
    let address = listener.address().clone();
    eprintln!("{}: listening on {address}, {workers} workers", model.name);
    let result = serve(model, listener, &arguments.options);
    if let Address::Unix(path) = &address {
        let _ = std::fs::remove_file(path);
    }
    result
}
