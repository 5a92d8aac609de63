use std::io::ErrorKind;
use std::time::Instant;

use tokio::net::TcpStream;

use super::*;

/// What a client saw.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    answered: usize,
    /// Requests on a connection that had answered before, and got no answer.
    failed: usize,
    /// First requests on a connection that the kernel made in the instant in which the socket closed.
    at_the_edge: usize,
}

/// Asks over kept-alive connections, about 200 times a second, until no connection can be made.
///
/// A connection that fails or is seen closed before a request is written to it may be replaced.
async fn load(address: SocketAddr) -> Seen {
    let mut seen = Seen::default();
    loop {
        let mut stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return seen,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => continue,
            Err(error) => panic!("{error}"),
        };
        let mut fresh = true;
        while !is_closed(&stream) {
            match ask(&mut stream, "/").await {
                Some(_) => seen.answered += 1,
                None if fresh && TcpStream::connect(address).await.is_err() => seen.at_the_edge += 1,
                None => seen.failed += 1,
            }
            fresh = false;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn is_closed(stream: &TcpStream) -> bool {
    !matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r28_fifty_shutdowns_under_keep_alive_load_fail_no_request() {
    let (mut all, mut edge) = (0, 0);
    for cycle in 0..50_u64 {
        let drain_delay = Duration::from_millis(if cycle % 2 == 0 { 0 } else { 20 });
        let server = start(&ServerOptions { drain_delay, ..options() }).await;
        let clients: Vec<_> = (0..6).map(|_| tokio::spawn(load(server.address))).collect();
        tokio::time::sleep(Duration::from_millis(20 + cycle)).await;
        let begun = Instant::now();
        server.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        for client in clients {
            let seen = client.await.unwrap();
            assert_eq!(seen.failed, 0, "cycle {cycle}: {seen:?}");
            all += seen.answered;
            edge += seen.at_the_edge;
        }
    }
    assert!(all > 1_000, "{all} requests");
    assert!(edge <= 2, "{edge} connections were reset at the edge: the kernel's queue is not emptied");
}

#[tokio::test]
async fn readiness_goes_first_and_requests_in_flight_end() {
    let server = start(&ServerOptions { drain_delay: Duration::from_millis(200), ..options() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let Running { address, stop, ended, readiness } = server;
    assert!(readiness.is_ready());
    let (answer, late) = tokio::join!(ask(&mut stream, "/slow"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!readiness.is_ready());
        let mut late = TcpStream::connect(address).await.unwrap();
        ask(&mut late, "/").await
    });
    let answer = answer.unwrap();
    assert!(answer.ends_with("slow") && answer.contains("connection: close"), "{answer}");
    assert!(late.unwrap().contains("connection: close"), "still accepted, and told to go");
    ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_drain_has_an_end() {
    let server = start(&ServerOptions { drain: Duration::from_millis(100), ..options() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let asking = tokio::spawn(async move { ask(&mut stream, "/slow").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_millis(250), "{:?}", begun.elapsed());
    assert_eq!(asking.await.unwrap(), None);
}
