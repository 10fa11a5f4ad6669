//! Azure: who asks.

mod credentials;
mod settings;

pub(crate) use credentials::Source;
pub use settings::AzureSettings;
