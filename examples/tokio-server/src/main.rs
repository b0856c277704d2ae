//! A small HTTP/1.1 server on tokio: `tokio-server ADDRESS`.
//!
//! `GET /` says hello, `GET /big` sends 5 MiB, `GET /slow/MICROS` takes so long, and `POST /echo`
//! sends the body back. What ioconform asks of a server stands at the places marked `case:`.

mod http;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use http::{Reply, Request};

/// How long a client may take to send a request or to take a reply, or may idle between two.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the server waits for its clients once it was told to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long it does not accept after it ran out of descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&address).await?;
    let mut told_to_stop = signal(SignalKind::terminate())?;
    // Says to every connection that the server stops, and tells when the last of them is gone.
    let (stop, stopping) = watch::channel(false);
    let (alive, mut last_gone) = mpsc::channel::<()>(1);
    let serve = |stream| {
        let (stopping, alive) = (stopping.clone(), alive.clone());
        tokio::spawn(async move {
            let _ = serve(stream, stopping).await;
            drop(alive);
        })
    };
    loop {
        tokio::select! {
            stream = accept(&listener) => drop(serve(stream)),
            _ = told_to_stop.recv() => break,
        }
    }
    // case: shutdown.queued_resolved. Who has connected already is served; who comes now is not.
    let listener = listener.into_std()?;
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        serve(TcpStream::from_std(stream)?);
    }
    drop(listener);
    stop.send_replace(true);
    drop(alive);
    let _ = timeout(GRACE, last_gone.recv()).await;
    Ok(())
}

/// The next connection, however long it takes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The client was quicker to go than the server to accept: no reason to stop.
            // case: accept.reset_before_accept.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of descriptors or memory: the connection stays in the queue, and asking for it
            // again at once would spin. case: accept.emfile_no_spin.
            Err(error) => {
                eprintln!("accept: {error}");
                sleep(BACK_OFF).await;
            }
        }
    }
}

/// Serves a connection until either side ends it.
async fn serve(mut stream: TcpStream, mut stopping: watch::Receiver<bool>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    let mut idle = false;
    loop {
        let request = match next(&mut stream, &mut received, &mut stopping, idle).await? {
            Next::Request(request) => request,
            Next::End => return Ok(()),
            Next::Bad(reply) => {
                send(&mut stream, &reply.bytes(false, true)).await?;
                return part(stream).await;
            }
        };
        let last = request.last || *stopping.borrow();
        let reply = respond(&request).await;
        send(&mut stream, &reply.bytes(request.head_only, last)).await?;
        if last {
            return part(stream).await;
        }
        idle = true;
    }
}

/// What a connection comes to next.
enum Next {
    Request(Request),
    Bad(Reply),
    End,
}

/// Receives until there is a whole request. A client that has shut down its sending direction
/// still gets the replies to all that it sent: only when nothing is left of that, its end is the
/// connection's. case: halfclose.reply_delivered.
async fn next(
    stream: &mut TcpStream,
    received: &mut Vec<u8>,
    stopping: &mut watch::Receiver<bool>,
    idle: bool,
) -> io::Result<Next> {
    loop {
        match Request::take(received) {
            Ok(Some(request)) => return Ok(Next::Request(request)),
            Ok(None) => {}
            Err(reply) => return Ok(Next::Bad(reply)),
        }
        // Between two requests is the time to go.
        let may_go = idle && received.is_empty();
        let read = timeout(PATIENCE, stream.read_buf(received));
        let length = tokio::select! {
            biased;
            length = read => length.unwrap_or(Ok(0))?,
            _ = stopping.wait_for(|stop| *stop), if may_go => 0,
        };
        if length == 0 {
            return Ok(Next::End);
        }
    }
}

async fn respond(request: &Request) -> Reply {
    match (&*request.method, &*request.path) {
        ("GET" | "HEAD", "/") => Reply::new(200, "hello\n"),
        ("GET" | "HEAD", "/big") => Reply::new(200, vec![b'x'; 5 << 20]),
        ("POST", "/echo") => Reply::new(200, request.body.clone()),
        ("GET" | "HEAD", path) => match path.strip_prefix("/slow/").map(str::parse) {
            Some(Ok(micros)) => {
                sleep(Duration::from_micros(micros).min(PATIENCE)).await;
                Reply::new(200, "done\n")
            }
            _ => Reply::new(404, "not here\n"),
        },
        _ => Reply::new(405, "not so\n"),
    }
}

/// Sends all of it, unless the client does not take it. case: slow.reader_isolated (each client
/// has a task of its own, and nobody waits for another's).
async fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(PATIENCE, stream.write_all(bytes)).await?
}

/// Ends a connection behind a last reply. To close with unread bytes would reset it, and a reset
/// destroys the reply on its way: so the server says that it is done, and drops what still comes
/// until the client is done too, or for a second. case: close.no_reset_with_unread.
async fn part(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut dropped = [0; 4096];
    let rest = async {
        while stream.read(&mut dropped).await? > 0 {}
        io::Result::Ok(())
    };
    timeout(Duration::from_secs(1), rest).await.unwrap_or(Ok(()))
}
