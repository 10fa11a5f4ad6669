//! Who may attack, what holds against each, and what is left to others.
//!
//! # What is protected
//!
//! One statement: *an image runs in an enforced namespace only if the policies that cover it are satisfied by verified
//! evidence about exactly the digest that is pulled.* Everything else, availability included, comes after it: where the
//! statement cannot be shown to hold, the answer is no.
//!
//! # What is trusted
//!
//! | Trusted | For what | If it is lost |
//! |---|---|---|
//! | The Kubernetes API server and its storage | calling the webhook for every object, saying truly who asks (`userInfo`), storing what was decided | admission as such is lost; countersign cannot notice |
//! | Whoever may write policies, trust roots and the Secrets they name | saying what is demanded | they decide; a policy's author is not an attacker here, but a mistake of theirs denies rather than allows |
//! | The private keys behind the public keys of a policy | signing only what should run | everything they sign is admitted until the key leaves the policy |
//! | The identity provider and the certificate authority of a trust root (keyless) | certifying who asked, for minutes | whoever they certify wrongly can sign as somebody else; where the root has logs of certificates, everybody can see it afterwards |
//! | The logs and timestamp authorities of a trust root | saying truly what they took, and when | a stolen key of a certificate that has ended can be used again with a false time; `threshold` asks several of them |
//! | The node and its container runtime | pulling the digest that the Pod names | what runs is not what was judged |
//! | The build of countersign itself | being this code | nothing holds |
//!
//! A registry is **not** trusted, nor is anything in it, nor the network to it, nor the author of a Pod.
//!
//! # Who may attack, and what holds
//!
//! ## Someone who may create objects in a namespace
//!
//! Wants to run an image that no policy admits.
//!
//! - *Hides the image*: in an init or ephemeral container, an image volume, a template, or behind a kind that the
//!   object does not have. Images are found from the object's own kind, in every container list and in volumes; an
//!   object that was asked about and cannot be understood is denied.
//! - *Names it oddly*: other spellings of Docker Hub, a port, a tag beside a digest. A reference is parsed once into
//!   one canonical form, and policies match repositories, never tags.
//! - *Claims to be exempt*: by labels, annotations, a forged mirror annotation, a result of `/mutate` that never ran.
//!   Nothing that the author of an object can write exempts it. A mirror Pod passes only if its own node sends it.
//! - *Changes an object that was admitted*: an update is judged anew for every image that the old object did not have
//!   under the same container name.
//! - *Names a registry of their own*, to learn credentials or to reach what only the cluster can reach. A registry is
//!   asked only if a policy covers the image; challenges and redirects to other hosts, to private addresses or to plain
//!   HTTP are not followed with credentials; one credential set never serves another.
//! - *Asks for too much*: hundreds of containers, large objects, deep nesting. Each has a ceiling in
//!   [`limits`](crate::limits), and meeting one denies.
//!
//! ## Someone who may push to the repository of an image, but does not hold a key
//!
//! Wants their image admitted, or the honest one refused.
//!
//! - *Moves a tag* between the check and the pull. The tag is resolved once, the bytes are hashed, the digest is
//!   written into the Pod, and evidence is about that digest.
//! - *Copies the evidence of another image*, or the index's to a child. The signed payload must name the digest itself.
//! - *Presents one thing as another*: an attestation as a signature, a signature by the right key over another type, a
//!   key that the artifact brings along. Types are matched to the letter, and keys come from policies only.
//! - *Drowns the honest evidence* in thousands of artifacts, in huge or endless ones, in broken ones. A bad artifact is
//!   rejected alone; too many deny the image with `limit_exceeded`. Refusing the image is within this attacker's power:
//!   who may push may also delete it.
//! - *Takes evidence away.* What is missing satisfies nothing. A condition over the whole set is judged only on
//!   complete answers.
//!
//! ## Someone who wants to be taken for a keyless signer
//!
//! A keyless signer has no key that could be stolen from where it is kept: it proves who it is to an identity provider, gets
//! a certificate for some minutes, signs, and forgets the key. So everything hangs on whom the policy names.
//!
//! - *Has himself certified* by the same authority under another name. Issuer and subject have to be the ones that are
//!   named, as a whole; one issuer never vouches for another's subjects, and a name of one kind is none of another.
//! - *Calls the signer's own workflow* from a fork, at a branch, or as a reusable one. The certificate says so, and an
//!   identity can ask for it (`sourceRepositoryURI`, `sourceRepositoryRef`, `buildSignerURI` and their like).
//! - *Finds the key of an old certificate.* What is signed counts by a time that a log or timestamp authority has signed,
//!   and the certificate has ended by then.
//! - *Takes the proofs of one signature for another*, or presents a log, an authority or a root of his own. Each proof is
//!   compared with the signature, the certificate and what was signed, and only what the trust root holds is believed.
//!
//! It has its price: who signed what is public for ever where the log is, and no list takes a certificate back. Who must
//! not count any longer is named in the policy (`revoked.identities`), or is not named any more.
//!
//! ## Someone on the network, or a registry that lies
//!
//! TLS is verified, plain HTTP is only for loopback and for hosts that are listed. Whatever arrives is bounded, hashed
//! and not believed. "It is not there" and "it could not be asked" are different types, and the second one never counts
//! as the first. A registry may show an older state of a repository: see the limits below.
//!
//! ## Someone who may call the webhook
//!
//! Learns a verdict that they could have learned otherwise, and makes countersign ask registries within the ceilings.
//! The client certificate of the API server can be demanded (`--client-ca`). Slow and many clients are cut off and
//! shed; what is shed is denied.
//!
//! # How the code holds it
//!
//! - A fact exists only through a constructor that [`verify`](crate::verify) keeps to itself, a permission only through
//!   one that the policy module keeps. There is no boolean to forget, and no default.
//! - Only one file of the crate can say that an object is allowed, and it takes verdicts or one of a closed list of
//!   exemptions that the parser makes. A test reads the source for it.
//! - What decides does no input or output, reads no clock and starts no task, so it can be repeated and be tested
//!   whole.
//! - Every error maps by an exhaustive match into one of the [codes](super::deny_codes). A panic is a refusal of that
//!   request, and the process lives.
//!
//! # What is left to others
//!
//! - **Code that is signed and bad.** A signature says who, not how good.
//! - **An older image, validly signed**, under the newest tag: it is what its signer said of it. Policies about age
//!   come later; until then revoke by the key, or deny by digest elsewhere.
//! - **Evidence that a registry hides.** Hidden and absent look the same. What is left must satisfy the policy by
//!   itself.
//! - **A mirror of a trust root that goes back in time just when the controller starts.** What a running controller has seen
//!   of a TUF repository is the floor below which nothing is believed, but it is held in memory: there need be nothing that
//!   it can write to. One that has just started begins at the `root` of the TrustRoot, and believes an older state as long
//!   as the timestamp of that state has not ended. Let timestamps end soon; after a revocation put the newest `root.json`
//!   into the TrustRoot. `trust refresh --cache-dir` keeps the floor in a folder.
//! - **Namespaces where the webhook is not called**, and objects that were there before it was. Its configuration
//!   belongs to who may write webhook configurations, and they can switch it off.
//! - **Static Pods**, which a node runs without asking the API server.
//! - **Other mutating webhooks** that run after `/mutate`. `/validate` judges what they leave, and relies on nothing
//!   that `/mutate` did.
//! - **Timing.** Nothing secret is compared on the admission path: public keys, signatures and digests are public.
