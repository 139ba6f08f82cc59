//! What is answered over HTTP.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use metrics::with_local_recorder;
use monitoring_prometheus::{Endpoint, Exporter, Probe};
use observability::{Bounds, Counter, Metric};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const SOLD: Metric<Counter> = Metric::counter("shop_sold_total", "Things sold", []);

pub async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_answers_metrics_and_how_the_process_is() {
    let (recorder, exporter) = Exporter::with_recorder(Bounds::default()).unwrap();
    with_local_recorder(&recorder, || SOLD.of([]).increment(7));
    let probe = Arc::new(Mutex::new(Probe { live: true, ready: false, reasons: vec!["an event waits".into()] }));
    let seen = Arc::clone(&probe);
    let look = move || seen.lock().unwrap().clone();
    let endpoint = Endpoint::bind((Ipv4Addr::LOCALHOST, 0).into(), exporter, look).await.unwrap();
    let address = endpoint.address();

    let metrics = get(address, "/metrics").await;
    assert!(metrics.starts_with("HTTP/1.0 200") && metrics.contains("text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("\n# TYPE shop_sold_total counter\nshop_sold_total 7\n"), "{metrics}");
    assert!(get(address, "/live").await.starts_with("HTTP/1.0 200"));
    let ready = get(address, "/ready").await;
    assert!(ready.starts_with("HTTP/1.0 503") && ready.contains("an event waits"), "{ready}");
    *probe.lock().unwrap() = Probe { live: false, ready: true, reasons: Vec::new() };
    assert!(get(address, "/ready").await.starts_with("HTTP/1.0 200"));
    assert!(get(address, "/live").await.starts_with("HTTP/1.0 503"));
    assert!(get(address, "/secrets").await.starts_with("HTTP/1.0 404"));

    drop(endpoint);
    // The task that held the port ends when the runtime comes round to it.
    tokio::task::yield_now().await;
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed with it");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let exporter = || Exporter::with_recorder(Bounds::default()).unwrap().1;
    let first = Endpoint::bind((Ipv4Addr::LOCALHOST, 0).into(), exporter(), Probe::default).await.unwrap();
    let second = Endpoint::bind(first.address(), exporter(), Probe::default).await.err().unwrap();
    let told = second.to_string();
    assert!(told.contains(&first.address().to_string()) && told.contains("monitoring.prometheus.address"), "{told}");
}
