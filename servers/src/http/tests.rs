//! The state machine, driven byte by byte.

use proptest::prelude::*;
use rstest::rstest;

use super::{Exchange, Wants};

/// Drives an exchange with `input` cut into pieces of the given lengths, over and over, and the
/// output taken in pieces of `taken` bytes. Returns all output, and what is wanted in the end.
fn drive(input: &[u8], cuts: &[usize], taken: usize) -> (Vec<u8>, Wants) {
    let mut exchange = Exchange::new();
    let (mut input, mut cuts, mut output) = (input, cuts.iter().cycle(), Vec::new());
    loop {
        match exchange.wants() {
            Wants::Process => exchange.process(),
            Wants::Write => {
                let count = exchange.output().len().min(taken);
                output.extend_from_slice(&exchange.output()[..count]);
                exchange.sent(count);
            }
            Wants::Read if !input.is_empty() => {
                let space = exchange.space();
                let cut = cuts.next().copied().unwrap_or(usize::MAX);
                let count = cut.min(space.len()).min(input.len());
                space[..count].copy_from_slice(&input[..count]);
                input = &input[count..];
                exchange.received(count);
            }
            wants => return (output, wants),
        }
    }
}

/// The status codes in `output`, which has no body that looks like a status line.
fn statuses(output: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(output);
    text.match_indices("HTTP/1.1 ").filter_map(|(at, _)| text[at + 9..][..3].parse().ok()).collect()
}

#[rstest]
#[case::plain("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[200], Wants::Read)]
#[case::line_feeds_alone("GET / HTTP/1.1\nHost: a\n\n", &[200], Wants::Read)]
#[case::empty_line_before("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", &[200], Wants::Read)]
#[case::query("GET /?a=b HTTP/1.1\r\nHost: a\r\n\r\n", &[200], Wants::Read)]
#[case::absolute("GET http://a/bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n", &[200], Wants::Read)]
#[case::absolute_without_path("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", &[200], Wants::Read)]
#[case::close("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", &[200], Wants::Linger)]
#[case::old("GET / HTTP/1.0\r\n\r\n", &[200], Wants::Linger)]
#[case::old_keep_alive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &[200], Wants::Read)]
#[case::two("GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n", &[200, 200], Wants::Read)]
#[case::behind_the_last("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", &[200], Wants::Linger)]
#[case::body_where_none_is_used("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", &[200], Wants::Read)]
#[case::length("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", &[200], Wants::Read)]
#[case::same_length_twice("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", &[200], Wants::Read)]
#[case::chunks("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n", &[200], Wants::Read)]
#[case::expectation("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", &[100], Wants::Read)]
#[case::expectation_without_body("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", &[200], Wants::Read)]
#[case::unknown("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", &[404], Wants::Read)]
#[case::too_many_bytes("GET /bytes/1073741825 HTTP/1.1\r\nHost: a\r\n\r\n", &[404], Wants::Read)]
#[case::too_much_work("GET /work/10000001 HTTP/1.1\r\nHost: a\r\n\r\n", &[404], Wants::Read)]
#[case::signed("GET /bytes/+1 HTTP/1.1\r\nHost: a\r\n\r\n", &[404], Wants::Read)]
#[case::method("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", &[405], Wants::Read)]
#[case::method_of_echo("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", &[405], Wants::Read)]
#[case::no_host("GET / HTTP/1.1\r\n\r\n", &[400], Wants::Linger)]
#[case::two_hosts("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &[400], Wants::Linger)]
#[case::nonsense("\0\0\0\0", &[400], Wants::Linger)]
#[case::space_before_colon("GET / HTTP/1.1\r\nHost : a\r\n\r\n", &[400], Wants::Linger)]
#[case::folded_field("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", &[400], Wants::Linger)]
#[case::lengths_that_differ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", &[400], Wants::Linger)]
#[case::signed_length("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", &[400], Wants::Linger)]
#[case::length_and_chunks("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[400], Wants::Linger)]
#[case::bad_chunk_size("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", &[400], Wants::Linger)]
#[case::bad_chunk_end("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", &[400], Wants::Linger)]
#[case::too_long("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", &[413], Wants::Linger)]
#[case::absurdly_long("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", &[413], Wants::Linger)]
#[case::too_long_a_chunk("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", &[413], Wants::Linger)]
#[case::coding("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", &[501], Wants::Linger)]
#[case::version("GET / HTTP/2.0\r\nHost: a\r\n\r\n", &[505], Wants::Linger)]
fn a_request_gets_its_status(
    #[case] input: &str,
    #[case] expected: &[u16],
    #[case] then: Wants,
    #[values(1, usize::MAX)] cut: usize,
) {
    let (output, wants) = drive(input.as_bytes(), &[cut], usize::MAX);
    assert_eq!(statuses(&output), expected);
    assert_eq!(wants, then);
}

#[test]
fn a_head_that_does_not_end_is_refused() {
    let head = [b"GET / HTTP/1.1\r\nHost: a\r\nA: ".as_slice(), &[b'a'; 16 * 1024]].concat();
    let (output, wants) = drive(&head, &[usize::MAX], usize::MAX);
    assert_eq!((statuses(&output), wants), (vec![431], Wants::Linger));

    let fields = "A: b\r\n".repeat(65);
    let (output, wants) =
        drive(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(), &[99], usize::MAX);
    assert_eq!((statuses(&output), wants), (vec![431], Wants::Linger));
}

#[test]
fn nothing_is_parsed_while_output_waits() {
    let mut exchange = Exchange::new();
    let input = b"GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    exchange.space()[..input.len()].copy_from_slice(input);
    exchange.received(input.len());
    exchange.process();
    assert_eq!(exchange.wants(), Wants::Write);
    assert!(exchange.output().len() <= 64 * 1024, "no more than the window is made ahead");
}

#[test]
fn a_client_that_ends_in_the_middle_gets_nothing() {
    let mut exchange = Exchange::new();
    exchange.space()[..3].copy_from_slice(b"GET");
    exchange.received(3);
    exchange.received(0);
    assert_eq!(exchange.wants(), Wants::Close);
}

#[test]
fn a_client_that_ends_behind_its_request_gets_its_reply() {
    let mut exchange = Exchange::new();
    let input = b"GET /bytes/100000 HTTP/1.1\r\nHost: a\r\n\r\n";
    exchange.space()[..input.len()].copy_from_slice(input);
    exchange.received(input.len());
    exchange.process();
    let mut length = 0;
    while exchange.wants() == Wants::Write {
        length += exchange.output().len();
        exchange.sent(exchange.output().len());
        if length == exchange.output().len() {
            exchange.received(0);
        }
    }
    assert!(length > 100_000);
    assert_eq!(exchange.wants(), Wants::Read);
    exchange.received(0);
    assert_eq!(exchange.wants(), Wants::Close);
}

#[test]
fn what_is_behind_the_last_reply_is_thrown_away() {
    let mut exchange = Exchange::new();
    let space = exchange.space();
    let request = b"GET / HTTP/1.0\r\n\r\n";
    space[..request.len()].copy_from_slice(request);
    let count = space.len();
    exchange.received(count);
    exchange.process();
    exchange.sent(exchange.output().len());
    for _ in 0..100 {
        assert_eq!(exchange.wants(), Wants::Linger);
        let count = exchange.space().len();
        assert!(count > 0, "there is always space");
        exchange.received(count);
    }
    exchange.received(0);
    assert_eq!(exchange.wants(), Wants::Close);
}

/// Requests whose replies are of all kinds and sizes.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(prop::num::u8::ANY, 0..3000);
    let request = prop_oneof![
        Just(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        Just(b"HEAD /bytes/9 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        Just(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        (0..200_000_u32).prop_map(|length| {
            format!("GET /bytes/{length} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
        }),
        body.clone().prop_map(|body| {
            let head =
                format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body].concat()
        }),
        prop::collection::vec(body, 0..4).prop_map(|chunks| {
            let mut request =
                b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                request.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                request.extend(chunk);
                request.extend(b"\r\n");
            }
            request.extend(b"0\r\n\r\n");
            request
        }),
        Just(b"GET / HTTP/1.0\r\n\r\n".to_vec()),
        Just(b"nonsense\r\n\r\n".to_vec()),
    ];
    prop::collection::vec(request, 1..8).prop_map(|requests| requests.concat())
}

proptest! {
    #[test]
    fn nothing_that_is_sent_breaks_it(
        pieces in prop::collection::vec(prop_oneof![
            prop::collection::vec(prop::num::u8::ANY, 0..40),
            requests(),
            Just(b"POST /echo HTTP/1.1\r\nHost: a\r\n".to_vec()),
            Just(b"Transfer-Encoding: chunked\r\n\r\n".to_vec()),
            Just(b"Content-Length: 7\r\n\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
        ], 0..10),
        cut in 1..100_usize,
    ) {
        let (output, wants) = drive(&pieces.concat(), &[cut], usize::MAX);
        prop_assert!(matches!(wants, Wants::Read | Wants::Linger));
        prop_assert!(output.is_empty() || output.starts_with(b"HTTP/1.1 "));
    }

    #[test]
    fn replies_do_not_depend_on_the_cuts(
        input in requests(),
        cuts in prop::collection::vec(1..5000_usize, 1..20),
        taken in 1..100_000_usize,
    ) {
        let whole = drive(&input, &[usize::MAX], usize::MAX);
        let cut = drive(&input, &cuts, taken);
        // Not by assert_eq: megabytes would be printed.
        prop_assert!(whole == cut);
    }
}
