{{/* Labels of every object; the argument is (root, component). */}}
{{- define "faceledger.labels" -}}
{{- $root := index . 0 -}}
{{ include "faceledger.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: faceledger
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{/* Labels that find the pods of a component; they never change. */}}
{{- define "faceledger.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: faceledger
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* What makes a pod a restricted one (Pod Security Standards). */}}
{{- define "faceledger.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "faceledger.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "faceledger.receiptsClaim" -}}
{{- with .Values.receipts.persistentVolumeClaim -}}
{{- if .existingClaim -}}
{{ .existingClaim }}
{{- else if .create -}}
faceledger-receipts
{{- else -}}
{{ fail "receipts.persistentVolumeClaim: set create, or name a claim in existingClaim" }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A claim of one writer; the argument is (root, component, name, size, storage class, keep). */}}
{{- define "faceledger.claim" -}}
{{- $root := index . 0 -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ index . 2 }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "faceledger.labels" (list $root (index . 1)) | nindent 4 }}
  {{- if index . 5 }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with index . 4 }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ index . 3 }}
{{- end }}
