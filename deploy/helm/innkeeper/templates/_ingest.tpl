{{/* The pod of a run. Takes (list $ name-of-the-list's-ConfigMap data-volume). */}}
{{- define "innkeeper.ingestPod" }}
{{- $top := index . 0 }}{{ $listing := index . 1 }}{{ $data := index . 2 }}{{ $ingest := $top.Values.ingest }}
metadata:
  labels:
    {{- include "innkeeper.labels" (list $top "ingest") | nindent 4 }}
    {{- with $ingest.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $ingest.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "innkeeper.podStart" (list $top $ingest) | nindent 2 }}
  restartPolicy: Never
  # It stops between two documents; the next run mends what is half done.
  terminationGracePeriodSeconds: 60
  {{- if $top.Values.chroma.enabled }}
  # Tries are for sources that fail, not for a store that is still being started.
  initContainers:
    - name: wait
      image: {{ include "innkeeper.image" (list $top $top.Values.image "image") | quote }}
      imagePullPolicy: {{ $top.Values.image.pullPolicy }}
      command:
        - sh
        - -ec
        - |
          until python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "$1" 2>/dev/null; do
            sleep 2
          done
        - wait
        - {{ printf "%s/api/v2/heartbeat" (include "innkeeper.chromaUrl" $top) | quote }}
      env:
        {{- include "innkeeper.switches" $top | trim | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 64Mi, ephemeral-storage: 16Mi}
        limits: {cpu: 500m, memory: 256Mi, ephemeral-storage: 64Mi}
      securityContext:
        {{- include "innkeeper.securityContext" $top | nindent 8 }}
  {{- end }}
  containers:
    - name: ingest
      image: {{ include "innkeeper.image" (list $top $top.Values.image "image") | quote }}
      imagePullPolicy: {{ $top.Values.image.pullPolicy }}
      args:
        - ingest
        {{- range $ingest.arguments }}
        - {{ . | quote }}
        {{- end }}
      env:
        {{- include "innkeeper.env.common" $top | trim | nindent 8 }}
        - {name: INNKEEPER_SOURCES, value: /etc/innkeeper/sources/sources.yaml}
        {{- range $ingest.secretEnv }}
        - name: {{ .name | quote }}
          valueFrom: {secretKeyRef: {name: {{ .secret | quote }}, key: {{ .key | quote }}}}
        {{- end }}
      resources:
        {{- toYaml $ingest.resources | nindent 8 }}
      securityContext:
        {{- include "innkeeper.securityContext" $top | nindent 8 }}
      volumeMounts:
        {{- include "innkeeper.mounts" (list $top $ingest false) | nindent 8 }}
        - {name: sources, mountPath: /etc/innkeeper/sources, readOnly: true}
  volumes:
    {{- include "innkeeper.volumes" (list $top $ingest false $data) | trim | nindent 4 }}
    - name: sources
      configMap: {name: {{ $listing | quote }}, defaultMode: 0444}
{{- end }}
