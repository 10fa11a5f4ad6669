//! AWS: who asks, and requests that are signed.

mod credentials;
mod instance;
mod settings;
mod sigv4;
mod sts;

pub(crate) use credentials::Source;
pub use settings::AwsSettings;
pub(crate) use sigv4::sign;

/// The domain of a region's services (<https://docs.aws.amazon.com/general/latest/gr/rande.html>).
pub(crate) fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}
