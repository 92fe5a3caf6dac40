{{/* One way out. Takes (dict "peers" PEERS "ports" LIST-OF-WHAT-THE-VALUES-NAME). */}}
{{- define "dataengine.wayOut" -}}
{{- $ports := default .ports .peers.ports -}}
- ports: {{- range $ports | uniq }}
    - {protocol: TCP, port: {{ int . }}}
  {{- end }}
  {{- with .peers.to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The ports of host:port, separated by commas. */}}
{{- define "dataengine.ports" -}}
{{- range splitList "," . }}
- {{ splitList ":" . | last | trim }}
{{- end }}
{{- end -}}

{{- define "dataengine.s3.ports" -}}
{{- if contains ":" .Values.s3.endpoint -}}
{{- include "dataengine.ports" .Values.s3.endpoint -}}
{{- else }}
- {{ ternary 443 80 .Values.s3.secure }}
{{- end -}}
{{- end -}}

{{- define "dataengine.tracing.ports" -}}
{{- $host := (urlParse .Values.tracingEndpoint).host -}}
- {{ ternary (splitList ":" $host | last) "4317" (contains ":" $host) }}
{{- end -}}

{{/* Which components go where. */}}
{{- define "dataengine.ways" -}}
kafka: [evaluator, analyzer, generator, trainer, prepare, test]
s3: [evaluator, analyzer, generator, trainer, prepare, test, tritonServer]
triton: [evaluator, test]
teacher: [generator]
apiServer: [{{ if .Values.training.jobs }}trainer{{ end }}]
tracing: [evaluator, analyzer, generator, trainer]
{{- end -}}
