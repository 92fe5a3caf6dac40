{{/* How each engine is reached: variables, and the files that they name. A credential is a mounted file; no value of it
is in the chart. Each takes (dict "root" $ "secret" NAME), where the secret is the caller's own or empty. */}}

{{- define "dataengine.kafka.secret" -}}
{{- default .root.Values.kafka.existingSecret .secret -}}
{{- end -}}

{{- define "dataengine.s3.secret" -}}
{{- default .root.Values.s3.existingSecret .secret -}}
{{- end -}}

{{- define "dataengine.kafka.env" -}}
{{- with .root.Values.kafka }}
- name: DATAENGINE_KAFKA_BOOTSTRAP
  value: {{ required "kafka.bootstrap: say where Kafka is, as host:port" .bootstrap | quote }}
{{- with .topicPrefix }}
- name: DATAENGINE_KAFKA_TOPIC_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- if .mechanism }}
- name: DATAENGINE_KAFKA_MECHANISM
  value: {{ .mechanism | quote }}
- name: DATAENGINE_KAFKA_USERNAME_FILE
  value: /etc/dataengine/kafka/{{ .usernameEntry }}
- name: DATAENGINE_KAFKA_PASSWORD_FILE
  value: /etc/dataengine/kafka/{{ .passwordEntry }}
{{- end }}
{{- if .tls.enabled }}
- name: DATAENGINE_KAFKA_TLS
  value: "true"
{{- if or .tls.ca.configMap .tls.ca.secret }}
- name: DATAENGINE_KAFKA_CA_FILE
  value: /etc/dataengine/kafka-ca/{{ .tls.ca.entry }}
{{- end }}
{{- if .tls.clientSecret }}
- name: DATAENGINE_KAFKA_CERT_FILE
  value: /etc/dataengine/kafka-client/tls.crt
- name: DATAENGINE_KAFKA_KEY_FILE
  value: /etc/dataengine/kafka-client/tls.key
{{- end }}
{{- end }}
{{- include "dataengine.settings" (dict "prefix" "DATAENGINE_KAFKA_" "settings" .settings) }}
{{- end }}
{{- end -}}

{{/* Of the store, what is no secret and names no file: training Jobs read it from a ConfigMap. */}}
{{- define "dataengine.s3.plain" -}}
{{- with .Values.s3 }}
DATAENGINE_S3_ENDPOINT: {{ required "s3.endpoint: say where the store is, as host:port" .endpoint | quote }}
DATAENGINE_S3_BUCKET: {{ required "s3.bucket: name the bucket" .bucket | quote }}
DATAENGINE_S3_REGION: {{ .region | quote }}
DATAENGINE_S3_SECURE: {{ .secure | quote }}
{{- with .prefix }}
DATAENGINE_S3_PREFIX: {{ . | quote }}
{{- end }}
{{- range $name, $value := .settings }}
DATAENGINE_S3_{{ upper $name }}: {{ include "dataengine.text" $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "dataengine.s3.env" -}}
{{- range $name, $value := include "dataengine.s3.plain" .root | fromYaml }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .root.Values.s3 }}
- name: DATAENGINE_S3_ACCESS_KEY_FILE
  value: /etc/dataengine/s3/{{ .accessKeyEntry }}
- name: DATAENGINE_S3_SECRET_KEY_FILE
  value: /etc/dataengine/s3/{{ .secretKeyEntry }}
{{- if or .ca.configMap .ca.secret }}
- name: DATAENGINE_S3_CA_FILE
  value: /etc/dataengine/s3-ca/{{ .ca.entry }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where Triton's servers are: those that are named, else each of the chart's own. */}}
{{- define "dataengine.triton.endpoints" -}}
{{- $own := list -}}
{{- if .Values.tritonServer.enabled -}}
{{- $name := printf "%s-triton" (include "dataengine.fullname" .) -}}
{{- range $i := until (int .Values.tritonServer.replicas) -}}
{{- $own = append $own (printf "%s-%d.%s.%s.svc:8001" $name $i $name $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- join "," (concat (default list .Values.triton.endpoints) $own) -}}
{{- end -}}

{{- define "dataengine.triton.env" -}}
- name: DATAENGINE_TRITON_ENDPOINTS
  value: {{ required "triton.endpoints: say where Triton is, or set tritonServer.enabled" (include "dataengine.triton.endpoints" .root) | quote }}
{{- with .root.Values.triton }}
{{- if .secure }}
- name: DATAENGINE_TRITON_SECURE
  value: "true"
{{- end }}
{{- if or .ca.configMap .ca.secret }}
- name: DATAENGINE_TRITON_CA_FILE
  value: /etc/dataengine/triton-ca/{{ .ca.entry }}
{{- end }}
{{- include "dataengine.settings" (dict "prefix" "DATAENGINE_TRITON_" "settings" .settings) }}
{{- end }}
{{- end -}}

{{/* The files behind these variables. Takes (dict "root" $ "kafka" SECRET "s3" SECRET "engines" LIST); gives a list of
volumes, whose mounts have the same names under /etc/dataengine. */}}
{{- define "dataengine.files" -}}
{{- $files := list -}}
{{- $values := .root.Values -}}
{{- if has "kafka" .engines -}}
{{- if $values.kafka.mechanism -}}
{{- $secret := include "dataengine.kafka.secret" (dict "root" .root "secret" .kafka) -}}
{{- $files = append $files (dict "name" "kafka" "secret" (dict "secretName" (required "kafka.existingSecret: a mechanism needs user and password" $secret))) -}}
{{- end -}}
{{- if $values.kafka.tls.enabled -}}
{{- $files = concat $files (include "dataengine.authority" (dict "name" "kafka-ca" "ca" $values.kafka.tls.ca) | fromYamlArray) -}}
{{- with $values.kafka.tls.clientSecret -}}
{{- $files = append $files (dict "name" "kafka-client" "secret" (dict "secretName" .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if has "s3" .engines -}}
{{- $secret := include "dataengine.s3.secret" (dict "root" .root "secret" .s3) -}}
{{- $files = append $files (dict "name" "s3" "secret" (dict "secretName" (required "s3.existingSecret: name the Secret with the keys of the store" $secret))) -}}
{{- $files = concat $files (include "dataengine.authority" (dict "name" "s3-ca" "ca" $values.s3.ca) | fromYamlArray) -}}
{{- end -}}
{{- if has "triton" .engines -}}
{{- $files = concat $files (include "dataengine.authority" (dict "name" "triton-ca" "ca" $values.triton.ca) | fromYamlArray) -}}
{{- end -}}
{{- toYaml $files -}}
{{- end -}}

{{- define "dataengine.authority" -}}
{{- if .ca.configMap -}}
- name: {{ .name }}
  configMap: {name: {{ .ca.configMap }}}
{{- else if .ca.secret -}}
- name: {{ .name }}
  secret: {secretName: {{ .ca.secret }}}
{{- else -}}
[]
{{- end -}}
{{- end -}}
