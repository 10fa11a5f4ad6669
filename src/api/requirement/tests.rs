//! What is written and what is compiled, as tables.
