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

{{/* The run file, with the Secret as its key where none is named. */}}
{{- define "signer.spec" -}}
{{- $run := deepCopy .Values.run -}}
{{- if and (eq $run.signing.type "cosign") (not $run.signing.spec.privateKey) -}}
{{- $_ := set $run.signing.spec "privateKey" (printf "k8s://%s/%s" .Release.Namespace .Values.key.secret) -}}
{{- end -}}
{{- if .Values.registry.secret -}}
{{- $_ := set $run "credentials" (dict "dockerConfig" "/registry/config.json") -}}
{{- end -}}
{{- toYaml $run -}}
{{- end -}}
