{{/* What the Pods of all components share. Each takes
(dict "root" $ "component" NAME "engines" LIST "kafka" SECRET "s3" SECRET "scratch" SIZE). */}}

{{- define "dataengine.pod" -}}
enableServiceLinks: false  {{- /* variables of other Services could look like settings */}}
securityContext: {{- .root.Values.podSecurityContext | toYaml | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where a Pod may run. Takes (dict "of" VALUES). */}}
{{- define "dataengine.placement" -}}
{{- with .of.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "dataengine.spread" -}}
{{- with .root.Values.topologyKey }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "dataengine.selector" $ | nindent 8 }}
{{- end }}
{{- end -}}

{{/* The container's folders: two to write to, files of engines, claims. */}}
{{- define "dataengine.mounts" -}}
- {name: scratch, mountPath: /scratch}
- {name: tmp, mountPath: /tmp}
{{- range include "dataengine.files" . | fromYamlArray }}
- {name: {{ .name }}, mountPath: /etc/dataengine/{{ .name }}, readOnly: true}
{{- end }}
{{- range $i, $volume := .root.Values.volumes }}
{{- if has $.component $volume.usedBy }}
- {name: claim-{{ $i }}, mountPath: {{ $volume.mountPath | quote }}, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}

{{- define "dataengine.volumes" -}}
- name: scratch
  emptyDir: {sizeLimit: {{ .scratch }}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- with include "dataengine.files" . | fromYamlArray }}
{{ toYaml . }}
{{- end }}
{{- range $i, $volume := .root.Values.volumes }}
{{- if has $.component $volume.usedBy }}
- name: claim-{{ $i }}
  persistentVolumeClaim: {claimName: {{ $volume.claim }}, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}

{{/* Variables of everything that runs our code. */}}
{{- define "dataengine.env" -}}
- name: DATAENGINE_WORK_FOLDER
  value: /scratch
- name: HOME
  value: /scratch
{{- if has "kafka" .engines }}
{{- include "dataengine.kafka.env" . }}
{{- end }}
{{- if has "s3" .engines }}
{{- include "dataengine.s3.env" . }}
{{- end }}
{{- if has "triton" .engines }}
{{ include "dataengine.triton.env" . }}
{{- end }}
{{- end -}}
