//! Documents in, generations of [`PolicySet`](crate::policy::PolicySet) out.
//!
//! [`load`] reads files once. [`Loader`] reads them again and again, and publishes a new set when they say something new;
//! [`Follower`] does so with what watches see in a cluster ([`Observed`]). A Secret that is gone breaks the policy that
//! names it at once; files that cannot be read as a whole, and a cluster that cannot be asked, leave the last good set in
//! force, and the [`Status`] says so. What documents name elsewhere is kept fresh beside it
//! ([`Elsewhere`]): roots in TUF repositories, keys in key management services, conditions at addresses. One that changes makes
//! a new set.
//!
//! This module never decides about an image, and never takes "could not be read" for "is not there".

mod account;
mod clock;
mod elsewhere;
mod examine;
mod files;
mod follow;
mod keep;
mod keys;
mod load;
mod observed;
mod remotes;
mod root_report;
mod roots;
mod status;
#[cfg(test)]
mod tests;
mod watch;

pub use account::{Account, Became, Origin, PolicyAccount};
pub use elsewhere::Elsewhere;
pub use examine::{Examined, examine};
pub use files::{ReadError, TextFile, read};
pub use follow::{Follower, Rules, compile};
pub use keep::Keeping;
pub use keys::{KeyChanges, KeyReport, Keys};
pub(crate) use load::describe;
pub use load::{LoadError, Loaded, Note, Settings, load, load_all, load_all_by, load_dir};
pub use observed::{Documents, Observed, Watched};
pub use remotes::{RemoteChanges, Remotes};
pub use root_report::RootReport;
pub use roots::{KeptRoot, RootChanges, Roots};
pub use status::Status;
pub use watch::Loader;
