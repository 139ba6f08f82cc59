use std::{error::Error, io};

use therapy_session::{Practice, tell};

/// Plays the story and prints it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut practice = Practice::open().await?;
    tell(&mut practice, &mut io::stdout().lock()).await
}
