//! `select`: three sets of descriptor numbers, overwritten by each call with what is ready.

mod sets;
mod timeout;
