{{/* No telemetry, no downloads, no tracing. The same as agent/privacy/environment.py, which forces them once more. */}}
{{- define "innkeeper.switches" -}}
{{- range $name, $value := dict
  "ANONYMIZED_TELEMETRY" "False"
  "DO_NOT_TRACK" "1"
  "HF_DATASETS_OFFLINE" "1"
  "HF_HUB_DISABLE_TELEMETRY" "1"
  "HF_HUB_OFFLINE" "1"
  "LANGCHAIN_TRACING_V2" "false"
  "LANGSMITH_TRACING" "false"
  "ORT_DISABLE_TELEMETRY" "1"
  "OTEL_SDK_DISABLED" "true"
  "TOKENIZERS_PARALLELISM" "false"
  "TRANSFORMERS_NO_ADVISORY_WARNINGS" "1"
  "TRANSFORMERS_OFFLINE" "1"
  "VLLM_NO_USAGE_STATS" "1" }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* What every pod of ours has beside that. A home that can be written. As many threads as the limit
     has cores, rounded up: left alone they are as many as the machine has, and wait for each other. */}}
{{- define "innkeeper.env.common" -}}
{{ include "innkeeper.switches" . }}
- {name: HOME, value: /tmp}
- {name: PYTHONDONTWRITEBYTECODE, value: "1"}
- {name: OMP_WAIT_POLICY, value: PASSIVE}
- name: OMP_NUM_THREADS
  valueFrom: {resourceFieldRef: {resource: limits.cpu}}
- {name: INNKEEPER_DATA_DIR, value: /data}
- {name: INNKEEPER_CHROMA_URL, value: {{ include "innkeeper.chromaUrl" . | quote }}}
{{- range $name, $value := .Values.settings }}
- {name: INNKEEPER_{{ upper $name }}, value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}}
{{- end }}
{{- end }}

{{/* What api and worker have beside that: all that a turn needs. */}}
{{- define "innkeeper.env.turns" -}}
{{ include "innkeeper.env.common" . }}
{{- if .Values.redis.auth.existingSecret }}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.redis.auth.existingSecret | quote }}, key: {{ .Values.redis.auth.key | quote }}}}
{{- end }}
- {name: INNKEEPER_REDIS_URL, value: {{ include "innkeeper.redisUrl" . | quote }}}
{{- if .Values.llm.apiKey.existingSecret }}
- name: INNKEEPER_LLM_API_KEY
  valueFrom: {secretKeyRef: {name: {{ .Values.llm.apiKey.existingSecret | quote }}, key: {{ .Values.llm.apiKey.key | quote }}}}
{{- end }}
{{- $llm := include "innkeeper.llm" . | fromJson }}
- {name: INNKEEPER_LLM_BASE_URL, value: {{ $llm.url | quote }}}
- {name: INNKEEPER_LLM_PROFILE, value: {{ $llm.profile | quote }}}
{{- with $llm.model }}
- {name: INNKEEPER_LLM_MODEL, value: {{ . | quote }}}
{{- end }}
{{- with include "innkeeper.otherModels" . | fromJson }}
- {name: INNKEEPER_MODELS, value: {{ toJson . | quote }}}
{{- end }}
{{- with .Values.llm.routes }}
- {name: INNKEEPER_ROUTES, value: {{ toJson . | quote }}}
{{- end }}
{{- $reranker := include "innkeeper.reranker" . | fromJson }}
{{- with $reranker.url }}
- {name: INNKEEPER_RERANKER_URL, value: {{ . | quote }}}
- {name: INNKEEPER_RERANKER_MODEL, value: {{ $reranker.model | quote }}}
{{- if and $.Values.llm.apiKey.existingSecret $.Values.reranker.server }}
- name: INNKEEPER_RERANKER_API_KEY
  valueFrom: {secretKeyRef: {name: {{ $.Values.llm.apiKey.existingSecret | quote }}, key: {{ $.Values.llm.apiKey.key | quote }}}}
{{- end }}
{{- end }}
{{- if .Values.config.existingSecret }}
- {name: INNKEEPER_CONFIG, value: /etc/innkeeper/config/innkeeper.toml}
{{- end }}
{{- if include "innkeeper.hasPolicies" . }}
- {name: INNKEEPER_POLICY_DIR, value: /etc/innkeeper/policies}
{{- end }}
{{- with .Values.otlp.endpoint }}
- {name: INNKEEPER_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
- {name: INNKEEPER_HOST, value: {{ .Values.api.listen | quote }}}
{{- end }}

{{- define "innkeeper.redisUrl" -}}
{{- if .Values.redis.enabled -}}
redis://:$(REDIS_PASSWORD)@{{ include "innkeeper.fullname" . }}-redis:6379/0
{{- else -}}
{{ .Values.redis.external.url }}
{{- end }}
{{- end }}

{{- define "innkeeper.chromaUrl" -}}
{{- if .Values.chroma.enabled -}}
http://{{ include "innkeeper.fullname" . }}-chroma:8000
{{- else -}}
{{ .Values.chroma.external.url }}
{{- end }}
{{- end }}
