//! `ioconform run`.

use crate::execution::{Assignment, execute};
use crate::screen::Screen;
use crate::select::{Kind, select};
use crate::{Failure, arguments};

pub(crate) fn run(arguments: &arguments::Run, screen: &Screen) -> Result<u8, Failure> {
    let selection = &arguments.selection;
    let cases = select(selection, Kind::Kernel).map_err(Failure::usage)?;
    let assignment = Assignment { cases, targets: &[], whole: selection.is_whole() };
    execute(&assignment, &arguments.execution, screen)
}
