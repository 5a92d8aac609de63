use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that gives each connection this text, and then hangs if told to.
async fn server(reply: Vec<u8>, hangs: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let reply = reply.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4_096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&reply).await;
                if hangs {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    format!("http://{address}")
}

fn outbound() -> Outbound {
    Outbound::new(&Settings { allowed_private_hosts: vec!["127.0.0.1".to_owned()], ..Settings::default() }).unwrap()
}

#[tokio::test]
async fn an_answer_of_any_status_is_an_answer_and_redirects_are_not_followed() {
    let url = server(
        b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-type: Text/Plain; charset=x\r\ncontent-length: 2\r\n\r\nhi".to_vec(),
        false,
    )
    .await;
    let reply = outbound().send(Call::get(&url)).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.media_type().as_str(), &reply.body[..]), (302, "text/plain", &b"hi"[..]));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_by_size_and_a_slow_one_by_time() {
    let announced = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n".to_vec(), true).await;
    assert_eq!(outbound().send(Call::get(&announced)).await.unwrap_err(), OutboundError::TooLarge(LARGEST));
    let mut endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    endless.extend_from_slice(format!("{:x}\r\n", LARGEST + 1).as_bytes());
    endless.extend(std::iter::repeat_n(b'x', LARGEST + 1));
    let endless = server(endless, true).await;
    assert_eq!(outbound().send(Call::get(&endless)).await.unwrap_err(), OutboundError::TooLarge(LARGEST));
    let slow = server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".to_vec(), true).await;
    let call = Call::get(&slow).patience(Duration::from_millis(100));
    assert_eq!(outbound().send(call).await.unwrap_err(), OutboundError::TimedOut);
}

#[tokio::test]
async fn private_hosts_are_reached_only_where_allowed() {
    let url = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), false).await;
    assert!(outbound().send(Call::post_form(&url, [("a", "b")])).await.is_ok());
    let strict = Outbound::new(&Settings::default()).unwrap();
    assert_eq!(strict.send(Call::get(&url)).await.unwrap_err(), OutboundError::Url);
    let secure = url.replace("http:", "https:");
    assert_eq!(strict.send(Call::get(&secure)).await.unwrap_err(), OutboundError::Private);
    let named = secure.replace("127.0.0.1", "localhost");
    assert_eq!(strict.send(Call::get(&named)).await.unwrap_err(), OutboundError::Private);
}

#[tokio::test]
async fn an_error_names_no_secret_of_the_call() {
    let call = Call::get("http://127.0.0.1:1/?code=secret").authorization("Bearer secret".to_owned());
    assert!(!format!("{call:?}").contains("Bearer"));
    let error = outbound().send(call).await.unwrap_err();
    assert!(matches!(&error, OutboundError::Unreachable(_)) && !error.to_string().contains("secret"), "{error}");
}

#[test]
fn what_a_cache_control_says() {
    let seconds = |text| lifetime(text).map(|life| life.as_secs());
    for text in ["no-store", "no-cache", "private, No-Store", "max-age=60, must-revalidate,no-cache"] {
        assert_eq!(seconds(text), Some(0), "{text}");
    }
    assert_eq!(seconds("public, max-age=22801, must-revalidate"), Some(22_801));
    assert_eq!(seconds("Max-Age=\"5\""), Some(5));
    for text in ["", "public", "max-age", "max-age=-1", "max-age=soon", "s-maxage=5"] {
        assert_eq!(seconds(text), None, "{text}");
    }
}
