//! The loop that waits for stops and lets threads go on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::act::{Act, Memory, Then, write};
use super::timeline::{REPORTS, Recorder};
use super::{Told, Tracing, board};
use crate::mutant::Mutant;
use crate::sys::process;
use crate::sys::trace::{self, Event, Registers};

/// Results of calls that a signal has interrupted and that will be made again (`ERESTARTSYS` to
/// `ERESTART_RESTARTBLOCK` of `linux/errno.h`); programs never see them.
const RESTARTS: std::ops::RangeInclusive<i64> = -516..=-512;

/// Where a thread is.
#[derive(Debug, Default)]
enum Place {
    /// Outside of the calls that are of interest.
    #[default]
    Out,
    /// In such a call.
    In { made: (i64, [u64; 6]), notes: Vec<u64>, undo: Vec<(u64, Vec<u8>)> },
    /// In a call that a mutant makes before this one.
    Before { made: (i64, [u64; 6]) },
    /// About to make its call after that.
    Again,
    /// In a call that a mutant makes behind its own, whose registers are kept.
    Behind { kept: Box<Registers>, begun: bool },
}

/// A tracer of a trial.
pub(crate) struct Tracer {
    tracing: Tracing,
    mutants: Vec<&'static Mutant>,
    memories: Vec<Memory>,
    places: BTreeMap<Pid, Place>,
    told: BTreeSet<&'static str>,
    recorder: Recorder,
    out: std::io::PipeWriter,
}

impl Tracer {
    /// A tracer that tells what it sees to `out`. To be made before the trial is forked, which shares
    /// the board with it.
    pub(crate) fn new(tracing: &Tracing, out: std::io::PipeWriter) -> std::io::Result<Tracer> {
        board::put_up()?;
        let mutants = tracing.mutants();
        Ok(Tracer {
            tracing: tracing.clone(),
            memories: vec![Memory::new(); mutants.len()],
            mutants,
            places: BTreeMap::new(),
            told: BTreeSet::new(),
            recorder: Recorder::new(),
            out,
        })
    }

    /// Forks a trial, which runs `child` as soon as it is traced, and exits with what that returns.
    pub(crate) fn fork(child: impl FnOnce() -> i32) -> std::io::Result<Pid> {
        let (mut gate, open) = std::io::pipe()?;
        let opens = &open;
        let trial = process::fork(move || {
            process::close(opens);
            // The gate is at its end when it opens.
            let waited = gate.read_to_end(&mut Vec::new());
            drop(gate);
            if waited.is_ok() { child() } else { 1 }
        })?;
        if let Err(error) = trace::attach(trial) {
            kill(trial, Signal::SIGKILL)?;
            waitpid(trial, None)?;
            return Err(error.into());
        }
        Ok(trial)
    }

    /// Lets everything run until the trial has ended; returns its status as wait(2) encodes it.
    pub(crate) fn follow(&mut self, trial: Pid) -> nix::Result<i32> {
        loop {
            match trace::next() {
                Ok((thread, Event::Ended(status))) => {
                    self.places.remove(&thread);
                    board::forget(thread);
                    if thread == trial {
                        self.finish();
                        return Ok(status);
                    }
                }
                Ok((thread, event)) => {
                    board::count(thread, event == Event::Group);
                    match self.stopped(thread, event) {
                        // It was killed while it was stopped.
                        Ok(()) | Err(Errno::ESRCH) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn stopped(&mut self, thread: Pid, event: Event) -> nix::Result<()> {
        match event {
            Event::Call => self.begins(thread),
            Event::Edge => self.edge(thread),
            Event::Group => trace::leave_stopped(thread),
            Event::Signal(signal) => self.go_on(thread, signal),
            Event::Other | Event::Ended(_) => self.go_on(thread, 0),
        }
    }

    /// Lets a thread go on that stopped for something else than its call.
    fn go_on(&self, thread: Pid, signal: i32) -> nix::Result<()> {
        match self.places.get(&thread) {
            None | Some(Place::Out | Place::Again) => trace::resume(thread, signal),
            Some(_) => trace::resume_to_exit(thread, signal),
        }
    }

    /// A call is about to begin.
    fn begins(&mut self, thread: Pid) -> nix::Result<()> {
        match self.places.get(&thread) {
            Some(Place::Again) => {
                self.places.insert(thread, Place::Out);
                return trace::resume(thread, 0);
            }
            // It is the mutant's.
            Some(Place::Behind { .. } | Place::Before { .. }) => {
                return trace::resume_to_exit(thread, 0);
            }
            _ => {}
        }
        let mut registers = Registers::of(thread)?;
        let made = (registers.number(), registers.arguments());
        if self.tracing == Tracing::Record {
            self.recorder.begin(thread, made);
            self.places.insert(thread, Place::In { made, notes: Vec::new(), undo: Vec::new() });
            return trace::resume_to_exit(thread, 0);
        }
        if is_the_suites(made) {
            return trace::resume(thread, 0);
        }
        let (mut notes, mut undo, mut wait) = (vec![0; self.mutants.len()], Vec::new(), false);
        let dry = self.tracing == Tracing::Ask;
        let mut then = Then::Nothing;
        for (at, note) in notes.iter_mut().enumerate() {
            let mutant = self.mutants[at];
            if !self.concerns(mutant, made.0) {
                continue;
            }
            wait |= mutant.leave.is_some();
            let Some(enter) = mutant.enter else { continue };
            let act = self.act(at, thread, registers, made, false, enter);
            registers = act.registers;
            then = act.then;
            *note = act.note;
            undo.extend(act.undo);
        }
        if !dry {
            registers.set(thread)?;
        }
        if then == Then::Before && !dry {
            self.places.insert(thread, Place::Before { made });
        } else if wait || !undo.is_empty() {
            self.places.insert(thread, Place::In { made, notes, undo });
        } else {
            return trace::resume(thread, 0);
        }
        trace::resume_to_exit(thread, 0)
    }

    /// A call begins or has ended in a thread that was let go on to there.
    fn edge(&mut self, thread: Pid) -> nix::Result<()> {
        match self.places.remove(&thread).unwrap_or_default() {
            Place::In { made, notes, undo } => self.ended(thread, made, &notes, undo),
            Place::Before { made } => {
                let mut registers = Registers::of(thread)?;
                registers.call_again(made.0, made.1);
                registers.set(thread)?;
                self.places.insert(thread, Place::Again);
                trace::resume(thread, 0)
            }
            Place::Behind { kept, begun: false } => {
                self.places.insert(thread, Place::Behind { kept, begun: true });
                trace::resume_to_exit(thread, 0)
            }
            Place::Behind { kept, begun: true } => {
                kept.set(thread)?;
                trace::resume(thread, 0)
            }
            Place::Out | Place::Again => trace::resume(thread, 0),
        }
    }

    fn ended(
        &mut self,
        thread: Pid,
        made: (i64, [u64; 6]),
        notes: &[u64],
        undo: Vec<(u64, Vec<u8>)>,
    ) -> nix::Result<()> {
        for (address, bytes) in undo.into_iter().rev() {
            write(thread, address, &bytes);
        }
        let mut registers = Registers::of(thread)?;
        if self.tracing == Tracing::Record {
            if let Some(span) = self.recorder.end(thread, registers.result()) {
                self.tell(&Told::Span(span));
            }
            return trace::resume(thread, 0);
        }
        let mut then = Then::Nothing;
        for (at, note) in notes.iter().enumerate() {
            let mutant = self.mutants[at];
            let Some(leave) = mutant.leave.filter(|_| self.concerns(mutant, made.0)) else {
                continue;
            };
            if RESTARTS.contains(&registers.result()) && !mutant.sees_restarts {
                continue;
            }
            let act = self.act(at, thread, registers, made, true, |act| {
                act.note = *note;
                leave(act);
            });
            registers = act.registers;
            then = act.then;
        }
        if self.tracing == Tracing::Ask {
            return trace::resume(thread, 0);
        }
        registers.set(thread)?;
        if let Then::After(number, arguments) = then {
            let kept = Box::new(registers);
            registers.call_again(number, arguments);
            registers.set(thread)?;
            self.places.insert(thread, Place::Behind { kept, begun: false });
            return trace::resume_to_exit(thread, 0);
        }
        trace::resume(thread, 0)
    }

    /// Whether a mutant is to be shown a call: it looks at such calls, and where it is only asked for, it
    /// is not known yet that it would change one.
    fn concerns(&self, mutant: &Mutant, number: i64) -> bool {
        let is_known = self.tracing == Tracing::Ask && self.told.contains(mutant.id);
        mutant.calls.contains(&number) && !is_known
    }

    /// Lets a mutant act on a call.
    fn act(
        &mut self,
        at: usize,
        thread: Pid,
        registers: Registers,
        made: (i64, [u64; 6]),
        ended: bool,
        run: impl FnOnce(&mut Act),
    ) -> Acted {
        let mut act = Act {
            thread,
            registers,
            made,
            ended,
            dry: self.tracing == Tracing::Ask,
            touched: false,
            undo: Vec::new(),
            then: Then::Nothing,
            note: 0,
            memory: &mut self.memories[at],
        };
        run(&mut act);
        let Act { registers, touched, undo, then, note, .. } = act;
        if touched && self.told.insert(self.mutants[at].id) {
            self.tell(&Told::Touched(self.mutants[at].id.to_owned()));
        }
        Acted { registers, undo, then, note }
    }

    /// Calls that have not ended at the end of the trial.
    fn finish(&mut self) {
        for span in self.recorder.finish() {
            self.tell(&Told::Span(span));
        }
    }

    fn tell(&mut self, told: &Told) {
        let Ok(mut line) = serde_json::to_vec(told) else { return };
        line.push(b'\n');
        let _ = self.out.write_all(&line);
    }
}

/// What a mutant did.
struct Acted {
    registers: Registers,
    undo: Vec<(u64, Vec<u8>)>,
    then: Then,
    note: u64,
}

/// Whether a call is one by which the suite reports: those are nobody's to change.
fn is_the_suites(made: (i64, [u64; 6])) -> bool {
    let by_number = [libc::SYS_write, libc::SYS_close, libc::SYS_fcntl, libc::SYS_writev];
    by_number.contains(&made.0) && made.1[0] >= REPORTS
}
