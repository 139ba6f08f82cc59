//! A package that is configured: its section of the settings makes a client of something outside.

use std::sync::Arc;

use event_sourcing::Unit;
use kernel::{Access, Context, Error, Request, RequestKind};
use module::{Module, Options, assemble};
use request::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{Settings, Sources};

use crate::shop::infrastructure;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PostConfig {
    office: String,
    key: String,
}

/// Of something outside.
struct PostOffice {
    address: String,
}

struct Postman(Arc<PostOffice>);

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Whereto;

impl Request for Whereto {
    type Response = String;
    const NAME: &'static str = "post.whereto";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

impl Service<Whereto> for Postman {
    async fn execute(&self, _: &Context, _: &mut Unit, _: Whereto) -> Result<String, Error> {
        Ok(self.0.address.clone())
    }
}

fn post() -> Module {
    Module::new("post", "carries letters")
        .reads::<PostConfig>("post", "which office, and the key to it")
        .provides(|c| {
            let office =
                |config: Arc<PostConfig>| PostOffice { address: format!("{}?key={}", config.office, config.key) };
            c.singleton(office).singleton(Postman);
        })
        .serves::<Whereto, Postman>()
}

#[tokio::test]
async fn a_package_is_configured_by_its_section() {
    let settings = Settings::load(Sources {
        defaults: "[post]\noffice = 'main street'\nkey = ''",
        file: None.into(),
        environment: vec![("BOROUGH__POST__KEY".into(), "s3same".into())],
        flags: Vec::new(),
        open: &[],
    })
    .unwrap();
    let options = Options { settings: Some(settings), ..Options::default() };
    let mut application = assemble(vec![post()], infrastructure(), options).await.unwrap();
    application.start().await.unwrap();
    let asked = application.requests.ask(&testing::context(&[]), Whereto).await.unwrap();
    assert_eq!(asked, "main street?key=s3same");
}
