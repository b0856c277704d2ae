//! `ioconform vm`.

use std::os::fd::AsFd as _;

use ::matrix::accelerator::known;
use ::matrix::kernels::Store;
use ::matrix::machine::Machine;
use ::matrix::program::ProgramError;
use ::matrix::qemu::{self, Accelerator, Qemu};
use ::matrix::uml::Uml;
use ::matrix::vm::{Errand, ErrandError, PackError, run};
use harness::matrix::PlatformKind;

use crate::arguments::Vm;
use crate::execution::Cancel;
use crate::{Failure, INTERRUPTED};

pub(crate) fn vm(arguments: &Vm) -> Result<u8, Failure> {
    let cancel = Cancel::on_signals()?;
    let scratch = tempfile::tempdir()?;
    let kernel = Store::open()?.find(&arguments.kernel, scratch.path()).map_err(Failure::usage)?;
    let append = arguments.guest.append.clone();
    let machine = match kernel.kind {
        PlatformKind::Uml => Machine::Uml(Uml { memory: 0, append }),
        PlatformKind::Gvisor => {
            let error = "gVisor is no kernel to boot; it runs programs itself: runsc do CMD";
            return Err(Failure::usage(anyhow::anyhow!(error)));
        }
        PlatformKind::Qemu | PlatformKind::Machine => Machine::Qemu(Qemu {
            accelerator: Accelerator::Tcg,
            cpus: arguments.guest.cpus,
            memory: 0,
            append,
            version: qemu::version()?,
        }),
    };
    let known = known();
    let errand = Errand {
        image: kernel.vmlinux.as_deref().unwrap_or(&kernel.image),
        image_sha256: &kernel.image_sha256,
        machine,
        argv: arguments.command.clone(),
        known: known.as_deref(),
        cancel: Some(cancel.reader.as_fd()),
    };
    match run(errand) {
        Ok(status) => Ok(u8::try_from(status).unwrap_or(u8::MAX)),
        Err(ErrandError::Cancelled) => Ok(INTERRUPTED),
        Err(
            error @ (ErrandError::NoProgram(_)
            | ErrandError::NotUtf8(_)
            | ErrandError::Pack(PackError::Program(ProgramError::NoProgram(_)))),
        ) => Err(Failure::usage(error)),
        Err(error) => Err(error.into()),
    }
}
