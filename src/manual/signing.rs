//! How images and files are signed: from where, with which rights, and in which CI systems.
//!
//! # Which rights a registry has to give
//!
//! A signature is a manifest and a blob in the image's own repository; replacing one deletes a manifest. `sign` and
//! `attest` read the image, write beside it and read again what they wrote. A registry that refuses is answered with exit
//! code 3, and the message names the rights that the refused request takes.
//!
//! | Registry | To sign and attest | To take older signatures away too |
//! |---|---|---|
//! | any (distribution specification) | scope `pull,push` | scope `pull,push,delete` |
//! | Amazon ECR | `ecr:GetAuthorizationToken`; `ecr:BatchGetImage`, `ecr:GetDownloadUrlForLayer`, `ecr:BatchCheckLayerAvailability`, `ecr:InitiateLayerUpload`, `ecr:UploadLayerPart`, `ecr:CompleteLayerUpload`, `ecr:PutImage` | `ecr:BatchDeleteImage` |
//! | Azure Container Registry | `AcrPull`, `AcrPush` | `AcrDelete` |
//! | Google Artifact Registry | `roles/artifactregistry.writer` | `roles/artifactregistry.repoAdmin` |
//! | Docker Hub | an access token for read and write | one that deletes as well |
//! | GitHub (`ghcr.io`) | `read:packages`, `write:packages` | `delete:packages` |
//! | GitLab | `read_registry`, `write_registry` | a role that may delete |
//! | Harbor | a robot account that pulls and pushes | `Delete Artifact` |
//! | JFrog Artifactory | Read, Annotate, Create/Deploy | Delete |
//!
//! Without the last column nothing fails: the older signature stays beside the new one, and the command says so. Where
//! tags are immutable, let those that match `sha256-*` change (in ECR `IMMUTABLE_WITH_EXCLUSION`), or write
//! `--format bundle`, which takes no tag where the registry lists referrers.
//!
//! Credentials come from `--registry-login HOST=NAME --registry-password-stdin`, from docker's or podman's configuration
//! (a mounted Secret of type `kubernetes.io/dockerconfigjson` is one: its file is `.dockerconfigjson`), or from what a
//! cloud gives the workload. Credential helpers are not run.
//!
//! # In a cluster
//!
//! The chart `charts/countersign-signer` (`config/signer` as plain manifests) runs one Job with a run file. The Pod runs
//! restricted, its ServiceAccount alone may read the Secret of the key, and it holds no code of a build. What signs a file
//! fetches it first, by an init container that writes into the workspace:
//!
//! ```yaml
//! run:
//!   source: {type: local, spec: {artifactPath: shop-1.2.3.tgz}}
//!   signing: {type: cosign}
//!   bundle: shop-1.2.3.tgz.sigstore.json
//! initContainers:
//!   - name: fetch
//!     image: ghcr.io/oras-project/oras:v1.2.0
//!     args: [pull, --output, /workspace, 'ghcr.io/acme/charts/shop:1.2.3']
//!     volumeMounts: [{name: work, mountPath: /workspace}]
//! ```
//!
//! The workspace may as well be a PersistentVolumeClaim that the build has filled (`workspace.volume`). Without a key
//! (`run.signing.type: keyless`) the Job signs as its ServiceAccount: policies name the issuer of the cluster and the subject
//! `https://kubernetes.io/namespaces/NAMESPACE/serviceaccounts/NAME`.
//!
//! # In CI systems
//!
//! Everywhere the same three steps: push the image, sign the digest that the push gave, and let a later step ask for it
//! with `--digest-file`, so that a moved tag is an error. `ship` signs and attests provenance and SBOM in one go.
//!
//! **GitHub Actions**, without a key:
//!
//! ```yaml
//! permissions: {contents: read, packages: write, id-token: write}
//! steps:
//!   - id: push
//!     uses: docker/build-push-action@v6
//!     with: {push: true, tags: 'ghcr.io/acme/app:1.2'}
//!   - run: countersign ship ghcr.io/acme/app:1.2 --digest ${{ steps.push.outputs.digest }} --sbom bom.spdx.json
//! ```
//!
//! Outputs are `digest`, `reference` and `results` (JSON).
//!
//! **GitLab CI**, without a key; the token is for the audience `sigstore`:
//!
//! ```yaml
//! sign:
//!   id_tokens: {SIGSTORE_ID_TOKEN: {aud: sigstore}}
//!   script:
//!     - countersign ship "$CI_REGISTRY_IMAGE:$CI_COMMIT_TAG" --digest-file digest
//!       --registry-login "$CI_REGISTRY=$CI_REGISTRY_USER" --registry-password-stdin <<< "$CI_REGISTRY_PASSWORD"
//! ```
//!
//! **Jenkins**, with a key of the credentials store:
//!
//! ```groovy
//! withCredentials([file(credentialsId: 'cosign-key', variable: 'KEY'),
//!                  string(credentialsId: 'cosign-password', variable: 'COUNTERSIGN_PASSWORD')]) {
//!   sh 'countersign ship registry.example/app:$BUILD_NUMBER --digest-file digest --key "$KEY"'
//! }
//! ```
//!
//! **Tekton**: a Task after the one that builds, with the Pipeline's ServiceAccount. Tekton sets no variables by itself.
//!
//! ```yaml
//! steps:
//!   - name: ship
//!     image: registry.example/countersign
//!     args: [ship, $(params.image), --digest, $(params.digest), --key, 'k8s://$(context.taskRun.namespace)/cosign-key']
//!     env:
//!       - {name: TEKTON_PIPELINE_RUN, value: $(context.pipelineRun.name)}
//!       - {name: TEKTON_BUILDER_ID, value: 'https://tekton.example/'}
//!       - {name: TEKTON_GIT_URL, value: $(params.git-url)}
//!       - {name: TEKTON_GIT_COMMIT, value: $(params.git-commit)}
//! ```
//!
//! **Argo Workflows**: a template of its own, whose `serviceAccountName` may read the key.
//!
//! ```yaml
//! - name: ship
//!   inputs: {parameters: [{name: image}, {name: digest}]}
//!   serviceAccountName: signer
//!   container:
//!     image: registry.example/countersign
//!     args: [ship, '{{inputs.parameters.image}}', --digest, '{{inputs.parameters.digest}}', --key, 'k8s://ci/cosign-key']
//!     env:
//!       - {name: ARGO_WORKFLOW_NAME, value: '{{workflow.name}}'}
//!       - {name: ARGO_BUILDER_ID, value: 'https://argo.example/'}
//! ```
//!
//! **Harness**: `countersign convert harness pipeline.yaml` prints a run file for each signing step, and
//! `countersign policy convert` a policy for each step that verifies.
//!
//! The same commands stand in a stage that deploys. Where one only verifies, `countersign verify IMAGE --policy policies/
//! --record-verdict records.jsonl` adds the event to the chain of custody.
//!
//! # Without pushing
//!
//! A run file pushes nothing unless it says `uploadSignature: {upload: true}`; `--upload=false` does the same on the command
//! line. The bundle is then in a file or in the signing record, `verify --bundle FILE` or `--record FILE` accepts it, and
//! admission, which looks into the registry, does not see it.
