//! The ceilings of custom resources that name images.

/// Kinds of custom resources that may be configured. Scope: program; it does not start.
pub const WORKLOAD_KINDS: usize = 64;

/// Paths to images of one such kind, and its versions. Scope: program; it does not start.
pub const WORKLOAD_KIND_PATHS: usize = 32;

/// Bytes of the file with these kinds. Scope: program; it does not start.
pub const WORKLOAD_KINDS_FILE_BYTES: usize = 1 << 20;

/// Bytes of a group of the API. Scope: program; it does not start. Kubernetes' own ceiling, as the next.
pub const GROUP_BYTES: usize = 253;

/// Bytes of a label of a name: a version, a kind, a resource. Scope: program; it does not start.
pub const LABEL_BYTES: usize = 63;

/// Bytes of a pointer to a place in a custom resource, or of a path to several. Scope: request, and denied; of a path:
/// program, and it does not start. What is denied has names of a thousand bytes on the way to an image.
pub const POINTER_BYTES: usize = 1024;

/// Parts of a path to places in custom resources. Scope: program; it does not start. Those in use have up to seven.
pub const POINTER_PARTS: usize = 32;

/// Places of one custom resource to which its paths lead, pod specs and fields together. Scope: request; denied. Each pod
/// spec may name several images, and [`super::IMAGES_PER_REQUEST`] holds for all.
pub const PLACES_PER_OBJECT: usize = 1024;
