//! The therapy practice: four modules that know nothing of each other but their contracts, put together and running on a store
//! in memory. [`tell`] plays what happens to them; the binary prints it.

mod composition;
mod line;
mod post;
mod practice;
mod story;

pub use composition::{Outside, application, grants, modules};
pub use line::Line;
pub use post::Post;
pub use practice::{Practice, people};
pub use story::tell;
