{{/* A policy for the pods of one component. Takes (dict "top" "component" "ingress" "egress"), both lists of rules. */}}
{{- define "innkeeper.policy" }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "innkeeper.fullname" .top }}-{{ .component }}
  labels:
    {{- include "innkeeper.labels" (list .top .component) | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "innkeeper.selector" (list .top .component) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- toYaml .ingress | nindent 4 }}
  egress:
    {{- toYaml .egress | nindent 4 }}
{{- end }}

{{/* A rule with our own components on the other side. Takes (list $ key port components), key being from or to. */}}
{{- define "innkeeper.ruleOfOurs" -}}
{{- $top := index . 0 }}{{ $key := index . 1 }}{{ $port := index . 2 }}{{ $peers := list }}
{{- range index . 3 }}
{{- $peers = append $peers (dict "podSelector" (dict "matchLabels" (include "innkeeper.selector" (list $top .) | fromYaml))) }}
{{- end }}
{{- dict $key $peers "ports" (list (dict "protocol" "TCP" "port" $port)) | toJson }}
{{- end }}

{{- define "innkeeper.ruleForDns" -}}
{{- $ports := list }}
{{- range .Values.network.dns.ports }}
{{- $ports = concat $ports (list (dict "protocol" "UDP" "port" .) (dict "protocol" "TCP" "port" .)) }}
{{- end }}
{{- dict "to" .Values.network.dns.to "ports" $ports | toJson }}
{{- end }}

{{/* The ways out that network.external gives to one component, as {rules: […]}. Takes (list $ component). */}}
{{- define "innkeeper.rulesOutside" -}}
{{- $component := index . 1 }}{{ $rules := list }}
{{- range (index . 0).Values.network.external }}
{{- if has $component .from }}
{{- $ports := list }}
{{- range .ports }}{{ $ports = append $ports (dict "protocol" "TCP" "port" .) }}{{ end }}
{{- $rules = append $rules (dict "to" .to "ports" $ports) }}
{{- end }}
{{- end }}
{{- dict "rules" $rules | toJson }}
{{- end }}
