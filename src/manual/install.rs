//! How countersign comes into a cluster and out again, who may touch it, and what to do when nothing is admitted.
//!
//! # Install
//!
//! ```console
//! $ helm install countersign charts/countersign -n countersign-system --create-namespace \
//!     --set image.repository=registry.example/countersign --set image.digest=sha256:…
//! $ helm test countersign -n countersign-system
//! $ kubectl label namespace shop countersign.dev/enforce=true
//! ```
//!
//! Helm 3 and 4 do. Give it a namespace of its own, which is never protected: in `default` it is not installed. `config/default` holds the same as plain manifests, for
//! `kubectl apply -k`, after `countersign crd | kubectl apply --server-side -f -`. Name your image in its `deployment.yaml`, or by
//! `images` in its `kustomization.yaml`: the policy by which no other runs beside the controller is told of it there. An
//! overlay that names another image repeats the `replacements` of that file, else its replicas are refused.
//!
//! Nothing is refused before somebody asks for protection. With `namespaces.mode: labelled` that is the label
//! `countersign.dev/enforce=true` of a namespace, or policy-controller's `policy.sigstore.dev/include=true`. With `all`
//! it is every namespace but `kube-system`, the release's own and `namespaces.exclude`; then `noMatch` has to be chosen,
//! and the notes of the installation count the Pods that run there, and say how many would be refused where no policy
//! exists. Which of them the policies refuse they cannot say: `countersign report` can.
//!
//! Which namespaces these are is for the API server alone to say. It holds the `namespaceSelector` of the webhook
//! configurations against the labels that it has stored, and a change counts as soon as it knows of it. The controller does
//! not watch namespaces: whatever it is asked about it judges, so that there is no second opinion that an old copy, an
//! unreadable object or a selector that fails could make milder. (One replica lists their names and labels now and then, to
//! count those about which nobody is asked; no verdict depends on it.) No policy selects by labels of namespaces either:
//! `match` knows kinds and the labels of the object itself, and a policy that says `namespaceSelector` is invalid and refuses
//! what it covers. An `ImagePolicy` is about the namespace in which it stands, by the name that the request has. Documents of
//! the kind `Namespace` beside policies in files are read and decide nothing. Who may label namespaces therefore decides
//! about protection: see below.
//!
//! `helm test` labels a namespace of its own and asks, by dry runs, whether what a policy admits is admitted and what a
//! policy refuses is refused. Signatures are part of it when `test.signedImages` and `test.unsignedImages` name images of
//! your registry that your policies admit and refuse. A test that fails leaves its Pod, whose log says why. One that is killed
//! leaves its namespace and policies too; the next test takes all of it away, and so does this:
//!
//! ```console
//! $ kubectl -n countersign-system delete pod,serviceaccount,networkpolicy countersign-test
//! $ kubectl delete namespace/countersign-test clusterimagepolicies.countersign.dev/countersign-test-{pass,fail}
//! ```
//!
//! The namespace of the release may ask for the strictest standard of Pods, which all of these keep:
//! `kubectl label namespace countersign-system pod-security.kubernetes.io/enforce=restricted`. Not with `hostNetwork`, which only
//! the standard `privileged` allows, nor where `podSecurityContext.seccompProfile` is null. On OpenShift the values of
//! `podSecurityContext` are null.
//!
//! ## What must come up before it
//!
//! A replica is a Pod like others. What gives Pods networks, names and volumes (CNI, CSI, DNS), joins nodes, or makes the
//! webhook's certificate cannot wait for it: where such a thing runs in a namespace of its own (`calico-system`,
//! `tigera-operator`, `cert-manager`, …), that one has to be in `namespaces.exclude` with `all`, and without the label with
//! `labelled`. Else a cluster that loses all nodes at once does not come back by itself: replicas wait for the network, and
//! the network for a replica. Whoever may make Pods in an excluded namespace is asked nothing.
//!
//! # From warnings to refusals
//!
//! 1. Apply the policies with `mode: warn`: what they would refuse is admitted with a warning, and told in metrics and Events.
//!    `countersign report --policies policies/` says beforehand what they would find.
//! 2. Label a namespace. From now on what comes is judged; what runs is not, so ask about that:
//!
//!    ```console
//!    $ countersign report -n shop
//!    NAMESPACE  PODS  OF                  CONTAINER  IMAGE                         DIGEST FROM  VERDICT  CODE               POLICY
//!    shop       3     ReplicaSet/web-7d9  web        registry.example/shop/web:v5  status       warned   signature_missing  signed
//!    shop       1     StatefulSet/db      db         registry.example/shop/db:16   status       admitted                    signed
//!
//!    Pods: 4; would be refused: 0, only warned of: 3, admitted: 1
//!    ```
//!
//! 3. Sign what is warned of, or write down in a policy why it may run.
//! 4. When the report exits with 0, set `mode: enforce`. Pods that run go on; the report says what happens when they are made
//!    anew.
//!
//! The report reads policies, Secrets and Pods by your own kubeconfig and asks registries with your own credentials. It judges
//! by the same code as the webhook. Without `-n` it is about the namespaces with the label, and says how many others there
//! are; `-A` is about all, `--exclude-namespace` leaves some out, as `namespaces.exclude` does. Give it the controller's
//! `--no-match` and its namespace (`--controller-namespace`) if they are others than `deny` and `countersign-system`; the notes of the
//! installation print the whole line. Where the policies cannot be read, or the Pods, it exits with 3 and says which right is
//! missing: an empty report means that nothing runs. An image in a registry that could not be asked is `not known`, and what is
//! named by a tag without a digest in the Pod's status (`DIGEST FROM tag`) is judged by what the tag means now.
//!
//! # Certificates
//!
//! | `certificate.mode` | Who makes it | Who tells the API server |
//! |---|---|---|
//! | `selfMade` | the replicas, together, and anew when two thirds of its time are over | the replicas |
//! | `certManager` | cert-manager, by an authority that the chart asks it for | its injector, `certificate.caInjector` |
//! | `secret` | you, in `certificate.secretName` | you, in `certificate.caBundle` |
//!
//! With cert-manager the API server believes an authority of ten years, which stays the same while the certificate is renewed:
//! a replica serves the new one when the kubelet has brought it, and no request is lost meanwhile. The Secrets
//! `countersign-tls` and `countersign-ca` are cert-manager's, and outlive the release.
//!
//! The next certificate of the replicas is used when it was read back from the webhook configurations that it is believed;
//! until then the last stays, and that is told. To have them make another, delete the Secret, or empty it: what is served is
//! put back within seconds, so that nothing is refused, and the next takes its place ten minutes later. The same is done
//! where what stands in it cannot be read or does not belong together; the log says what.
//!
//! Whoever makes it, each replica verifies what it serves by a handshake with itself every ten seconds: by the `caBundle` and
//! the names in the webhook configurations, as the API server would. What it would not believe is
//! [told](#who-may-touch-it): the API server reaches no replica then, and refuses with `failed calling webhook`. Where a
//! webhook is asked by URL and has no `caBundle`, the authorities of the API server's own machine count, and nothing is
//! told of them.
//! until then the last stays, and that is told. What a replica serves is verified by a handshake with itself, by the
//! `caBundle` and the names in the configurations, every ten seconds. To have them make another, delete the Secret, or empty it:
//! what is served is put back within seconds, so that nothing is refused, and the next takes its place ten minutes later.
//!
//! A replica that starts while the API server is away lives (`/livez`), is not ready, and refuses whoever asks all the same;
//! it goes on by itself when the certificate and the policies can be had.
//!
//! It is not ready either until the API server can ask it: its webhook configurations are there, and believe what it serves.
//! So `helm install --wait` ends when protection works. A minute after its start it is ready all the same, and tells of it.
//!
//! # Upgrade
//!
//! `helm upgrade` with the new chart. The webhook configurations are changed and never replaced, so there is no moment
//! without them; what the controller wrote (`caBundle`, the certificate) stays. A replica goes only after another is
//! ready, but for `hostNetwork`, where it goes first. The definitions are upgraded with the release, unless `crds.install` is false.
//!
//! # By tools that apply what a repository says
//!
//! All that the controller writes (the certificate, whom to believe, the Lease) stands in fields that the chart leaves out, and
//! of workloads it changes Pods and never templates: nothing is out of sync. Policies can lie in the same repository.
//!
//! | Tool | What to know |
//! |---|---|
//! | all | Its account has to be an [admin](#who-may-touch-it), else it can neither upgrade nor uninstall: `selfProtection.admins.users: ["system:serviceaccount:flux-system:helm-controller"]`, where it is no cluster admin. |
//! | Flux | A HelmRelease is Helm; all of this chapter holds. With a `spec.targetNamespace` Flux keeps Helm's account in the namespace of the HelmRelease, where the Job of [uninstalling](#uninstall) does not look: let `spec.storageNamespace` be the same as `spec.targetNamespace`, or uninstall as it says there. |
//! | Argo CD | It applies what `helm template` makes: no notes, no `helm test`, and the hook of uninstalling deletes nothing, whether it runs or not. No `Replace=true`: it would empty the Secret of the certificate and have the API server believe nobody. It applies no Lease; the replicas make theirs, and it stays when the application goes. Policies need `SkipDryRunOnMissingResource=true` or a later sync wave, because their definitions come with the same sync. |
//! | `kubectl apply` | `helm template … --no-hooks` leaves out what only `helm test` and `helm uninstall` use: a Namespace, two policies, a Pod and a Job. Or `config/default`. |
//!
//! Pods that stand in a repository themselves differ by the digest that they were pinned to. Argo CD is told by
//! `argocd.argoproj.io/compare-options: ServerSideDiff=true,IncludeMutationWebhook=true`.
//!
//! # Policies of policy-controller
//!
//! Where the definitions of `policy.sigstore.dev` are installed their objects count, from when they appear. They are read at
//! the version at which they are stored, `v1alpha1`, so that nobody has to convert them: with policy-controller its conversion
//! webhook may go, and its policies stay in force. What others do at `v1beta1` fails then, `kubectl get` and `kubectl apply`
//! among them. The two versions have the same fields, so that the API server can be told to do without the webhook:
//!
//! ```console
//! $ kubectl patch crd clusterimagepolicies.policy.sigstore.dev --type=json \
//!     -p '[{"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}}]'
//! ```
//!
//! Secrets and ConfigMaps that policies name have to be in the namespace of countersign. A definition
//! that goes takes no policy with it: what was known stays in force and gets too old after `policies.maxAgeSeconds`, when
//! everything is refused that a policy is asked about. Who removes policy-controller on purpose deletes the policies
//! first, then the definitions, and restarts the replicas (`kubectl -n countersign-system rollout restart
//! deployment/countersign`): one that starts without the definitions knows that there is nothing.
//!
//! # Uninstall
//!
//! `helm uninstall` takes the webhook configurations first, so that whatever happens then, nobody waits for a controller that
//! is no more. It needs no living controller: Helm 4 deletes them by its own order, and for Helm 3, which would delete them
//! last, a Job of the same image runs `countersign uninstall-webhooks` before anything else goes (`uninstall.webhooksFirst`).
//! Interrupted, `helm uninstall` is done again. The Job acts only while Helm's account, in Secrets or ConfigMaps of
//! the namespace of the release, says that it is being uninstalled: who applies the rendered chart, its hooks with it, takes no
//! protection away. Where Helm 3 keeps its account elsewhere (in a database with `HELM_DRIVER=sql`, in memory, or in another
//! namespace as Flux may), the Job says so in its log, deletes nothing, and Helm's own order holds: what is protected is refused
//! until the end, and for good if it is interrupted. There an admin runs `countersign uninstall-webhooks` first, by hand.
//!
//! Where no Pod of it can run, because its image cannot be pulled or no node is there, Helm waits for the Job and fails. Then
//! the configurations go by hand, and the rest without the Job:
//!
//! ```console
//! $ kubectl delete validatingwebhookconfiguration/countersign mutatingwebhookconfiguration/zz-countersign
//! $ helm uninstall countersign -n countersign-system --no-hooks
//! ```
//!
//! In this order: with `--no-hooks` alone, Helm 3 leaves what is protected refused until it is done, and who is an admin by a
//! binding of your own is none when the ClusterRole `countersign-admin` is gone. Users and groups of `selfProtection.admins`
//! stay admins.
//!
//! The definitions stay, and with them the policies (`crds.keep`); this takes them, too:
//!
//! ```console
//! $ kubectl delete crd -l app.kubernetes.io/part-of=countersign
//! ```
//!
//! # Who may touch it
//!
//! Where the API server has ValidatingAdmissionPolicies, the chart brings three (`selfProtection`). Only an admin may
//!
//! - change or delete the webhook configurations. The controller, and cert-manager's injector, may change whom to believe
//!   and nothing else;
//! - take the label that asks for protection from a namespace;
//! - run anything but the image of the release in its namespace, named by a digest where `image.digest` is given: by any of
//!   its repository, for an upgrade runs two. (Not where that namespace is `default` or `kube-system`.)
//!
//! An admin is who may `override` the resource `protections` of `countersign.dev`: every cluster admin by the wildcard,
//! and whom `selfProtection.admins` or a binding of your own binds to the ClusterRole `countersign-admin`. What runs Helm
//! has to be one. The resource does not exist otherwise; it is there to be granted.
//!
//! With cluster-wide protection beside it the controller alarms: a webhook configuration that is missing, does not say
//! `failurePolicy: Fail`, exempts objects by labels or conditions, leaves out namespaces that `namespaces` of the values
//! does not, asks about fewer operations on Pods, not about a [custom resource](super::custom_resources) that is configured, or
//! asks somebody else or at another path is told on `/readyz?verbose`, in the log and by
//! `countersign_webhook_configuration_trouble`. Where the replicas make their certificate, a foreign `caBundle` is put right
//! within seconds, and told for ten minutes. Where cert-manager or you give it, nobody here knows what it should be; it is
//! told when it does not believe what is served.
//!
//! ## What only RBAC protects
//!
//! The API server asks no policy about the policies and bindings themselves. Whoever may write
//! `validatingadmissionpolicies`, their bindings, `clusterroles` or `clusterrolebindings` can take all of this away, and who
//! may write ClusterImagePolicies decides what is demanded: grant these to nobody but cluster admins. The same goes for
//! Secrets, ConfigMaps, Pods and all that makes Pods in the controller's namespace (the image is held, its arguments are
//! not), for `nodes/proxy`, for writing to etcd, and for deleting a namespace and making one of the same name without a label
//! (choose `all` where tenants can). Manifest-based admission, policies in files of the API server, holds even against a
//! cluster admin; it is the API server's administrator who can set it up, and the rendered policies of the chart can be its
//! content.
//!
//! ## Builds
//!
//! `builds.enabled` brings a policy for namespaces labelled `countersign.dev/build=true`: no Pod there is privileged
//! (`hostProcess` on Windows), adds a capability but `NET_BIND_SERVICE`, unmasks `/proc`, shares the network, processes or
//! ports of its node, mounts `hostPath`, or names one of `builds.signingSecrets` for a volume of any kind, for a variable or
//! to pull images; in containers of every kind, and in those that come later. Seccomp, AppArmor and SELinux are left to Pod
//! Security (`baseline` beside it): builds without root often do without them. A Secret is also read through the API by whom
//! RBAC lets: keep the key in the namespace of the signing Job (`charts/countersign-signer`), whose account alone may read
//! it, and let no build run there.
//!
//! # What was refused
//!
//! Whoever asked is told by the answer. Who looks later finds an Event, with the [code](super::deny_codes) as its reason:
//! on the topmost object that owns the refused workload (`kubectl describe deployment`, `cronjob`, `statefulset`, or the
//! object of an operator; on the workload itself where it has no owner), in its namespace, and on the policy
//! (`kubectl describe clusterimagepolicy`), in `kube-system`, where tenants do not read what others run. Repetitions are
//! counted in the same Event, written the 2nd, 4th, 8th… time and every ten minutes; each replica has its own. A namespace
//! that is refused much is told of less, and the rest is in `countersign_events_total` and in the log, which has a line for
//! every verdict. Dry runs are not told.
//!
//! The action of an Event is `Deny`, or `Warn` for what is let pass: what a policy in warn mode would refuse, with the code
//! of its refusal; `mutable_tag`, where a template names a tag, which may move; and `no_matching_policy`, where no policy
//! covers an image and `--no-match warn` lets it pass. A request that is refused as a whole (malformed, late, one too many,
//! before there are policies) is told on the same object, as far as the request names one: not where its body could not be
//! read or was not (`countersign_admission_requests_total` with the decision `none`, `countersign_shed_total`), not for an
//! object without a name (`generateName`) and without an owner, and not for a request in which there was nothing to judge.
//!
//! Nobody waits for Events. While the API server does not take them, at most 256 wait, each is tried five times, and what
//! finds no room is counted as `dropped`; the log has one line when it begins and one when it is over. A note is at most 1024
//! bytes of what the refusal says, without passwords, tokens or what Secrets hold. `--events refusals` (`events.about` of the
//! chart) leaves warnings out, and `--events none` all of it, with the rights to write Events and to read ReplicaSets and Jobs.
//!
//! A Pod names a ReplicaSet or Job as its owner, and who controls that is read when an Event is written, after the answer,
//! as metadata alone, and remembered for ten minutes. Of other kinds it is not asked who owns them. Where it cannot be read
//! (no right to, too late, gone, more than 50 at once and one in a second) the Event is on the ReplicaSet or Job.
//!
//! Whoever reaches the webhook past the API server can ask about an object that is not there, and so have an Event written
//! about it, within the same limits: `--client-ca` lets none but the API server ask, where it shows a certificate.
//!
//! The API server's audit log, where there is one, keeps for each judged object `result`, `reason`, `policy`, `digest`,
//! `would_deny` and the `revision` of the policies that were in force in the replica that answered: two replicas that say
//! different ones have not heard the same yet. The keys begin with the name of the webhook
//! (`validate.countersign.dev/revision`), and where a release has another name than `countersign`, with that before it
//! (`second-countersign.validate.countersign.dev/revision`): two releases side by side both have their say.
//!
//! # What an admission spent its time on
//!
//! With `traces.endpoint` (`serve --traces-endpoint`, or OpenTelemetry's variables, which `countersign --help` lists), traces are
//! sent to a collector by OTLP over HTTP, in its binary form. The span `admission /validate` or `admission /mutate` has the
//! decision, the code, and what was asked about; below it are those of the stages `resolve`, `fetch` and `verify` for each image
//! and `decide` for all, and below these one for each request to a registry or its token service. The line of a verdict in the log
//! names the trace (`trace_id`). A refusal is no error of a span; that something could not be found out is one.
//!
//! Where the API server traces itself ([`TracingConfiguration`](https://kubernetes.io/docs/concepts/cluster-administration/system-traces/)),
//! its span is the parent, and it says for each request whether that one is traced. Of the others,
//! `traces.sampleRatio` says how many are.
//!
//! Spans hold names of images, objects and hosts, and no credentials: of an address neither user nor query. Headers for the
//! collector, which may be credentials, come from `traces.headersSecret`. Nothing that is judged waits for the collector: up to 2048
//! spans wait for it, the others are dropped, and `countersign_trace_spans_total` says what became of all. When the process
//! ends, those that wait have three seconds to go. Where traces are off, nothing is recorded.
//!
//! # When nothing is admitted
//!
//! 1. What is said? `kubectl -n countersign-system logs deployment/countersign`, and the refusal's
//!    [code](super::deny_codes). `failed calling webhook` means that no replica answers:
//!    `kubectl -n countersign-system get pods`.
//! 2. One policy is wrong: change or delete it. The webhook that looks at policies is never asked about deleting one, and
//!    `failurePolicy: Ignore` lets a change through while nobody answers.
//! 3. One namespace has to go on: an admin takes its label away.
//! 4. All have to: an admin deletes the webhook configurations, by `countersign uninstall-webhooks` or as below. `helm
//!    upgrade` brings them back.
//!
//! ```console
//! $ kubectl delete validatingwebhookconfiguration/countersign mutatingwebhookconfiguration/zz-countersign
//! ```
//!
//! If you are refused as no admin, and nobody is one: who may delete bindings of admission policies is never asked,
//!
//! ```console
//! $ kubectl delete validatingadmissionpolicybinding countersign-webhooks countersign-namespaces countersign-pods
//! ```
//!
//! and a certificate of the group `system:masters` may do all of this always.
