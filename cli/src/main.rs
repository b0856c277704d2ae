//! tmp
fn main() {
    harness::entry();
    for case in cases::catalogue() {
        let start = std::time::Instant::now();
        let outcome = harness::isolate::run_case(case, harness::isolate::HandOver { timeout_scale: 1.0, cancel: None });
        println!("{} {:?} {:?}", case.id, start.elapsed(), outcome);
    }
}
