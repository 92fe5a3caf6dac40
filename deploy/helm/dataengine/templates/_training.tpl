{{/* What the trainer is told about training Jobs (`KubernetesPool`). */}}
{{- define "dataengine.training.env" -}}
{{- $name := include "dataengine.fullname" . -}}
{{- $claims := dict -}}
{{- range .Values.volumes -}}
{{- if has "training" .usedBy -}}{{- $_ := set $claims .mountPath .claim -}}{{- end -}}
{{- end -}}
{{- $trainer := include "dataengine.image" (dict "root" . "own" .Values.services.trainer.image "component" "trainer") -}}
{{- with .Values.training }}
- name: DATAENGINE_KUBERNETES_IMAGE
  value: {{ default $trainer .image | quote }}
- name: DATAENGINE_KUBERNETES_PULL_POLICY
  value: {{ $.Values.image.pullPolicy }}
- name: DATAENGINE_KUBERNETES_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: DATAENGINE_KUBERNETES_SERVICE_ACCOUNT
  value: {{ $name }}-training
- name: DATAENGINE_KUBERNETES_LABELS
  value: app.kubernetes.io/instance={{ $.Release.Name }}
- name: DATAENGINE_KUBERNETES_CONFIG_MAPS
  value: {{ $name }}-store
- name: DATAENGINE_KUBERNETES_SECRETS
  value: {{ default $.Values.s3.existingSecret .existingSecret | quote }}
{{- with $.Values.s3.ca }}
{{- if or .configMap .secret }}
- name: DATAENGINE_KUBERNETES_CA_{{ if .configMap }}CONFIG_MAP{{ else }}SECRET{{ end }}
  value: {{ default .secret .configMap | quote }}
- name: DATAENGINE_KUBERNETES_CA_ENTRY
  value: {{ .entry | quote }}
{{- end }}
{{- end }}
- name: DATAENGINE_KUBERNETES_NODES
  value: {{ int .nodes | quote }}
{{- if gt (int .nodes) 1 }}
- name: DATAENGINE_KUBERNETES_HEADLESS_SERVICE
  value: {{ $name }}-training
{{- end }}
- name: DATAENGINE_KUBERNETES_GPUS
  value: {{ int .gpus | quote }}
- name: DATAENGINE_KUBERNETES_GPU_RESOURCE
  value: {{ .gpuResource | quote }}
- name: DATAENGINE_KUBERNETES_CPU
  value: {{ .cpu | quote }}
- name: DATAENGINE_KUBERNETES_MEMORY
  value: {{ .memory | quote }}
- name: DATAENGINE_KUBERNETES_SCRATCH
  value: {{ .scratch | quote }}
- name: DATAENGINE_KUBERNETES_SHARED_MEMORY
  value: {{ .sharedMemory | quote }}
{{- with $.Values.image.pullSecrets }}
- name: DATAENGINE_KUBERNETES_PULL_SECRETS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .nodeSelector }}
- name: DATAENGINE_KUBERNETES_NODE_SELECTOR
  value: {{ include "dataengine.mapping" . | quote }}
{{- end }}
{{- with .tolerations }}
- name: DATAENGINE_KUBERNETES_TOLERATIONS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .priorityClassName }}
- name: DATAENGINE_KUBERNETES_PRIORITY_CLASS
  value: {{ . | quote }}
{{- end }}
{{- with .env }}
- name: DATAENGINE_KUBERNETES_ENV
  value: {{ include "dataengine.mapping" . | quote }}
{{- end }}
{{- with $claims }}
- name: DATAENGINE_KUBERNETES_CLAIMS
  value: {{ include "dataengine.mapping" . | quote }}
{{- end }}
{{- include "dataengine.settings" (dict "prefix" "DATAENGINE_KUBERNETES_" "settings" .settings) }}
{{- end }}
{{- end -}}
