{{- define "signer.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "signer.account" -}}
{{- .Values.serviceAccount.name | default (include "signer.name" .) -}}
{{- end -}}

{{- define "signer.labels" -}}
app.kubernetes.io/name: countersign-signer
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end -}}

{{- define "signer.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Whether the key is the Secret, because the run file names none. */}}
{{- define "signer.usesSecret" -}}
{{- $spec := .Values.run.signing.spec | default dict -}}
{{- if and (eq .Values.run.signing.type "cosign") (not $spec.privateKey) -}}yes{{- end -}}
{{- end -}}

{{/* Whether the record is an object of the namespace. */}}
{{- define "signer.recordsHere" -}}
{{- if not .Values.run.record -}}yes{{- end -}}
{{- end -}}

{{/* Whether the Pod gets the token of its ServiceAccount: where the key or the record is in the cluster, or Vault is shown it. */}}
{{- define "signer.automounts" -}}
{{- if eq .Values.serviceAccount.automount "auto" -}}
{{- regexMatch "\\b(k8s|hashivault|openbao)://" (include "signer.spec" .) -}}
{{- else -}}
{{- eq .Values.serviceAccount.automount "always" -}}
{{- end -}}
{{- end -}}

{{/* The run file, with the Secret as its key where none is named. */}}
{{- define "signer.spec" -}}
{{- $run := deepCopy .Values.run -}}
{{- if not $run.source.type -}}
{{- fail "run.source says what is signed, as in --set run.source.type=docker,run.source.spec.image=ghcr.io/acme/app:1.2" -}}
{{- end -}}
{{- if include "signer.usesSecret" . -}}
{{- $key := dict "privateKey" (printf "k8s://%s/%s" .Release.Namespace .Values.key.secret) -}}
{{- $_ := set $run.signing "spec" (mergeOverwrite (default dict $run.signing.spec) $key) -}}
{{- end -}}
{{- if and (eq $run.signing.type "keyless") .Values.keyless.configMap -}}
{{- $known := dict "signingConfig" "/sigstore/signing_config.json" "trustedRoot" "/sigstore/trusted_root.json" -}}
{{- $_ := set $run.signing "spec" (mergeOverwrite $known (omit (default dict $run.signing.spec) "privateKey")) -}}
{{- else if ne $run.signing.type "cosign" -}}
{{- $_ := set $run.signing "spec" (omit (default dict $run.signing.spec) "privateKey") -}}
{{- end -}}
{{- if include "signer.recordsHere" . -}}
{{- $_ := set $run "record" (printf "k8s://%s" .Release.Namespace) -}}
{{- end -}}
{{- if .Values.registry.secret -}}
{{- $_ := set $run "credentials" (dict "dockerConfig" "/registry/config.json") -}}
{{- end -}}
{{- toYaml $run -}}
{{- end -}}
