use kernel::Error;
use tokio::time::Sleep;
use tower::{Layer, retry::Policy};

use super::{Attempts, Retry};

impl<S> Layer<S> for Retry {
    type Service = tower::retry::Retry<Attempts, S>;

    fn layer(&self, inner: S) -> Self::Service {
        tower::retry::Retry::new(self.attempts(), inner)
    }
}

impl<R: Clone, T> Policy<R, T, Error> for Attempts {
    type Future = Sleep;

    fn retry(&mut self, _: &mut R, result: &mut Result<T, Error>) -> Option<Sleep> {
        match result {
            Ok(_) => {
                self.succeeded();
                None
            }
            Err(error) => self.after(error).ok().map(tokio::time::sleep),
        }
    }

    fn clone_request(&mut self, request: &R) -> Option<R> {
        Some(request.clone())
    }
}
