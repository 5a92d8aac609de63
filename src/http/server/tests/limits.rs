use std::time::Instant;

use tokio::net::TcpStream;

use super::*;

/// How long the server leaves the connection open, with what it says before.
async fn until_closed(stream: &mut TcpStream) -> (Duration, String) {
    let begun = Instant::now();
    let mut said = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut said)).await.expect("it is closed");
    (begun.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

fn hasty() -> ServerOptions {
    ServerOptions { header_timeout: Duration::from_millis(400), ..options() }
}

#[tokio::test]
async fn keep_alive_and_the_peer_address() {
    let server = start(&options()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        let answer = ask(&mut stream, "/").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    assert!(ask(&mut stream, "/nowhere").await.unwrap().starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn r35_silent_first_byte_and_slow_header_clients_are_closed() {
    let server = start(&hasty()).await;
    for (first, more) in
        [("", ""), ("P", ""), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""), ("GET / HTTP/1.1\r\n", "a: b\r\n")]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let (mut reading, mut writing) = stream.split();
        let drip = async {
            while !more.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if writing.write_all(more.as_bytes()).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut sink = Vec::new();
        tokio::select! {
            () = drip => (),
            _ = reading.read_to_end(&mut sink) => (),
            () = tokio::time::sleep(Duration::from_secs(10)) => (),
        }
        let took = begun.elapsed();
        assert!((300..3_000).contains(&took.as_millis()), "{first:?} {took:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let server = start(&hasty()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    assert!(ask(&mut stream, "/").await.is_some());
    let (took, said) = until_closed(&mut stream).await;
    assert!((300..3_000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(said, "");
}

#[tokio::test]
async fn a_slow_handler_outlives_the_header_timeout() {
    let server = start(&ServerOptions { header_timeout: Duration::from_millis(100), ..options() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    assert!(ask(&mut stream, "/slow").await.unwrap().ends_with("slow"));
}

#[tokio::test]
async fn oversize_headers_and_targets() {
    let server = start(&options()).await;
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "x".repeat(70_000)), "431"),
        (format!("GET / HTTP/1.1\r\nhost: t\r\n{}\r\n", "x: y\r\n".repeat(120)), "431"),
        (format!("GET /?{} HTTP/1.1\r\nhost: t\r\n\r\n", "x".repeat(17_000)), "414"),
        (format!("GET /?{} HTTP/1.1\r\nhost: t\r\n\r\n", "x".repeat(16_000)), "200"),
        (format!("GET / HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "x".repeat(60_000)), "200"),
        ("GET / HTTP/1.1\r\nbad header\r\n\r\n".to_owned(), "400"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await.unwrap_or_default();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
}

#[tokio::test]
async fn who_does_not_read_the_answer_is_cut() {
    let server = start(&ServerOptions { request_timeout: Duration::from_millis(300), ..options() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut read = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut read)).await.expect("it ends");
    assert!(read.len() < 32 * 1024 * 1024, "{}", read.len());
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let server = start(&ServerOptions { max_connections: 1, ..options() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    assert!(ask(&mut first, "/").await.is_some());
    let mut second = TcpStream::connect(server.address).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(200), ask(&mut second, "/")).await;
    assert!(waiting.is_err(), "the second waits");
    drop(first);
    assert!(read_answer(&mut second).await.is_some());
}

#[tokio::test]
async fn item_145_nothing_is_smuggled_behind_two_lengths() {
    let server = start(&options()).await;
    for lengths in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding : chunked\r\n",
        "content-length: +5\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let hidden = "GET /large HTTP/1.1\r\nhost: t\r\n\r\n";
        let request = format!("POST / HTTP/1.1\r\nhost: t\r\n{lengths}\r\n0\r\n\r\n{hidden}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (_, said) = until_closed(&mut stream).await;
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{lengths}: {said}");
        assert!(said.starts_with("HTTP/1.1 40"), "{lengths}: {said}");
    }
}
