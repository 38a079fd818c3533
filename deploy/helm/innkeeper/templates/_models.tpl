{{/* The file of deploy/models that a server of `models` names, as JSON. Takes (list $ name). */}}
{{- define "innkeeper.profile" -}}
{{- $top := index . 0 }}{{ $name := index . 1 }}
{{- $profile := (index $top.Values.models $name).profile }}
{{- $file := $top.Files.Get (printf "files/models/%s.yaml" $profile) }}
{{- if not $file }}
{{- $known := list }}
{{- range $path, $_ := $top.Files.Glob "files/models/[a-z]*.yaml" }}{{ $known = append $known (base $path | trimSuffix ".yaml") }}{{ end }}
{{- fail (printf "models.%s.profile: there is no profile %q; there are %s" $name $profile (join ", " $known)) }}
{{- end }}
{{- $file | fromYaml | toJson }}
{{- end }}

{{- define "innkeeper.everyServer" -}}
{{- .Files.Get "files/models/_every_server.yaml" | fromYaml | toJson }}
{{- end }}

{{- define "innkeeper.modelUrl" -}}
http://{{ include "innkeeper.fullname" (index . 0) }}-model-{{ index . 1 }}:8000/v1
{{- end }}

{{/* The name that a server knows its model by. Takes (list $ name). */}}
{{- define "innkeeper.servedName" -}}
{{- $profile := include "innkeeper.profile" . | fromJson }}
{{- $args := concat $profile.args (default list (index (index . 0).Values.models (index . 1)).extraArgs) }}
{{- $served := "" }}
{{- range $args }}{{ if hasPrefix "--served-model-name=" . }}{{ $served = trimPrefix "--served-model-name=" . }}{{ end }}{{ end }}
{{- $served }}
{{- end }}

{{/* The server's name if it is there and of that role. Takes (list $ name role key). */}}
{{- define "innkeeper.known" -}}
{{- $top := index . 0 }}{{ $name := index . 1 }}{{ $role := index . 2 }}{{ $key := index . 3 }}
{{- if not (hasKey $top.Values.models $name) }}
{{- fail (printf "%s: there is no %q in models; there are %s" $key $name (keys $top.Values.models | sortAlpha | join ", " | default "none")) }}
{{- end }}
{{- $profile := include "innkeeper.profile" (list $top $name) | fromJson }}
{{- if ne $profile.role $role }}{{ fail (printf "%s: models.%s is for %s, not for %s" $key $name $profile.role $role) }}{{ end }}
{{- end }}

{{/* The model that everything without a route is asked of: {url, profile, model}. */}}
{{- define "innkeeper.llm" -}}
{{- $external := .Values.llm.external }}
{{- if and .Values.llm.default $external.url }}{{ fail "llm: default and external.url are both given; give one" }}{{ end }}
{{- if .Values.llm.default }}
{{- include "innkeeper.known" (list . .Values.llm.default "chat" "llm.default") }}
{{- $profile := include "innkeeper.profile" (list . .Values.llm.default) | fromJson }}
{{- dict "url" (include "innkeeper.modelUrl" (list . .Values.llm.default)) "profile" $profile.profile "model" (include "innkeeper.servedName" (list . .Values.llm.default)) | toJson }}
{{- else if $external.url }}
{{- dict "url" $external.url "profile" (default "qwen3" $external.profile) "model" $external.model | toJson }}
{{- else }}
{{- fail "llm: there is no model: set llm.default to a server of models, or llm.external.url to one that runs elsewhere" }}
{{- end }}
{{- end }}

{{/* Every other chat server of `models`, as INNKEEPER_MODELS takes them. */}}
{{- define "innkeeper.otherModels" -}}
{{- $found := dict }}
{{- range $name, $_ := .Values.models }}
{{- $profile := include "innkeeper.profile" (list $ $name) | fromJson }}
{{- if and (eq $profile.role "chat") (ne $name $.Values.llm.default) }}
{{- $one := dict "base_url" (include "innkeeper.modelUrl" (list $ $name)) "profile" $profile.profile "model" (include "innkeeper.servedName" (list $ $name)) }}
{{- if $.Values.llm.apiKey.existingSecret }}{{ $_ := set $one "api_key" "$(INNKEEPER_LLM_API_KEY)" }}{{ end }}
{{- $_ := set $found $name $one }}
{{- end }}
{{- end }}
{{- $found | toJson }}
{{- end }}

{{/* {url, model}, both empty for no reranking by a server. */}}
{{- define "innkeeper.reranker" -}}
{{- $external := .Values.reranker.external }}
{{- if .Values.reranker.server }}
{{- if $external.url }}{{ fail "reranker: server and external.url are both given; give one" }}{{ end }}
{{- include "innkeeper.known" (list . .Values.reranker.server "rerank" "reranker.server") }}
{{- dict "url" (include "innkeeper.modelUrl" (list . .Values.reranker.server)) "model" (include "innkeeper.servedName" (list . .Values.reranker.server)) | toJson }}
{{- else }}
{{- if and $external.url (not $external.model) }}{{ fail "reranker.external.url needs reranker.external.model, the name that the server knows the model by" }}{{ end }}
{{- dict "url" $external.url "model" $external.model | toJson }}
{{- end }}
{{- end }}

{{/* "yes" if a router stands before the replicas of a server. Takes (list $ name). */}}
{{- define "innkeeper.isRouted" -}}
{{- if dig "router" "enabled" false (index (index . 0).Values.models (index . 1)) }}yes{{ end }}
{{- end }}

{{/* The component that a server is asked at: its router, if it has one. Takes (list $ name). */}}
{{- define "innkeeper.askedAt" -}}
{{ ternary "router" "model" (ne (include "innkeeper.isRouted" .) "") }}-{{ index . 1 }}
{{- end }}

{{/* The addresses of all replicas that a server ever has, as a JSON list. Takes (list $ name). */}}
{{- define "innkeeper.replicaUrls" -}}
{{- $top := index . 0 }}{{ $name := index . 1 }}{{ $urls := list }}
{{- $replicas := int (dig "replicas" 1 (index $top.Values.models $name)) }}
{{- if $top.Values.keda.enabled }}{{ $replicas = int (dig $name "maxReplicas" $replicas $top.Values.keda.models) }}{{ end }}
{{- $set := printf "%s-model-%s" (include "innkeeper.fullname" $top) $name }}
{{- range until (max 1 $replicas | int) }}{{ $urls = append $urls (printf "http://%s-%d.%s-pods:8000" $set . $set) }}{{ end }}
{{- $urls | toJson }}
{{- end }}
