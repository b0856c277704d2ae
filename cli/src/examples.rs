//! What stands at the end of each `--help`: examples, and the exit status.

pub(crate) const EXAMPLES: &str = "\
Examples:
  ioconform run                                judge this kernel
  ioconform run 'epoll.*' --skip '*.exclusive.*'
  ioconform run -o json=now.json -o REPORT.md  and write reports
  ioconform run herd --repeat 200              is it steady?
  ioconform server --preset nginx              judge a server
  ioconform server -- ./my-server --listen {addr}
  ioconform claims S25                         what is true of what is said of servers
  ioconform explain herd                       what an area is about, and what its cases claim
  ioconform explain herd.blocking.threads      what a case claims, and how it is decided
  ioconform diff before.json now.json          what changed
  ioconform report a.json b.json -o both.html  results side by side, as a page

Exit status: 0 all as expected, 1 something unexpected, 2 usage, 3 could not judge,
4 nothing ran, 130 interrupted.";

pub(crate) const CLAIMS_EXAMPLES: &str = "\
Examples:
  ioconform claims                             every claim, decided anew on this kernel
  ioconform claims S25 S29                     two of them, with each case and what it claims
  ioconform claims S25 -v                      and with every check and its values
  ioconform claims -q                          only what is otherwise here
  ioconform run -E 'claim(S25)' --repeat 100   are the cases that decide it steady?

Exit status: 0 every claim is here as it is written, 1 one is otherwise, or a case ended
unexpectedly, 2 usage, 3 could not judge, 130 interrupted.";

pub(crate) const EXPLAIN_EXAMPLES: &str = "\
Examples:
  ioconform explain herd                       what the herd is, and what the cases of it claim
  ioconform explain epoll.edge                 the same of one topic
  ioconform explain herd.blocking.threads      one case: source, kernels, evidence, code
  ioconform explain 'herd.blocking.*'          each of several cases
  ioconform explain herd.blocking.threads --trace    run it, and show who calls, sleeps and wakes";

pub(crate) const SERVER_EXAMPLES: &str = "\
Examples:
  ioconform server -- ./my-server --listen {addr}
  ioconform server --dialect resp --reload HUP -- ./my-server {port}
  ioconform server 'accept.*' --preset nginx --preset haproxy --workers 4
  ioconform server --addr 127.0.0.1:8080 --pid 4711
  ioconform server --all-models -o json=models.json";

pub(crate) const BENCH_EXAMPLES: &str = "\
Examples:
  ioconform bench                              some models of every kind
  ioconform bench multi_reactor reuseport --preset nginx --against nginx
  ioconform bench multi_reactor -- ./my-server --listen {addr}
  ioconform bench --only short --rounds 10 -o json=bench.json -o svg=bench.svg
  ioconform bench --claim                      is SO_REUSEPORT best for short connections?

Servers are measured in turn, round by round. An interval that leaves out 1 says that two servers
differ; one that does not says that this machine did not tell them apart.

Exit status: 0 everything was measured, 2 usage, 3 something could not be measured, 130
interrupted.";

pub(crate) const MATRIX_EXAMPLES: &str = "\
Examples:
  ioconform matrix                             every kernel of `ioconform kernels list`
  ioconform matrix -o REPORT.md -o html=matrix.html
  ioconform matrix 'epoll.*' --kernel 5.10 --kernel 7.3 --kernel ./bzImage
  ioconform matrix --shard 1/8 -o json=part-1.json    a part; then: ioconform report part-*.json
  ioconform matrix --resume                    go on where an interrupted matrix ended

Exit status: 0 all as expected, 1 something unexpected, 2 usage, 3 a system could not be judged,
4 nothing ran, 130 interrupted.";

pub(crate) const VM_EXAMPLES: &str = "\
Examples:
  ioconform vm --kernel 5.10 -- ./my-test --verbose
  echo hello | ioconform vm --kernel ./bzImage -- cat
  cargo test --config ci/cargo-runner.toml     every test binary in a kernel

The program is taken along with the libraries that its ELF header asks for; no other file of this
machine is there. The exit status is the program's own; 3 if the kernel failed.";

pub(crate) const KERNELS_EXAMPLES: &str = "\
Examples:
  ioconform kernels list                       what there is, and what is here
  ioconform kernels fetch                      everything, about 500 MB
  ioconform kernels fetch 6.12 7.3-rt
  ioconform kernels rm 6.12
  ioconform kernels rm --all                   and what apt keeps for it

Packages come from the mirror of Debian's archive that apt uses on this machine, and are checked
with its keys; apt's own state is not touched. They are kept in $XDG_CACHE_HOME/ioconform.

Exit status: 0 everything is here, 2 usage, 3 something could not be had.";

pub(crate) const MUTANTS_EXAMPLES: &str = "\
Examples:
  ioconform mutants                            every mutant, on every case that it touches
  ioconform mutants --servers                  wrong servers alone
  ioconform mutants epoll -v                   those of an area, and what each case says
  ioconform mutants --case 'herd.*'            who catches whom among some cases
  ioconform mutants --list                     what is wrong with each
  ioconform mutants -o docs/power.md           and write it down

Exit status: 0 every mutant is caught, or survives for a reason that is known, 1 one survives
unnamed, a case accuses an older kernel, or a wrong server is caught by a case of which nobody
expects it, 2 usage, 3 trials cannot be traced here, 130 interrupted.

With --case and no ID mutants may survive: exit status 1 if a case about the kernel fails under none,
or one about servers does not catch what it must.";
