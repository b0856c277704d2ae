//! accept: a connection is made by the kernel and waits in the listener's queue until somebody
//! takes it. The queue has an order, a limit, and an end.

mod address;
mod dead;
mod descriptor;
mod errors;
mod inherited;
mod queue;
mod waiters;
