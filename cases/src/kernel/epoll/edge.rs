//! Edge-triggered registrations.

use harness::prelude::*;

/// An edge-triggered descriptor with unread data is not reported again until more data arrives.
#[case(man = ["epoll(7), Level-triggered and edge-triggered"], since = "2.6.0", strength = Documented)]
fn silent_until_new_data(t: &mut Trial) -> Result {
    let (mut writer, mut reader) = UnixStream::pair()?;
    let epoll = Epoll::watching(&reader, EPOLLIN | EPOLLET)?;

    writer.write_all(b"ab")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the arrival is reported once");
    reader.read_exact(&mut [0])?;
    check!(t, epoll.ready_now()? == [], "one byte is left unread, and nothing is reported");
    writer.write_all(b"c")?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "new data is a new edge");
    Ok(())
}
