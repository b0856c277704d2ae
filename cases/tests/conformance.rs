fn main() { harness::entry(); }
