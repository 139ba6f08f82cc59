//! The story that the binary prints.

use therapy_session::{Practice, tell};

/// What the README shows is what is told.
#[tokio::test(start_paused = true)]
async fn the_story_is_told_as_the_readme_shows_it() {
    let mut told = Vec::new();
    tell(&mut Practice::open().await.unwrap(), &mut told).await.unwrap();
    let told = String::from_utf8(told).unwrap();
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&told), "README.md shows something else than\n{told}");
}
