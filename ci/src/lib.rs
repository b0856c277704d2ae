//! The same cases on many kernels: where kernels come from.

pub mod kernels;
