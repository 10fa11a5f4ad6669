//! Custom resources that name images, and how they come to be judged.
//!
//! Pods are always judged, whatever made them, and so are the workloads that every cluster has. A custom resource makes
//! Pods later, through its controller: whoever applies one is told of a refusal only by Events then. Where its kind is
//! configured, it is judged when it is applied. (Pods of it are judged all the same: this takes nothing away.)
//!
//! # How
//!
//! In the chart `workloadKinds` lists the kinds. It makes the API server ask about them in the namespaces that are
//! protected, and countersign read them. Without the chart, `serve --workload-kinds FILE` does the second:
//!
//! ```yaml
//! apiVersion: countersign.dev/v1alpha1
//! kind: WorkloadKinds
//! kinds:
//!   # Argo Rollouts. With `workloadRef` the pod spec stands in a Deployment, which is judged itself.
//!   - group: argoproj.io
//!     versions: [v1alpha1]
//!     kind: Rollout
//!     resource: rollouts
//!     podSpecs: [/spec/template/spec]
//!     mayNameNone: true
//!   # Argo Workflows. A workflow may take all of its templates from elsewhere.
//!   - group: argoproj.io
//!     versions: [v1alpha1]
//!     kind: Workflow
//!     resource: workflows
//!     images:
//!       - /spec/templates/*/container/image
//!       - /spec/templates/*/script/image
//!       - /spec/templates/*/initContainers/*/image
//!       - /spec/templates/*/sidecars/*/image
//!       - /spec/templates/*/containerSet/containers/*/image
//!     mayNameNone: true
//!   # Tekton. A step may be one of another resource (`ref`).
//!   - group: tekton.dev
//!     versions: [v1]
//!     kind: Task
//!     resource: tasks
//!     images: [/spec/steps/*/image, /spec/sidecars/*/image, /spec/stepTemplate/image]
//!     mayNameNone: true
//!   # KEDA
//!   - group: keda.sh
//!     versions: [v1alpha1]
//!     kind: ScaledJob
//!     resource: scaledjobs
//!     podSpecs: [/spec/jobTargetRef/template/spec]
//!   # JobSet
//!   - group: jobset.x-k8s.io
//!     versions: [v1alpha2]
//!     kind: JobSet
//!     resource: jobsets
//!     podSpecs: [/spec/replicatedJobs/*/template/spec/template/spec]
//! ```
//!
//! `countersign images --workload-kinds FILE MANIFEST` shows what is found, and a suite of `policy test` names the file as
//! `workloadKinds`. The file is read once, at the start; the chart starts other pods when it changes. Until they run, an
//! object of a new kind is refused, since those that run do not know it.
//!
//! # What a path is
//!
//! A JSON pointer (RFC 6901: `~1` is a `/` in a name, `~0` a `~`), in which `*` stands for every item of a list and every
//! value of a map. A path of `podSpecs` leads to a pod spec, in which everything is read that is read of a Pod: all kinds of
//! containers, image volumes, the ServiceAccount and pull secrets (of several pod specs the first ServiceAccount counts). A
//! path of `images` leads to references of images. It may lead into annotations:
//! `/metadata/annotations/sidecar.example~1image`.
//!
//! - What is not there, or `null`, names nothing. What is there and is no list, object or string, as the path needs it, is
//!   refused (`request_malformed`), and so is a reference that is none (`image_malformed`), such as `$(params.image)`: it is
//!   known only when a Pod is made of it. Do not configure fields that hold such.
//! - Where nothing stands at any path, the path may be wrong, or the version of the resource another one. Such an object
//!   is refused, unless its kind says `mayNameNone: true`, or it named nothing before either, so that it can be deleted.
//! - `versions` are those whose objects look so. Objects of other versions are converted by the API server to one of them
//!   (`matchPolicy: Equivalent`).
//! - Kubernetes' own kinds, and countersign's, cannot be configured; nor can subresources and resources that are in no
//!   namespace. Paths may not meet: two that could lead to the same place are refused at the start.
//!
//! # What holds
//!
//! Each image is judged as that of a Deployment: tags mean what they mean now, and nothing is changed in the object. An
//! update is asked only about what it changes: an image in a pod spec is the same if it has the same container name in the
//! same list, a field if it stands at the same place. An entry of `match` in a policy names Kubernetes' own kinds alone, so
//! that custom resources are covered by policies without `match`. The controller alarms when the API server is no longer
//! asked about a configured kind ([`super::install`]). Ceilings are in [`crate::limits`]; what has more is refused
//! (`limit_exceeded`).
