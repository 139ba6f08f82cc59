//! Layered settings: defaults, file, environment, flags; an unknown key is an error.
