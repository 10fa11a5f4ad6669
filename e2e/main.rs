//! The end-to-end tests on the real components.
