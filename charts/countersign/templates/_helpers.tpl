{{- define "countersign.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $made := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $made .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "countersign.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "countersign.labels" -}}
{{ include "countersign.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: countersign
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "countersign.serviceAccount" -}}
{{- default (include "countersign.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "countersign.repository" -}}
{{- with (.Values.global).imageRegistry }}{{ trimSuffix "/" . }}/{{ end }}{{ .Values.image.repository }}
{{- end -}}

{{- define "countersign.image" -}}
{{- if .Values.image.digest -}}
{{ include "countersign.repository" . }}@{{ .Values.image.digest }}
{{- else -}}
{{ include "countersign.repository" . }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* Webhooks are asked in the order of these names: what others put into a Pod is there before its tags are pinned. */}}
{{- define "countersign.mutating" -}}
zz-{{ include "countersign.fullname" . }}
{{- end -}}

{{/* Whether the API server holds others to the policies that protect us. Without one to ask, its version tells. */}}
{{- define "countersign.protects" -}}
{{- $kinds := .Capabilities.APIVersions -}}
{{- $served := or ($kinds.Has "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy") (not ($kinds.Has "v1/Pod")) -}}
{{- and .Values.selfProtection.enabled $served -}}
{{- end -}}

{{/* An admin whom the values name is one without his binding, too: Helm deletes that first. */}}
{{- define "countersign.notByAdmin" -}}
- name: not-by-an-admin
  expression: "!authorizer.group('countersign.dev').resource('protections').check('override').allowed()"
{{- with .Values.selfProtection.admins.users }}
- name: not-by-a-named-user
  expression: {{ printf "!(request.userInfo.username in %s)" (include "countersign.texts" .) | quote }}
{{- end }}
{{- with .Values.selfProtection.admins.groups }}
- name: not-by-a-named-group
  expression: {{ printf "!request.userInfo.groups.exists(group, group in %s)" (include "countersign.texts" .) | quote }}
{{- end }}
{{- end -}}

{{/* A list of texts in CEL. */}}
{{- define "countersign.texts" -}}
{{- $texts := list -}}
{{- range . }}{{ $texts = append $texts (printf "'%s'" (. | replace "\\" "\\\\" | replace "'" "\\'")) }}{{ end -}}
[{{ join ", " $texts }}]
{{- end -}}

{{/* Whether a Job deletes the webhook configurations before Helm deletes anything else. Helm 4 deletes them first by itself. */}}
{{- define "countersign.webhooksFirst" -}}
{{- and .Values.uninstall.webhooksFirst (semverCompare "<4.0.0-0" .Capabilities.HelmVersion.Version) -}}
{{- end -}}

{{- define "countersign.uninstaller" -}}
{{ include "countersign.fullname" . }}-uninstall
{{- end -}}

{{/* What of the user is null is left to the cluster; that it is not root never is. */}}
{{- define "countersign.podSecurity" -}}
runAsNonRoot: true
{{- range $name, $value := .Values.podSecurityContext }}
{{- if not (kindIs "invalid" $value) }}
{{ toYaml (dict $name $value) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "countersign.certificateSecret" -}}
{{- if eq .Values.certificate.mode "secret" -}}
{{ required "certificate.mode is `secret`: certificate.secretName has to name it" .Values.certificate.secretName }}
{{- else if eq .Values.certificate.mode "certManager" -}}
{{- /* cert-manager's Secret outlives the release, and Helm would not take it for its own after another mode. */ -}}
{{ include "countersign.fullname" . }}-tls
{{- else -}}
{{ include "countersign.fullname" . }}-certificate
{{- end -}}
{{- end -}}

{{- define "countersign.noMatch" -}}
{{- if and (eq .Values.namespaces.mode "all") (not .Values.noMatch) -}}
{{- fail "namespaces.mode is `all`: choose noMatch (deny, warn or allow). With deny, every image that no policy covers is refused in every namespace" -}}
{{- end -}}
{{ default "deny" .Values.noMatch }}
{{- end -}}

{{/* Whom to believe: the controller or cert-manager says it, or it is given. */}}
{{- define "countersign.caBundle" -}}
{{- if eq .Values.certificate.mode "secret" }}
caBundle: {{ required "certificate.mode is `secret`: certificate.caBundle has to say whom to believe" .Values.certificate.caBundle | b64enc }}
{{- end }}
{{- end -}}

{{- define "countersign.injection" -}}
{{- if eq .Values.certificate.mode "certManager" }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "countersign.fullname" . }}
{{- end }}
{{- end -}}

{{/* One webhook: a dict of root, name, path, label (enforce, include or empty) and pods (whether of pods alone). The keys of
audit annotations begin with its name, which is therefore another in another release beside this one. */}}
{{- define "countersign.webhook" -}}
{{- $root := .root -}}
{{- $fullname := include "countersign.fullname" $root -}}
- name: {{ if ne $fullname "countersign" }}{{ $fullname }}.{{ end }}{{ .name }}.countersign.dev
  admissionReviewVersions: [v1]
  sideEffects: NoneOnDryRun
  failurePolicy: Fail
  matchPolicy: Equivalent
  timeoutSeconds: {{ $root.Values.webhook.timeoutSeconds | int64 }}
  {{- with $root.Values.webhook.matchConditions }}
  matchConditions:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .pods }}
  reinvocationPolicy: IfNeeded
  {{- end }}
  clientConfig:
    service:
      name: {{ include "countersign.fullname" $root }}
      namespace: {{ $root.Release.Namespace }}
      path: {{ .path }}
      port: 443
    {{- include "countersign.caBundle" $root | nindent 4 }}
  namespaceSelector:
    matchExpressions:
      # By the label that the API server itself keeps.
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values:
          {{- toYaml (concat (list "kube-system" $root.Release.Namespace) $root.Values.namespaces.exclude | uniq) | nindent 10 }}
      {{- if eq .label "enforce" }}
      - key: countersign.dev/enforce
        operator: In
        values: ["true"]
      {{- else if eq .label "include" }}
      - key: policy.sigstore.dev/include
        operator: In
        values: ["true"]
      - key: countersign.dev/enforce
        operator: NotIn
        values: ["true"]
      {{- end }}
  rules:
    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [pods, pods/ephemeralcontainers{{ if not .pods }}, podtemplates, replicationcontrollers{{ end }}]
      scope: Namespaced
    {{- if not .pods }}
    - apiGroups: [apps]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [daemonsets, deployments, replicasets, statefulsets]
      scope: Namespaced
    - apiGroups: [batch]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [cronjobs, jobs]
      scope: Namespaced
    {{- range $root.Values.workloadKinds }}
    - apiGroups: [{{ .group | quote }}]
      apiVersions: {{ toJson .versions }}
      operations: [CREATE, UPDATE]
      resources: [{{ .resource | quote }}]
      scope: Namespaced
    {{- end }}
    {{- end }}
{{- end -}}

{{- /* The file with the custom resources that name images. */ -}}
{{- define "countersign.workloadKinds" -}}
apiVersion: countersign.dev/v1alpha1
kind: WorkloadKinds
kinds:
{{ toYaml .Values.workloadKinds }}
{{- end -}}

{{- /* The file that says how registries are reached. */ -}}
{{- define "countersign.registries" -}}
apiVersion: countersign.dev/v1alpha1
kind: Registries
requestsPerRegistry: {{ .Values.registries.requestsPerRegistry | int64 }}
{{- with .Values.registries.mirrors }}
mirrors:
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The ports to which a replica may speak: those that are listed, and those of the collector of traces and the proxy. */ -}}
{{- define "countersign.egressPorts" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.egressPorts }}{{ $ports = append $ports (int64 .) }}{{ end -}}
{{- range list .Values.traces.endpoint .Values.registries.proxy.https }}
{{- if . -}}
{{- $url := urlParse (ternary . (printf "http://%s" .) (contains "://" .)) -}}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $ports = append $ports (int64 ($named | default (ternary "443" "80" (eq $url.scheme "https")))) -}}
{{- end -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}
