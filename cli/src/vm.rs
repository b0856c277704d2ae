//! `ioconform vm`.

use std::os::fd::AsFd as _;
use std::path::Path;

use ::matrix::machine::Machine;
use ::matrix::qemu::{self, Accelerator, Qemu};
use ::matrix::vm::{Errand, ErrandError, run};

use crate::arguments::Vm;
use crate::execution::Cancel;
use crate::{Failure, INTERRUPTED};

pub(crate) fn vm(arguments: &Vm) -> Result<u8, Failure> {
    let version = qemu::version()?;
    let cancel = Cancel::on_signals()?;
    let errand = Errand {
        image: Path::new(&arguments.kernel),
        machine: Machine::Qemu(Qemu {
            accelerator: Accelerator::Tcg,
            cpus: arguments.guest.cpus,
            memory: 0,
            append: arguments.guest.append.clone(),
            version,
        }),
        argv: arguments.command.clone(),
        cancel: Some(cancel.reader.as_fd()),
    };
    match run(errand) {
        Ok(status) => Ok(u8::try_from(status).unwrap_or(u8::MAX)),
        Err(ErrandError::Cancelled) => Ok(INTERRUPTED),
        Err(error @ ErrandError::NoProgram(_)) => Err(Failure::usage(error)),
        Err(error) => Err(error.into()),
    }
}
