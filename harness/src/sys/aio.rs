//! POSIX asynchronous I/O: one read at a time, which may outlive whoever asked for it.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU8, Ordering};

use nix::errno::Errno;

/// The size of a request's buffer.
const SIZE: usize = 64;

/// An `aio_read` of up to 64 bytes. The C library writes to the control block and to the buffer
/// for as long as the request is pending, so neither is ever freed.
#[derive(Debug)]
pub struct AioRead {
    control: *mut libc::aiocb,
    buffer: &'static [AtomicU8; SIZE],
}

// SAFETY: the control block lives for ever, and its fields are not looked at but by the library.
unsafe impl Send for AioRead {}

impl AioRead {
    /// Asks for the read. No signal and no thread will tell of its end.
    pub fn start(fd: impl AsFd) -> nix::Result<AioRead> {
        let buffer: &'static [AtomicU8; SIZE] =
            Box::leak(Box::new([const { AtomicU8::new(0) }; SIZE]));
        // SAFETY: an all-zero aiocb is valid.
        let mut control: Box<libc::aiocb> = Box::new(unsafe { std::mem::zeroed() });
        control.aio_fildes = fd.as_fd().as_raw_fd();
        control.aio_buf = buffer.as_ptr().cast_mut().cast();
        control.aio_nbytes = SIZE;
        control.aio_sigevent.sigev_notify = libc::SIGEV_NONE;
        let control = Box::into_raw(control);
        // SAFETY: the control block and the buffer are never freed, and the buffer is made of
        // atomics, which may change at any time.
        Errno::result(unsafe { libc::aio_read(control) })?;
        Ok(AioRead { control, buffer })
    }

    /// `aio_error(3)`: `Err(EINPROGRESS)` while the request is pending, `Ok` when it succeeded.
    pub fn error(&self) -> nix::Result<()> {
        // SAFETY: the control block lives for ever.
        match unsafe { libc::aio_error(self.control) } {
            0 => Ok(()),
            -1 => Err(Errno::last()),
            error => Err(Errno::from_raw(error)),
        }
    }

    /// `aio_return(3)`: the result of the read, to be asked once, after its end.
    pub fn result(self) -> nix::Result<usize> {
        // SAFETY: the control block lives for ever; this request cannot be asked again.
        let result = Errno::result(unsafe { libc::aio_return(self.control) })?;
        usize::try_from(result).map_err(|_| Errno::ERANGE)
    }

    /// `aio_cancel(3)`: `AIO_CANCELED`, `AIO_NOTCANCELED` or `AIO_ALLDONE`.
    pub fn cancel(&self) -> nix::Result<i32> {
        // SAFETY: the control block lives for ever, and names the descriptor of its own request.
        Errno::result(unsafe { libc::aio_cancel((*self.control).aio_fildes, self.control) })
    }

    /// `aio_suspend(3)`: waits until the request is complete, for at most so long. Fails with EAGAIN
    /// if it is not.
    pub fn wait(&self, limit: std::time::Duration) -> nix::Result<()> {
        let list = [self.control.cast_const()];
        let time = nix::sys::time::TimeSpec::from_duration(limit);
        // SAFETY: the list and the timespec live across the call, and the control block for ever.
        Errno::result(unsafe {
            libc::aio_suspend(list.as_ptr(), 1, std::ptr::from_ref(time.as_ref()))
        })
        .map(drop)
    }

    /// The first bytes of the buffer, as they are now.
    pub fn buffer(&self, length: usize) -> Vec<u8> {
        self.buffer.iter().take(length).map(|byte| byte.load(Ordering::SeqCst)).collect()
    }
}
