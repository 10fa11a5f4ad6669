//! What others have signed, years ago.
