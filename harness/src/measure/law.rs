//! What a call costs, as a law: by what it grows, and not how long it takes on this machine.
//!
//! Each call is repeated in batches of some hundredths of a millisecond, and the least of many
//! batches counts: an interrupt, a cold cache or a busy neighbour can only make a batch longer. One
//! during which the thread had to give up its CPU is not looked at. The batches of different calls
//! take turns, so that none of them has a better time of the machine to itself. Machines differ in
//! speed a hundredfold, with emulation: only ratios of costs that were measured in turn mean
//! anything.
//!
//! The clock is the monotonic one. The CPU time of a thread would leave out what others run meanwhile,
//! but it leaves out too much in a virtual machine that is told of the time that its host took away:
//! that is taken off later, so that a batch can seem to have cost next to nothing. And where the
//! kernel does not trust its CPU's counter, it moves in steps of a timer's tick.

use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::time::Instant;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::getppid;

use crate::trial::{Result, Stop, Trial};
use crate::watch::{Task, wakeups_hidden};

/// A call that is measured: what it returns, which must be the same each time.
pub type Work<'a> = Box<dyn FnMut() -> nix::Result<usize> + 'a>;

/// The batches of a call, at most.
const MOST_BATCHES: u32 = 400;
/// They end when so many in a row were not disturbed and have found nothing cheaper.
const STALE_BATCHES: u32 = 16;
/// Cheaper by less than this part of it is not cheaper.
const CHEAPER: f64 = 0.02;
/// All is measured again until a pass finds what was found before, or so often.
const MOST_PASSES: u32 = 8;
/// Costs that differ by less than this part are the same.
const SAME: f64 = 0.05;

/// What one run of `work` takes, in nanoseconds by the monotonic clock, and whether the thread had
/// the CPU all the time.
fn time(work: impl FnOnce() -> Result) -> Result<(f64, bool)> {
    let switches = || -> nix::Result<_> {
        let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
        Ok((usage.involuntary_context_switches(), usage.voluntary_context_switches()))
    };
    let before = switches()?;
    let begin = Instant::now();
    work()?;
    let elapsed = begin.elapsed();
    Ok((elapsed.as_nanos() as f64, switches()? == before))
}

/// What one run of `work` takes, in nanoseconds, with the time that others had the CPU meanwhile. For
/// what cannot be done again and again in a batch; several runs are to be made, and the least counts.
pub fn once(work: impl FnOnce() -> Result) -> Result<f64> {
    work_shows()?;
    Ok(time(work)?.0)
}

/// Ends the trial as unobservable on a system that does not count switches (gVisor), since there no
/// batch is known to have been left alone, and on one where to enter the kernel costs so much that
/// what it does there hardly shows: one that runs its programs by ptrace(2), or by signals (user-mode
/// Linux). There a call that does nothing costs a good part of one that copies [`LOAD`] bytes.
fn work_shows() -> Result {
    static SHARE: OnceLock<f64> = OnceLock::new();
    if Task::current().voluntary_switches()?.is_none() {
        return Err(wakeups_hidden());
    }
    let share = match SHARE.get() {
        Some(share) => *share,
        None => *SHARE.get_or_init({
            let share = share_of_entry()?;
            move || share
        }),
    };
    if share < MOST_SHARE {
        return Ok(());
    }
    Err(Stop::Unobservable(format!(
        "a system call that does nothing costs {share:.2} of one that copies {} KiB: what others do \
         does not show",
        LOAD >> 10
    )))
}

/// What a call that does something copies.
const LOAD: usize = 64 << 10;
/// The share that entering the kernel may have in it.
const MOST_SHARE: f64 = 0.4;

/// What entering the kernel costs, as a part of a call that copies [`LOAD`] bytes.
fn share_of_entry() -> Result<f64> {
    let file = std::fs::File::from(memfd_create("load", MFdFlags::MFD_CLOEXEC)?);
    let mut bytes = vec![1; LOAD];
    file.write_all_at(&bytes, 0)?;
    let nothing = Box::new(|| Ok(usize::from(getppid().as_raw() >= 0)));
    let load = Box::new(move || nix::sys::uio::pread(&file, &mut bytes, 0));
    let costs = least(vec![nothing, load])?;
    Ok(costs[0] / costs[1])
}

/// How long a batch must be for the reading of the clock not to count, in nanoseconds.
fn span() -> Result<f64> {
    const READINGS: f64 = 40.0;
    const LEAST: f64 = 20_000.0;
    let mut reading = f64::INFINITY;
    for _ in 0..16 {
        reading = reading.min(time(|| Ok(()))?.0);
    }
    Ok(LEAST.max(READINGS * reading))
}

/// A call on its way to its least cost.
struct Measured<'a> {
    work: Work<'a>,
    /// What it returns.
    answer: usize,
    /// The calls of a batch.
    calls: u32,
    batches: u32,
    stale: u32,
    /// The least that a call of a batch took that was not disturbed, and of one that was.
    least: [f64; 2],
}

impl<'a> Measured<'a> {
    /// Finds out how many calls a batch of `span` nanoseconds has.
    fn new(mut work: Work<'a>, span: f64) -> Result<Measured<'a>> {
        let answer = work()?;
        let least = [f64::INFINITY; 2];
        let mut measured = Measured { work, answer, calls: 1, batches: 0, stale: 0, least };
        while measured.batch()?.0 < span && measured.calls < 1 << 20 {
            measured.calls *= 2;
        }
        Ok(measured)
    }

    /// What a batch takes, and whether it was left alone.
    fn batch(&mut self) -> Result<(f64, bool)> {
        let Measured { work, answer, calls, .. } = self;
        time(|| {
            for _ in 0..*calls {
                if work()? != *answer {
                    return Err(Stop::error("a call that is measured changed its answer"));
                }
            }
            Ok(())
        })
    }

    /// One batch more, if it may still be cheaper; whether it may be.
    fn improve(&mut self) -> Result<bool> {
        if self.stale == STALE_BATCHES || self.batches == MOST_BATCHES {
            return Ok(false);
        }
        let (spent, alone) = self.batch()?;
        let cost = spent / f64::from(self.calls);
        let least = &mut self.least[usize::from(!alone)];
        self.batches += 1;
        if alone {
            self.stale = if cost < *least * (1.0 - CHEAPER) { 0 } else { self.stale + 1 };
        }
        *least = least.min(cost);
        Ok(true)
    }

    /// The least of the batches since the last time that this was asked.
    fn pass(&mut self) -> f64 {
        let [alone, disturbed] = self.least;
        (self.batches, self.stale, self.least) = (0, 0, [f64::INFINITY; 2]);
        if alone.is_finite() { alone } else { disturbed }
    }
}

/// The least that a call of each of `works` takes, in nanoseconds: measured in turn, until none of
/// them gets any cheaper, and again, until all are as cheap as they were found before. What disturbs
/// may last longer than a pass: a neighbour on the same core, a host that is busy.
pub fn costs(works: Vec<Work>) -> Result<Vec<f64>> {
    work_shows()?;
    least(works)
}

fn least(works: Vec<Work>) -> Result<Vec<f64>> {
    let span = span()?;
    let measured = works.into_iter().map(|work| Measured::new(work, span));
    let mut measured = measured.collect::<Result<Vec<_>>>()?;
    let mut found = vec![f64::INFINITY; measured.len()];
    for _ in 0..MOST_PASSES {
        let mut cheaper = true;
        while cheaper {
            cheaper = false;
            for one in &mut measured {
                cheaper |= one.improve()?;
            }
        }
        let mut same = true;
        for (found, one) in found.iter_mut().zip(&mut measured) {
            let cost = one.pass();
            same &= (*found - cost).abs() < SAME * cost;
            *found = found.min(cost);
        }
        if same {
            break;
        }
    }
    Ok(found)
}

/// How a cost grows with a size: the line that fits what was measured best (least squares).
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    /// What each more of the size costs.
    pub each: f64,
    /// What the size has no part in.
    pub fixed: f64,
    /// How far the costs are from the line: the root of their mean square distance, as a part of
    /// the mean cost.
    pub residual: f64,
    points: Vec<(f64, f64)>,
}

impl Law {
    /// Of sizes and their costs: at least two sizes, in their order.
    pub fn of(points: &[(usize, f64)]) -> Law {
        let points: Vec<_> = points.iter().map(|(size, cost)| (*size as f64, *cost)).collect();
        let mean = |value: &dyn Fn(&(f64, f64)) -> f64| {
            points.iter().map(value).sum::<f64>() / points.len() as f64
        };
        let (size, cost) = (mean(&|point| point.0), mean(&|point| point.1));
        let each = mean(&|point| (point.0 - size) * (point.1 - cost))
            / mean(&|point| (point.0 - size).powi(2));
        let fixed = cost - each * size;
        let distance = mean(&|point| (point.1 - fixed - each * point.0).powi(2)).sqrt();
        Law { each, fixed, residual: distance / cost, points }
    }

    /// The cost of the largest size, as a multiple of that of the smallest.
    pub fn growth(&self) -> f64 {
        let cost = |point: Option<&(f64, f64)>| point.map_or(f64::NAN, |point| point.1);
        cost(self.points.last()) / cost(self.points.first())
    }

    /// What each more costs in the upper half of the sizes, as a multiple of what it costs in the
    /// lower half: 1 on a line, 0 where the cost grows no more, 3 for a square.
    pub fn bend(&self) -> f64 {
        let slope = |half: &[(f64, f64)]| match half {
            [first, .., last] => (last.1 - first.1) / (last.0 - first.0),
            _ => f64::NAN,
        };
        let middle = self.points.len() / 2;
        slope(&self.points[middle..]) / slope(&self.points[..=middle])
    }
}

impl Trial {
    /// Measures what the calls that `make` prepares cost, one for each of `sizes`, and adds the law
    /// to the evidence.
    pub fn law<'a>(
        &mut self,
        what: &str,
        sizes: &[usize],
        make: impl Fn(usize) -> Result<Work<'a>>,
    ) -> Result<Law> {
        let works = sizes.iter().map(|size| make(*size)).collect::<Result<Vec<_>>>()?;
        let points: Vec<_> = sizes.iter().copied().zip(costs(works)?).collect();
        self.tell_law(what, &points)
    }

    /// Adds the law of what was measured to the evidence: `what` is what costs, and of what it is
    /// so much for each.
    pub fn tell_law(&mut self, what: &str, points: &[(usize, f64)]) -> Result<Law> {
        let law = Law::of(points);
        self.measure(&format!("{what}: ns for each"), law.each)?;
        self.measure(&format!("{what}: ns without any"), law.fixed)?;
        self.measure(&format!("{what}: relative residual of that line"), law.residual)?;
        Ok(law)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn law(cost: impl Fn(f64) -> f64) -> Law {
        let sizes = [0, 2, 4, 6, 8];
        Law::of(&sizes.map(|size| (size, cost(f64::from(u32::try_from(size).unwrap())))))
    }

    // The figures of the square: the line through (0, 0), (2, 4) … (8, 64) is 8x - 8, and is off by
    // 8, -4, -8, -4 and 8, whose root mean square is the root of 44.8; the mean is 24.
    #[rstest]
    #[case::line(law(|n| 3.0 * n + 5.0), 3.0, 5.0, 0.0, 29.0 / 5.0, 1.0)]
    #[case::flat(law(|_| 5.0), 0.0, 5.0, 0.0, 1.0, f64::NAN)]
    #[case::square(law(|n| n * n), 8.0, -8.0, 44.8_f64.sqrt() / 24.0, f64::INFINITY, 3.0)]
    fn a_law_is_the_best_line(
        #[case] law: Law,
        #[case] each: f64,
        #[case] fixed: f64,
        #[case] residual: f64,
        #[case] growth: f64,
        #[case] bend: f64,
    ) {
        let found = [law.each, law.fixed, law.residual, law.growth(), law.bend()];
        for (found, right) in found.into_iter().zip([each, fixed, residual, growth, bend]) {
            let same = (found - right).abs() < 1e-9;
            let beyond = !found.is_finite() && found.to_string() == right.to_string();
            assert!(same || beyond, "{found} is not {right}: {law:?}");
        }
    }

    #[test]
    fn a_call_that_does_ten_times_as_much_costs_about_ten_times_as_much() {
        let work = |times: u64| -> Work {
            Box::new(move || {
                (0..1000 * times).for_each(|number| {
                    std::hint::black_box(number);
                });
                Ok(1)
            })
        };
        let costs = costs(vec![work(1), work(10)]).unwrap();
        let ratio = costs[1] / costs[0];
        assert!((5.0..20.0).contains(&ratio), "{costs:?}");
    }

    #[test]
    fn a_call_that_changes_its_answer_is_no_measurement() {
        let mut answer = 0;
        let changing = Box::new(move || {
            answer += 1;
            Ok(answer)
        });
        assert!(costs(vec![changing]).is_err());
    }
}
