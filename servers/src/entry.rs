//! A server as a process: the program that links this crate, started again.

use std::ffi::OsStr;
use std::io;
use std::process::exit;

use clap::Parser as _;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::mutants::{self, CONTROLS};
use crate::{Address, MODELS, Model, Options, bind, find, serve, sys};

/// The environment variable that makes [`entry`] a server.
pub const VARIABLE: &str = "IOCONFORM_SERVE";

/// What stands before the id of a mutant, and before the name of a control.
const MUTANT: &str = "mutant:";
const CONTROL: &str = "control:";

/// The command line of a server.
#[derive(Debug, clap::Parser)]
pub struct Arguments {
    /// The model; or mutant:ID, with ID as `ioconform mutants --servers --list` prints it, or
    /// control:NAME
    #[arg(value_parser = Names)]
    model: String,
    #[command(flatten)]
    options: Options,
}

/// The names of servers. Help lists the models alone.
#[derive(Debug, Clone, Copy)]
struct Names;

/// A model as clap lists it.
fn listed(model: &Model) -> PossibleValue {
    PossibleValue::new(model.name).help(model.sentence)
}

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let text = value.to_str().unwrap_or_default();
        let (kind, name, known) = if let Some(id) = text.strip_prefix(MUTANT) {
            (MUTANT, id, PossibleValuesParser::new(mutants::all().map(|mutant| mutant.id)))
        } else if let Some(name) = text.strip_prefix(CONTROL) {
            let names = CONTROLS.iter().map(|control| control.model.name);
            (CONTROL, name, PossibleValuesParser::new(names))
        } else {
            return PossibleValuesParser::new(MODELS.iter().map(listed))
                .parse_ref(command, argument, value);
        };
        let name = known.parse_ref(command, argument, name.as_ref())?;
        Ok(format!("{kind}{name}"))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        Some(Box::new(MODELS.iter().map(listed)))
    }
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

/// The server of that name, which is a mutant from here on if it is one.
fn become_one(name: &str) -> Option<&'static Model> {
    if let Some(id) = name.strip_prefix(MUTANT) {
        let mutant = mutants::find(id)?;
        mutants::plant(mutant.fault);
        return mutants::base(mutant.base);
    }
    match name.strip_prefix(CONTROL) {
        Some(name) => mutants::control(name).map(|control| &control.model),
        None => find(name),
    }
}

/// Binds, says so on stderr, and serves until told to stop. Fails if it cannot.
pub fn run(arguments: &Arguments) -> io::Result<()> {
    let Some(model) = become_one(&arguments.model) else {
        return Err(io::Error::other("no such server"));
    };
    let listener = bind(model, &arguments.options).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}", arguments.options.listen))
    })?;
    let workers = arguments.options.workers(model);
    let address = listener.address().clone();
    eprintln!("{}: listening on {address}, {workers} workers", arguments.model);
    let result = serve(model, listener, &arguments.options);
    if let Address::Unix(path) = &address {
        let _ = std::fs::remove_file(path);
    }
    result
}
