//! Who pays for a wakeup? Whoever causes it. A write walks along everybody who watches the
//! descriptor: an epoll instance has itself put on its list, a sleeper has itself made ready to run,
//! one after another, in the time of the writer, before its write returns. So epoll does not make
//! the work disappear that select and poll do with each call; it does it here, once for an event.

use std::sync::Arc;

use harness::measure::law::once;
use harness::prelude::*;
use nix::sys::eventfd::EventFd;

use super::{DESCRIPTORS, check_line};

/// A write costs more for each epoll instance in which the descriptor is registered.
#[case(man = ["epoll(7)"], kernel = ["ep_poll_callback", "__wake_up_common"], notes = ["S48"], needs = [Need::Descriptors(DESCRIPTORS)], alone, since = "2.6.0", strength = Implementation)]
fn the_writer_pays_for_each_instance(t: &mut Trial) -> Result {
    let law = t.law("write, by instances that watch", &[1, 64, 128, 192, 256], |count| {
        let eventfd = EventFd::new()?;
        let watch = |_| Epoll::watching(&eventfd, EPOLLIN);
        let instances = (0..count).map(watch).collect::<nix::Result<Vec<_>>>()?;
        Ok(Box::new(move || {
            let _ = &instances;
            eventfd.write(1)
        }))
    })?;
    check_line(t, &law, "instances that watch")
}

/// The sleepers of a crew.
const SLEEPERS: [usize; 3] = [0, 8, 16];
/// How often they are woken.
const WRITES: usize = 8;

/// A write takes longer the more threads it wakes.
#[case(kernel = ["__wake_up_common", "try_to_wake_up"], notes = ["S39"], alone, since = "2.6.0", strength = Implementation)]
fn the_writer_pays_for_each_sleeper(t: &mut Trial) -> Result {
    let mut crews = Vec::new();
    for sleepers in SLEEPERS {
        let eventfd = Arc::new(EventFd::new()?);
        let watched = eventfd.clone();
        let crew = t.threads(sleepers, Call::EPOLL_WAIT, move |_| {
            let epoll = Epoll::watching(&*watched, EPOLLIN | EPOLLET)?;
            loop {
                epoll.wait_one()?;
            }
        })?;
        crews.push((sleepers, crew, eventfd, f64::INFINITY));
    }
    for _ in 0..WRITES {
        for (_, crew, eventfd, least) in &mut crews {
            crew.settle(t)?;
            *least = least.min(once(|| Ok(eventfd.write(1).map(drop)?))?);
        }
    }
    let points: Vec<_> = crews.iter().map(|(sleepers, .., least)| (*sleepers, *least)).collect();
    let law = t.tell_law("write, by threads that it wakes", &points)?;
    check!(t, law.growth() > 2.0, "to wake 16 takes longer than to wake nobody, so many times");
    Ok(())
}
