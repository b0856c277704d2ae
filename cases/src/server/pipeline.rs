//! Several requests at once. A client may send the next request before it has the reply to the last
//! one. All of them arrive in one piece, and the kernel tells of that piece once: a server that
//! stops after the first few, to be fair to others, has the rest in a buffer of its own, of which
//! nobody will ever tell it.

use harness::prelude::*;

/// Requests that arrive together are all answered, in order, without a further byte from the
/// client.
#[case(
    rfc = ["RFC 9112, 9.3.2"],
    incident = ["memcached issue 61", "memcached a21f819a1", "memcached 96e05b75f", "nginx 24f18aea8"],
    strength = Must,
)]
fn all_answered(t: &mut Trial) -> Result {
    let server = t.server()?;
    let mut together = 0;
    for count in [1, 2, 3, 4, 7, 8, 15, 16, 17, 21, 32, 64, 100, 128, 256] {
        let exchanges: Vec<_> = (0..count).map(|_| server.small()).collect::<Result<_>>()?;
        let requests: Vec<_> = exchanges.iter().map(|exchange| &*exchange.request).collect();
        let mut client = server.connect(t)?;
        client.send(t, &requests.concat())?;
        for (index, exchange) in exchanges.iter().enumerate() {
            let reply = client.reply(t, exchange)?;
            // A server may end a connection between two replies; its client asks again then.
            if index > 0 && matches!(reply, Reply::Closed { received: 0, .. }) {
                break;
            }
            check!(t, reply == Reply::Whole, "each of the requests that came together is answered");
            together = together.max(index + 1);
        }
    }
    if together == 1 {
        return Err(Stop::Unsupported("it ends a connection after one reply".to_owned()));
    }
    t.measure("requests answered that came together, at most", together as f64)
}
