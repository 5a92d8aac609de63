use std::io::ErrorKind;
use std::time::Instant;

use tokio::net::TcpStream;

use super::*;

/// Asks without pause over kept-alive connections, until no connection can be made. Gives (answered, failed).
///
/// A connection seen closed before a request is written to it may be replaced; anything after that is a failure.
async fn load(address: SocketAddr) -> (usize, usize) {
    let (mut answered, mut failed) = (0, 0);
    loop {
        let mut stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return (answered, failed),
            Err(_) => {
                failed += 1;
                continue;
            }
        };
        while !is_closed(&stream) {
            let Some(answer) = ask(&mut stream, "/").await else {
                failed += 1;
                break;
            };
            answered += 1;
            if answer.contains("connection: close") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn is_closed(stream: &TcpStream) -> bool {
    !matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r28_fifty_shutdowns_under_keep_alive_load_fail_no_request() {
    let mut all = 0;
    for cycle in 0..50_u64 {
        let drain_delay = Duration::from_millis(if cycle % 2 == 0 { 0 } else { 20 });
        let server = start(&ServerOptions { drain_delay, ..options() }).await;
        let clients: Vec<_> = (0..6).map(|_| tokio::spawn(load(server.address))).collect();
        tokio::time::sleep(Duration::from_millis(20 + cycle)).await;
        let begun = Instant::now();
        server.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        for client in clients {
            let (answered, failed) = client.await.unwrap();
            assert_eq!(failed, 0, "cycle {cycle}, after {answered} answers");
            all += answered;
        }
    }
    assert!(all > 1_000, "{all} requests");
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
