//! A queue into a thread that sleeps in `epoll_wait`: the items, and an eventfd that wakes it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::mutants::{Fault, planted};

/// The side that sends; it may be cloned. When the last one is dropped, the receiver is told.
pub(crate) struct Sender<T> {
    items: Option<mpsc::Sender<T>>,
    bell: Arc<EventFd>,
}

/// The side that receives, to be watched for input.
pub(crate) struct Mailbox<T> {
    items: Receiver<T>,
    bell: Arc<EventFd>,
}

/// Both sides of a new queue. It has no bound of its own: what is sent is a connection or belongs
/// to one, and their number is bounded by the descriptors.
pub(crate) fn new<T>() -> io::Result<(Sender<T>, Mailbox<T>)> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    let bell = Arc::new(EventFd::from_flags(flags)?);
    let (sender, items) = mpsc::channel();
    Ok((Sender { items: Some(sender), bell: bell.clone() }, Mailbox { items, bell }))
}

impl<T> Sender<T> {
    /// Sends, and wakes the receiver. What is sent to a receiver that is gone is dropped.
    pub(crate) fn send(&self, item: T) {
        if let Some(items) = &self.items {
            let _ = items.send(item);
            let _ = self.bell.write(1);
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { items: self.items.clone(), bell: self.bell.clone() }
    }
}

impl<T> Drop for Sender<T> {
    /// Hangs up first and rings then, so that the receiver finds out.
    fn drop(&mut self) {
        self.items = None;
        let _ = self.bell.write(1);
    }
}

impl<T> Mailbox<T> {
    /// Everything that was sent, and whether more may come. To be called when it is reported.
    pub(crate) fn take(&self) -> (Vec<T>, bool) {
        // Silenced before the look: what is sent after it rings again.
        let _ = self.bell.read();
        let mut taken = Vec::new();
        loop {
            match self.items.try_recv() {
                Ok(item) => taken.push(item),
                Err(TryRecvError::Empty) => return (taken, true),
                Err(TryRecvError::Disconnected) => return (taken, false),
            }
            if planted(Fault::TakesOneARing) {
                return (taken, true);
            }
        }
    }
}

impl<T> AsFd for Mailbox<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
