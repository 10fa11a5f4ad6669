//! How registries are reached, with whose credentials, and what that leaves open.
//!
//! # Whose credentials are used
//!
//! For each image, the credentials that match its repository are tried in this order until the registry takes one; of the
//! first three, those of a longer prefix come before those of a shorter one, as in Kubernetes:
//!
//! 1. the pull secrets of the Pod or Pod template (`imagePullSecrets`)
//! 2. those of its ServiceAccount
//! 3. those that a policy names for its evidence (`authorities[].source[].signaturePullSecrets`), in the workload's
//!    namespace
//! 4. countersign's own: `--docker-config`, in the chart `registries.dockerConfigSecret`
//! 5. those that a cloud gives countersign as a workload: `--cloud-credentials`
//!
//! The first three are read in the namespace of the workload, where `--pull-secrets` (in the chart `pullSecrets.scope`)
//! allows it, with `get` alone. They serve no other namespace: not themselves, not a token that was obtained with them, and
//! not what was read with that. The last two serve every workload: whoever may name an image that they open can have it
//! judged, and learns from the verdict whether it is there. Where nothing matches, the registry is asked without.
//!
//! What a registry refuses is read again once: Secrets and ServiceAccounts, the file, and the cloud's token, each no
//! sooner than some seconds after it was read last. What is used is read again before it gets old, beside the requests
//! that use it, so that a request whose credentials are known asks neither the API server nor a cloud. A Secret that is
//! gone, malformed, too large or forbidden is named in the refusal with what is wrong, and nothing of what it holds. One that
//! was read is used while the API server is away (an hour at most), and no more when it is gone, or when for some minutes it
//! may not be read.
//!
//! | Cloud | Hosts | Who asks | What the registry sees |
//! |---|---|---|---|
//! | AWS | `ACCOUNT.dkr.ecr[-fips].REGION.amazonaws.com[.cn]`, `ACCOUNT.dkr-ecr[-fips].REGION.on.aws`, `public.ecr.aws` | access key, IRSA, Pod Identity or the container's credentials, the role of the machine | a password of `GetAuthorizationToken` |
//! | Azure | `NAME.azurecr.io`, `.cn`, `.us` | application with a secret, workload identity, managed identity | a refresh token of its own, for Entra's |
//! | Google | `gcr.io`, `*.gcr.io`, `*-docker.pkg.dev` | file of credentials, metadata service | an access token |
//!
//! No other host gets any of it, nor does a token service that is not of the same cloud, nor a registry that is spoken to
//! without TLS. By `auto`, Azure is used where the environment says who asks; AWS and Google are asked when an image of
//! theirs is, since their machines say nothing in the environment. `none` turns it off, and so does leaving out a cloud
//! where others are listed.
//!
//! **The role of a machine of AWS** is asked for last, as the SDKs of AWS do, where nothing in the environment says who
//! asks: by the second version of the metadata service (IMDSv2) and never by the first, at 169.254.169.254 (or
//! `fd00:ec2::254`, by `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6`), each request for a second at most. What was set and
//! fails is never replaced by it. A pod reaches it where the machine's `httpPutResponseHopLimit` is at least 2 (a launch
//! template's `HttpPutResponseHopLimit`; many nodes have 1), or on the host's network. The same role lets the kubelet of
//! the node pull: what countersign may read by it, any Pod of the cluster can have pulled already. All pods that reach the
//! service have the role with all its rights, though, so that IRSA or Pod Identity, with the limit of 1, is the better
//! choice where there is one. `AWS_EC2_METADATA_DISABLED=true` turns it off. `public.ecr.aws` is not shown the role:
//! everybody may read there, and roles of machines have no right to its passwords.
//!
//! # Mirrors
//!
//! A mirror stands for a prefix of names (`--registries`, in the chart `registries.mirrors`). Policies match the name as
//! it is written in the Pod, verdicts and messages bear it, and evidence has to be about the digest. The mirror is asked
//! for the tag, the manifests and the evidence, with the credentials for its own host. Several of one prefix are asked in
//! turn; `fallback: upstream` asks the registry itself after them, `fallback: none` on any of them does not. Each kind of
//! evidence is taken from the first place that has some. Where a place could not be asked and the others have nothing,
//! the answer is that it is not known, and never that there is nothing.
//!
//! What is signed is resolved and written at the registry itself.
//!
//! **What a mirror can do.** Bytes are hashed, so that it cannot make anything up: what it sends under a digest has the
//! digest, and a signature is one. It can hide: an older set of signatures cannot be told from a full one. What it hides
//! is missing where it was needed, and the image refused; but a condition over all evidence of an image (that no scan
//! found this, that nobody revoked that) is asked of what the mirror shows. Where such conditions count, have the evidence
//! read at the registry itself, by `authorities[].source`, and give that prefix no mirror. A mirror can also answer a
//! tag with an older digest, which then has to satisfy the policies as any other.
//!
//! **What the node does.** The kubelet pulls what the Pod names after it was admitted: the digest that was judged, where
//! the tag was pinned (`/mutate`) or the Pod names the digest. It takes its own mirrors, from its runtime's configuration,
//! and the runtime hashes as well. Where tags are not pinned, the node and countersign may see different mirrors, and a
//! tag may mean something else there: pin, or write digests.
//!
//! # Proxy, private authorities, plain HTTP
//!
//! `HTTPS_PROXY` and `NO_PROXY` (in the chart `registries.proxy`) are for registries, their token services and their
//! storage, and for the services of clouds that give credentials or hold keys (AWS STS, ECR and KMS, Entra ID and Key Vault,
//! Google's). They are not for the API server, nor for Vault and OpenBao, nor for plain HTTP, nor for this machine and the
//! metadata services beside it. `NO_PROXY` lists hosts with what is below them, addresses and networks, or `*`: endpoints
//! of a cloud inside one's own network belong there. A proxy passes on TLS that it cannot read: it learns who is asked.
//!
//! A registry names the service that gives it tokens, and redirects downloads. Such an address is followed only into a
//! part of the network in which the registry is itself, `--private-host` apart. Behind a proxy that looks names up by
//! itself, countersign looks up the same name first: one that lies at a private address, or that it does not find, is not
//! followed. The proxy may find something else than countersign does: what it must not reach is for the proxy to refuse.
//!
//! `--registry-ca` adds certificate authorities. Plain HTTP is spoken to the hosts that are listed for it, and to this
//! machine, where they do not speak TLS; a certificate that is not believed is never a reason for it.
//!
//! In a cluster, names are looked up as they are first (`ndots: 1` in the chart): with the default of a Pod, `ghcr.io` would
//! first be looked for as a Service `ghcr` in a namespace `io`. A name that is not found so is still looked for there. Whoever
//! answers then has to show a certificate for the name; only hosts of plain HTTP do not.
//!
//! # Where no registry is looked for
//!
//! Whoever makes a Pod chooses the host of its images. None is asked at a link-local or reserved address, nor at a cloud's
//! metadata service, whether the name is that address or leads to it; nor, where the controller runs in a pod, on that pod's
//! own loopback, where the registry of a node is not. A mirror for it (`registries.mirrors`), or the host in
//! `registries.privateHosts` or `registries.plainHTTP`, says otherwise. Nor is anything asked of the API server, as its address
//! is given to the controller (by the kubelet or in a kubeconfig) and as `kubernetes.default.svc` is found, or of the controller
//! itself: of its own addresses at its port, and of its Service. Both are known by the addresses that they have when the
//! controller starts; at their other ports, and at other addresses of the cluster, there may be registries. Other replicas are
//! not known so: like whatever else lies in the cluster they are asked without credentials, have to show a certificate that is
//! believed, and have nothing that is a manifest.
//!
//! The file of `--registries` is read once, at the start; the chart starts other pods when it changes. The authorities of
//! `--registry-ca` are read once, too, and the ConfigMap of `registries.caConfigMap` is not the chart's: after a change of it,
//! `kubectl -n countersign-system rollout restart deployment/countersign`.
