{{/* Of a pod: the restricted profile of the Pod Security Standards. */}}
{{- define "innkeeper.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.podSecurity.runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.podSecurity.runAsGroup }}
runAsGroup: {{ int64 . }}
{{- end }}
{{- with .Values.podSecurity.fsGroup }}
fsGroup: {{ int64 . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "innkeeper.securityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What every pod begins with. Service links off: a service called innkeeper would put INNKEEPER_PORT=tcp://… into the
     environment, which is no setting, and one called vllm VLLM_PORT. Takes (list $ place) where place has nodeSelector etc. */}}
{{- define "innkeeper.podStart" -}}
{{- $top := index . 0 }}{{ $place := index . 1 -}}
serviceAccountName: {{ include "innkeeper.serviceAccount" $top | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $top.Values.global.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
securityContext:
  {{- include "innkeeper.podSecurityContext" $top | nindent 2 }}
{{- with $place.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $place.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $place.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $place.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Replicas on different machines and in different zones where there are any. Takes (list $ component). */}}
{{- define "innkeeper.spread" -}}
topologySpreadConstraints:
{{- $args := . }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "innkeeper.selector" $args | nindent 8 }}
{{- end }}
{{- end }}

{{/* A change of what a pod reads at its start must start it anew. Takes (list $ annotations). */}}
{{- define "innkeeper.checksums" -}}
{{- $top := index . 0 }}
checksum/policies: {{ toJson $top.Values.policies | sha256sum }}
checksum/config: {{ toJson $top.Values.config | sha256sum }}
{{- with index . 1 }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Volumes of a pod of ours: a root that can't be written needs /tmp and the data folder. Takes (list $ place reads data):
     reads says whether it gets config and policies, data the volume source of the data folder. */}}
{{- define "innkeeper.volumes" -}}
{{- $top := index . 0 }}{{ $place := index . 1 }}{{ $reads := index . 2 }}
- name: data
  {{- toYaml (index . 3) | nindent 2 }}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- if and $reads $top.Values.config.existingSecret }}
- name: config
  secret:
    secretName: {{ $top.Values.config.existingSecret | quote }}
    defaultMode: 0440
    items:
      - {key: {{ $top.Values.config.key | quote }}, path: innkeeper.toml}
{{- end }}
{{- if and $reads (include "innkeeper.hasPolicies" $top) }}
- name: policies
  configMap:
    name: {{ default (printf "%s-policies" (include "innkeeper.fullname" $top)) $top.Values.policies.existingConfigMap | quote }}
    defaultMode: 0444
    {{- if $top.Values.policies.files }}
    items:
    {{- range $path, $_ := $top.Values.policies.files }}
      - {key: {{ $path | replace "/" "__" }}, path: {{ $path }}}
    {{- end }}
    {{- end }}
{{- end }}
{{- with $place.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "innkeeper.mounts" -}}
{{- $top := index . 0 }}{{ $place := index . 1 }}{{ $reads := index . 2 -}}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
{{- if and $reads $top.Values.config.existingSecret }}
- {name: config, mountPath: /etc/innkeeper/config, readOnly: true}
{{- end }}
{{- if and $reads (include "innkeeper.hasPolicies" $top) }}
- {name: policies, mountPath: /etc/innkeeper/policies, readOnly: true}
{{- end }}
{{- with $place.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "innkeeper.hasPolicies" -}}
{{- if or .Values.policies.files .Values.policies.existingConfigMap }}yes{{ end }}
{{- end }}
