//! The Kubernetes API, as the controller uses it.
//!
//! [`Watches`] follow policies, trust roots and the objects that they name, and show them all of one moment to the
//! [`loader`](crate::loader):
//!
//! ```text
//! CRDs ─▶ which version ─▶ ClusterImagePolicies, TrustRoots ─┐
//!                                       Secrets, ConfigMaps ─┴▶ documents ─▶ loader::Follower
//! ```
//!
//! [`PullSecrets`] are the credentials of workloads, read when a registry is asked.
//!
//! [`StatusWriter`] tells authors in the status of their policies what became of them; [`Election`] says which replica
//! does that for all.
//!
//! [`Events`] tell of refusals and warnings where `kubectl describe` shows them: on the owner of the refused workload, and on the policy.
//!
//! [`Records`] are the signing records of a namespace: read as chains, and added, never changed.
//!
//! [`CertificateKeeper`] makes and renews the webhook's certificate across replicas. [`Webhooks`] are the configurations by
//! which the API server asks: whom they believe, and whether they still ask about all that was installed; [`NamespaceCount`]
//! counts the namespaces that they are asked about, and the others.
//!
//! [`Pods`] are those that run, page by page. [`Answer`] is what a cluster would say to an image. [`Deletion`] is the end of it all: nobody is asked any more.
//!
//! Objects are read as the bytes that the API server sends, by the one strict reader of [`api`](crate::api), and never
//! logged: they may be Secrets. What could not be listed is never taken for empty, and a definition that is being deleted
//! takes no policy with it.
//!
//! This module never decides about an image, starts no task, and asks nothing on the way of a request whose credentials
//! are known.

mod access;
mod certificate;
mod clock;
mod definition;
mod election;
mod events;
mod hub;
mod kept;
mod namespaces;
mod object;
mod place;
mod pods;
mod probe;
mod pull_secrets;
mod question;
mod records;
mod source;
mod status;
mod trouble;
mod uninstall;
mod watcher;
mod watches;
mod webhooks;
mod wire;

pub use access::{Access, AccessError};
pub use certificate::{CertificateKeeper, CheckMade, MadeCertificate, Maker};
pub use election::{Election, Lead};
pub use events::{EventWriter, Events};
pub use namespaces::NamespaceCount;
pub use pods::{Asking, Pods, RunningPod};
pub use pull_secrets::PullSecrets;
pub use question::Answer;
pub use records::{Records, RecordsError};
pub use status::StatusWriter;
pub use trouble::Standing;
pub use uninstall::{Deletion, Release};
pub use watches::Watches;
pub use webhooks::{MatchCondition, WebhookAddress, WebhookWatch, Webhooks};
