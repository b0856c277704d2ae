//! POSIX asynchronous I/O: asked for now, done later, by a thread of the C library.

mod request;
