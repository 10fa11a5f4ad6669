//! What documents become, as tables.
