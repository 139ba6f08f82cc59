#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Open;

impl kernel::Request for Open {
    type Response = ();
    const NAME: &'static str = "door.open";
    const KIND: kernel::RequestKind = kernel::RequestKind::Command;
}

fn main() {}
