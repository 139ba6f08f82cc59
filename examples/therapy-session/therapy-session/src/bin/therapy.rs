//! The practice as a program: the verbs of `borough` over its modules, `therapy serve` and all others. Its mail goes into a folder.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use async_trait::async_trait;
use configurations::Product;
use kernel::{Error, ErrorKind};
use module::Module;
use notifications::{Mail, Message};
use therapy_session::{Outside, people};

fn main() -> ExitCode {
    let product = Product {
        name: "therapy",
        about: "A practice for therapy: sessions, messages and bills",
        version: env!("CARGO_PKG_VERSION"),
        logged: &["billing", "mental_health", "notifications", "therapy", "therapy_session", "users"],
        modules,
    };
    configurations::main(product, std::env::args_os())
}

fn modules() -> Vec<Module> {
    therapy_session::modules(Outside { records: Arc::new(people()), mail: Arc::new(Folder) })
}

/// A file for each address, in `mail` below the present folder: what has none yet takes no mail.
struct Folder;

#[async_trait]
impl Mail for Folder {
    async fn send(&self, message: Message) -> Result<(), Error> {
        put(&message).map_err(|cause| {
            let hint = if cause.kind() == io::ErrorKind::NotFound { ": make it" } else { "" };
            let message = format!("the mail for {} cannot be put into the folder `mail` ({cause}){hint}", message.to);
            Error::new(ErrorKind::Unavailable, message)
        })?;
        tracing::info!(message.to, "put into the folder");
        Ok(())
    }
}

fn put(Message { id, to, subject, text }: &Message) -> io::Result<()> {
    // An address may look like a path.
    let name = Path::new(to).file_name().filter(|name| *name == to.as_str());
    let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a file"))?;
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(Path::new("mail").join(name))?;
    let line = format!("{id} {subject}: {text}").replace('\n', " ");
    let sent = io::read_to_string(&file)?;
    if !sent.lines().any(|line| line.split(' ').next() == Some(id.as_str())) {
        writeln!(file, "{line}")?;
    }
    Ok(())
}
