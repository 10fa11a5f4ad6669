//! Google Cloud: who asks.

mod credentials;
mod external;
mod service_account;
mod settings;

pub(crate) use credentials::Source;
pub use settings::GoogleSettings;
