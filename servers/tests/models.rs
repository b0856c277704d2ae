//! The same checks for every model, from outside: this program started again is the server.
fn main() {
    servers::entry();
}
