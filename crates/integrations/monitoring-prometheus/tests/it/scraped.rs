//! The real Prometheus scrapes the endpoint, and answers what it has found there.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
};

use metrics::with_local_recorder;
use monitoring_prometheus::{Endpoint, Exporter, Probe};
use observability::{Bounds, Counter, Histogram, Label, Metric};
use testing::soon;
use tokio::sync::mpsc;

use crate::{endpoint::get, tools::program};

const SOLD: Metric<Counter, 1> = Metric::counter("shop_sold_total", "Things sold", [Label::open("shop")]);
const PACKING: Metric<Histogram> = Metric::seconds("shop_packing_seconds", "Time to pack a parcel", []);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn prometheus(target: SocketAddr, folder: &std::path::Path) -> (Running, SocketAddr) {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let settings = folder.join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: borough\n  static_configs:\n  - targets: ['{target}']\n"
    );
    fs::write(&settings, text).unwrap();
    let mut command = Command::new(program("prometheus"));
    command.arg(format!("--config.file={}", settings.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address={free}")).arg("--log.level=error").stdout(Stdio::null());
    (Running(command.spawn().unwrap()), free)
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_has_what_the_process_counted() {
    let (recorder, exporter) = Exporter::with_recorder(Bounds::default()).unwrap();
    with_local_recorder(&recorder, || {
        SOLD.of(["harbour"]).increment(41);
        PACKING.of([]).record(0.03);
    });
    let (scraped, mut scrapes) = mpsc::unbounded_channel();
    let look = move || {
        let _ = scraped.send(());
        Probe::default()
    };
    let endpoint = Endpoint::bind((Ipv4Addr::LOCALHOST, 0).into(), exporter, look).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_running, api) = prometheus(endpoint.address(), folder.path());
    // It scrapes a target again when it has stored what it found there before.
    for _ in 0..3 {
        soon("a scrape", scrapes.recv()).await.unwrap();
    }
    let ask = async |query: &str| soon("an answer", get(api, &format!("/api/v1/query?query={query}"))).await;
    let sold = ask("shop_sold_total").await;
    assert!(sold.contains(r#""shop":"harbour""#) && sold.contains(r#""41"]"#), "{sold}");
    let up = ask("up").await;
    assert!(up.contains(r#""1"]"#), "{up}");
    let packing = ask("histogram_quantile(0.5,shop_packing_seconds_bucket)").await;
    assert!(packing.contains(r#""value":["#), "{packing}");
}
