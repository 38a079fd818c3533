{{- define "innkeeper.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 36 | trimAll "-" }}
{{- end }}

{{- define "innkeeper.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 36 | trimAll "-" }}
{{- else if contains (include "innkeeper.name" .) .Release.Name }}
{{- .Release.Name | trunc 36 | trimAll "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "innkeeper.name" .) | trunc 36 | trimAll "-" }}
{{- end }}
{{- end }}

{{/* Labels that pods are selected by. Takes (list $ component). */}}
{{- define "innkeeper.selector" -}}
app.kubernetes.io/name: {{ include "innkeeper.name" (index . 0) | quote }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object. Takes (list $ component). */}}
{{- define "innkeeper.labels" -}}
{{ include "innkeeper.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/part-of: innkeeper
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "innkeeper.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "innkeeper.fullname" . }}{{ else }}default{{ end }}
{{- end }}

{{/* Digest before tag, one registry for all of them where global.imageRegistry is given. Takes (list $ image name). */}}
{{- define "innkeeper.image" -}}
{{- $top := index . 0 }}{{ $image := index . 1 }}{{ $what := index . 2 }}
{{- $tag := default (ternary $top.Chart.AppVersion "" (eq $what "image")) $image.tag }}
{{- if and $top.Values.global.airgap (not $image.digest) }}
{{- fail (printf "%s: global.airgap is on, and an image is named by its digest then: set %s.digest to the sha256:… that your registry shows" $what $what) }}
{{- end }}
{{- if not (or $image.digest $tag) }}{{ fail (printf "%s: needs a digest or a tag" $what) }}{{ end }}
{{- $registry := default (default "" $image.registry) $top.Values.global.imageRegistry }}
{{- $name := ternary (printf "%s/%s" $registry $image.repository) $image.repository (ne $registry "") }}
{{- if $image.digest }}{{ $name }}@{{ $image.digest }}{{ else }}{{ $name }}:{{ $tag }}{{ end }}
{{- end }}
