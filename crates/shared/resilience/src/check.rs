use kernel::{Error, FieldError};

/// Collects what is wrong with some options, so that all of it is told at once.
#[derive(Default)]
pub(crate) struct Check(Vec<FieldError>);

impl Check {
    pub(crate) fn require(&mut self, holds: bool, pointer: &str, message: &str) {
        if !holds {
            self.0.push(FieldError { pointer: pointer.into(), message: message.into() });
        }
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::invalid_fields(self.0)) }
    }
}
