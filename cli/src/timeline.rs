//! `ioconform explain ID --trace`: cases, run once each under the recorder.

use std::os::fd::AsFd as _;

use cases::models::REFERENCE;
use cases::power::UNTRACEABLE;
use harness::case::Case;
use harness::isolate::{Terms, Wardens, probe};
use harness::judge::Judge;
use harness::power::reason_for;
use harness::target::Target;
use harness::trace::Tracing;

use crate::execution::{Cancel, check_tracer};
use crate::lanes;
use crate::screen::Screen;
use crate::server::model;
use crate::summary::headed;
use crate::{COULD_NOT_JUDGE, Failure, INTERRUPTED};

/// The workers of the server that cases about servers are shown on.
const WORKERS: usize = 2;

/// Runs each case, those about servers on the reference, and prints what its threads did. Returns the
/// exit status: cases that cannot be traced cannot be shown.
pub(crate) fn show(cases: &[&'static Case], screen: &Screen) -> Result<u8, Failure> {
    check_tracer()?;
    let cancel = Cancel::on_signals()?;
    let (judge, wardens) = (Judge::here(), Wardens::new(probe()?));
    let reference = cases::models::target(model(REFERENCE)?, WORKERS);
    let mut code = 0;
    for (number, case) in cases.iter().enumerate() {
        if number > 0 {
            screen.line("");
        }
        if let Some(reason) = reason_for(UNTRACEABLE, case) {
            screen.line(&format!("{}\n  cannot be traced: {reason}", case.id));
            code = COULD_NOT_JUDGE;
            continue;
        }
        let target: Option<&Target> = case.is_about_a_server().then_some(&reference);
        let terms = Terms {
            target,
            tracing: Some(&Tracing::Record),
            cancel: Some(cancel.reader.as_fd()),
            ..Terms::default()
        };
        let outcome = wardens.run(case, terms);
        let name = target.map(|target| &*target.name);
        let Some(record) = judge.record(case, name, outcome) else {
            return Ok(INTERRUPTED);
        };
        screen.line(&format!("{}\n", headed(&record)));
        for line in lanes::draw(&record.evidence, usize::MAX) {
            screen.line(&line);
        }
    }
    Ok(code)
}
