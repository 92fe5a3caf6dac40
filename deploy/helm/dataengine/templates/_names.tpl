{{/* Names, labels and images. */}}

{{- define "dataengine.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the Pods of a component. Takes (dict "root" $ "component" NAME). */}}
{{- define "dataengine.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "dataengine.labels" -}}
{{ include "dataengine.selector" . }}
app.kubernetes.io/part-of: dataengine
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* What the adapter labels training Pods with, and the release. */}}
{{- define "dataengine.trainingSelector" -}}
app.kubernetes.io/name: dataengine-training
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* An image. Takes (dict "root" $ "own" IMAGE "component" NAME). */}}
{{- define "dataengine.image" -}}
{{- if .own -}}
{{- .own -}}
{{- else -}}
{{- $tag := default .root.Chart.AppVersion .root.Values.image.tag -}}
{{- printf "%s-%s%s%s" .root.Values.image.repository .component (ternary "@" ":" (hasPrefix "sha256:" $tag)) $tag -}}
{{- end -}}
{{- end -}}

{{/* A number as an environment variable: YAML's numbers come as floats, and 16777216 must not become 1.6e+07. */}}
{{- define "dataengine.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{- int64 . -}}{{- else -}}{{- . -}}{{- end -}}
{{- end -}}

{{/* Settings by name as variables. Takes (dict "prefix" PREFIX "settings" MAP). */}}
{{- define "dataengine.settings" -}}
{{- range $name, $value := .settings }}
- name: {{ $.prefix }}{{ upper $name }}
  value: {{ include "dataengine.text" $value | quote }}
{{- end }}
{{- end -}}

{{/* A mapping as the adapter reads it: A=1,B=2. */}}
{{- define "dataengine.mapping" -}}
{{- $parts := list -}}
{{- range $name, $value := . -}}{{- $parts = append $parts (printf "%s=%s" $name $value) -}}{{- end -}}
{{- join "," $parts -}}
{{- end -}}
