//! A stand-in for the command: `ioconform [PREFIX] [TIMES]`.
fn main() {
    harness::entry();
    let arguments: Vec<String> = std::env::args().collect();
    let prefix = arguments.get(1).cloned().unwrap_or_default();
    let times = arguments.get(2).and_then(|times| times.parse().ok()).unwrap_or(1);
    for case in cases::catalogue().into_iter().filter(|case| case.id.starts_with(&prefix)) {
        for _ in 0..times {
            let start = std::time::Instant::now();
            let hand_over = harness::isolate::HandOver { timeout_scale: 1.0, cancel: None };
            match harness::isolate::run_case(case, hand_over) {
                Ok(outcome) if times == 1 => {
                    println!("{} {:?} {:?} {} {:#?}", case.id, start.elapsed(), outcome.verdict, outcome.reason, outcome.evidence);
                }
                Ok(outcome) => println!("{} {:?} {}", case.id, outcome.verdict, outcome.reason),
                Err(error) => println!("{} LOST {error}", case.id),
            }
        }
    }
}
