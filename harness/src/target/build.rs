//! A target in the tests of its own project, told word by word.

use super::{Command, File, SignalName, Start, Target};
use crate::dialect::Dialect;

impl Target {
    /// A program with its arguments, for `env!("CARGO_BIN_EXE_my-server")`: it speaks HTTP, is
    /// stopped by SIGTERM, and has one worker, unless more is said. In arguments, `{addr} {host}
    /// {port} {unix} {dir} {workers}` are filled in; a server that is told by none of them where
    /// to listen is looked for where it does.
    ///
    /// ```
    /// use harness::dialect::Http;
    /// use harness::target::Target;
    ///
    /// let server = Target::bin("target/debug/my-server", ["--listen", "{addr}"])
    ///     .dialect(Http::default().big("/big").echo("/echo"))
    ///     .workers(4)
    ///     .reload("HUP");
    /// assert_eq!(server.name, "my-server");
    /// ```
    pub fn bin<A: Into<String>>(
        program: impl Into<String>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Target {
        let program = std::iter::once(program.into());
        let argv = program.chain(arguments.into_iter().map(Into::into)).collect();
        Target::command(argv, Dialect::http(), 1)
    }

    /// What it speaks, and where it has what a case may wish for.
    #[must_use]
    pub fn dialect(self, dialect: impl Into<Dialect>) -> Target {
        Target { dialect: dialect.into(), ..self }
    }

    /// How many workers it has, or is told to have by `{workers}`.
    #[must_use]
    pub fn workers(self, workers: usize) -> Target {
        Target { workers, ..self }
    }

    /// How many connections it holds at once, where that is limited.
    #[must_use]
    pub fn connections(self, most: usize) -> Target {
        Target { connections: Some(most), ..self }
    }

    /// The signal that ends it in order, by name (`"TERM"`, `"SIGQUIT"`). Panics if there is no
    /// such signal.
    #[must_use]
    #[track_caller]
    pub fn stop(self, signal: &str) -> Target {
        Target { stop: named(signal), ..self }
    }

    /// The signal that makes it read its configuration anew, by name. Panics if there is no such
    /// signal.
    #[must_use]
    #[track_caller]
    pub fn reload(self, signal: &str) -> Target {
        Target { reload: Some(named(signal)), ..self }
    }

    /// A variable of its environment, with the placeholders of an argument.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Target {
        if let Start::Command(Command { environment, .. }) = &mut self.start {
            environment.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// A file below `{dir}`, an empty folder made for each trial, with the placeholders of an
    /// argument in its text.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Target {
        if let Start::Command(Command { files, .. }) = &mut self.start {
            files.push(File { name: name.to_owned(), text: text.to_owned(), size: None });
        }
        self
    }
}

#[track_caller]
fn named(signal: &str) -> SignalName {
    signal.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Http;

    #[test]
    fn what_is_told_is_kept() {
        let target = Target::bin("/x/server", ["{addr}"])
            .dialect(Http::default().big("/big"))
            .workers(3)
            .connections(100)
            .stop("QUIT")
            .reload("sighup")
            .env("THREADS", "{workers}")
            .file("conf", "listen {addr}");
        let Start::Command(command) = &target.start else { panic!("{target:?}") };
        assert_eq!(command.argv, ["/x/server", "{addr}"]);
        assert_eq!(command.environment["THREADS"], "{workers}");
        assert_eq!(command.files[0].text, "listen {addr}");
        assert_eq!((&*target.name, target.workers), ("server", 3));
        assert_eq!(target.connections, Some(100));
        assert_eq!(target.stop, named("QUIT"));
        assert_eq!(target.reload, Some(named("HUP")));
        assert!(
            matches!(target.dialect, Dialect::Http(Http { big: Some(path), .. }) if path == "/big")
        );
    }

    #[test]
    #[should_panic(expected = "there is no signal `HOP`")]
    fn a_signal_that_is_none_is_refused() {
        let _ = Target::bin("server", ["{addr}"]).reload("HOP");
    }
}
