//! The two macros of ioconform: [`macro@case`] declares a case, [`macro@check`] decides its claim.
//!
//! Both are re-exported by `harness::prelude`; nothing else should name this crate.

mod case;
mod check;
mod text;

use proc_macro::TokenStream;

/// Declares a case. The id comes from the module path and the function's name, the claim from the
/// doc comment, and the case registers itself in the catalogue.
///
/// ```text
/// /// An edge-triggered descriptor with unread data is not reported again until more data arrives.
/// #[case(man = ["epoll(7), Level-triggered and edge-triggered"], since = "2.6.0", strength = Documented)]
/// fn silent_until_new_data(t: &mut Trial) -> Result { /* ... */ }
/// ```
///
/// | key | value | meaning |
/// |---|---|---|
/// | `man`, `rfc`, `posix`, `commit`, `kernel`, `incident` | list of strings | where the claim is stated, or the bug of a server that it comes from; one of them is required |
/// | `notes` | list of strings | the claims of the study notes (`S01`…) that the case decides |
/// | `strength` | `Documented`, `Implementation` or `Folklore`; of a server, `Must` or `Should` | required |
/// | `since` | `"5.1"` | the first upstream kernel that has the behaviour |
/// | `changed` | list of `(from, until, verdict, why)` | upstream kernels from `from` up to, but not including, `until` that end in another verdict; `""` leaves a side open |
/// | `except` | list of `(model, why)` | reference servers that by their nature cannot do it |
/// | `needs` | list of `Need` | what the machine must offer, found by probing |
/// | `alone` | no value | no other trial runs beside it (cost, CPU time) |
/// | `deadline` | seconds | instead of 30, or 60 for a case about a server |
///
/// A case without a source, without a strength or with an empty claim does not compile.
#[proc_macro_attribute]
pub fn case(arguments: TokenStream, item: TokenStream) -> TokenStream {
    case::expand(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Decides a claim: `check!(t, left == right, "what this shows")`.
///
/// The expression, the values of both sides of a comparison and the source line become evidence,
/// whether the check holds or not. A check that does not hold ends the trial as `deviates`.
/// The sentence takes format arguments, as in `format!`.
#[proc_macro]
pub fn check(input: TokenStream) -> TokenStream {
    check::expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
