import { wordList } from '../../../shared/word-list.ts'

/** Resources of Kubernetes itself, by group: `resource:Kind`, with `!` for those that are in no namespace. */
const RESOURCES: Readonly<Record<string, readonly string[]>> = {
  '': wordList(`
    bindings:Binding componentstatuses!:ComponentStatus configmaps:ConfigMap endpoints:Endpoints events:Event limitranges:LimitRange
    namespaces!:Namespace nodes!:Node persistentvolumeclaims:PersistentVolumeClaim persistentvolumes!:PersistentVolume pods:Pod
    podtemplates:PodTemplate replicationcontrollers:ReplicationController resourcequotas:ResourceQuota secrets:Secret
    serviceaccounts:ServiceAccount services:Service
  `),
  apps: wordList(`
    controllerrevisions:ControllerRevision daemonsets:DaemonSet deployments:Deployment replicasets:ReplicaSet statefulsets:StatefulSet
  `),
  batch: wordList('cronjobs:CronJob jobs:Job'),
  autoscaling: wordList('horizontalpodautoscalers:HorizontalPodAutoscaler'),
  policy: wordList('poddisruptionbudgets:PodDisruptionBudget'),
  'networking.k8s.io': wordList(`
    ingressclasses!:IngressClass ingresses:Ingress ipaddresses!:IPAddress networkpolicies:NetworkPolicy servicecidrs!:ServiceCIDR
  `),
  'discovery.k8s.io': wordList('endpointslices:EndpointSlice'),
  'events.k8s.io': wordList('events:Event'),
  'coordination.k8s.io': wordList('leases:Lease'),
  'storage.k8s.io': wordList(`
    csidrivers!:CSIDriver csinodes!:CSINode csistoragecapacities:CSIStorageCapacity storageclasses!:StorageClass
    volumeattachments!:VolumeAttachment volumeattributesclasses!:VolumeAttributesClass
  `),
  'scheduling.k8s.io': wordList('priorityclasses!:PriorityClass'),
  'node.k8s.io': wordList('runtimeclasses!:RuntimeClass'),
  'rbac.authorization.k8s.io': wordList(`
    clusterrolebindings!:ClusterRoleBinding clusterroles!:ClusterRole rolebindings:RoleBinding roles:Role
  `),
  'admissionregistration.k8s.io': wordList(`
    mutatingadmissionpolicies!:MutatingAdmissionPolicy mutatingadmissionpolicybindings!:MutatingAdmissionPolicyBinding
    mutatingwebhookconfigurations!:MutatingWebhookConfiguration validatingadmissionpolicies!:ValidatingAdmissionPolicy
    validatingadmissionpolicybindings!:ValidatingAdmissionPolicyBinding
    validatingwebhookconfigurations!:ValidatingWebhookConfiguration
  `),
  'apiextensions.k8s.io': wordList('customresourcedefinitions!:CustomResourceDefinition'),
  'apiregistration.k8s.io': wordList('apiservices!:APIService'),
  'certificates.k8s.io': wordList(`
    certificatesigningrequests!:CertificateSigningRequest clustertrustbundles!:ClusterTrustBundle
    podcertificaterequests:PodCertificateRequest
  `),
  'authentication.k8s.io': wordList('selfsubjectreviews!:SelfSubjectReview tokenreviews!:TokenReview'),
  'authorization.k8s.io': wordList(`
    localsubjectaccessreviews:LocalSubjectAccessReview selfsubjectaccessreviews!:SelfSubjectAccessReview
    selfsubjectrulesreviews!:SelfSubjectRulesReview subjectaccessreviews!:SubjectAccessReview
  `),
  'flowcontrol.apiserver.k8s.io': wordList(`
    flowschemas!:FlowSchema prioritylevelconfigurations!:PriorityLevelConfiguration
  `),
  'resource.k8s.io': wordList(`
    deviceclasses!:DeviceClass resourceclaims:ResourceClaim resourceclaimtemplates:ResourceClaimTemplate resourceslices!:ResourceSlice
  `),
  // The metrics server, which `kubectl top` reads.
  'metrics.k8s.io': wordList('nodes!:NodeMetrics pods:PodMetrics'),
}

export interface KnownResource {
  readonly kind: string
  readonly isNamespaced: boolean
}

/** Undefined for what is not of Kubernetes itself. */
export const knownResource = (group: string, resource: string): KnownResource | undefined =>
  known.get(fullName(resource, group))

/** The group of an `apiVersion`; of the core group, which has none there, the empty one. */
export const groupOf = (apiVersion: string): string => apiVersion.slice(0, Math.max(apiVersion.indexOf('/'), 0))

/** Of an object that says its kind; undefined where that is none of Kubernetes itself. */
export const resourceOfKind = (
  group: string,
  kind: string,
): { readonly resource: string; readonly group: string; readonly subresource: '' } | undefined =>
  byKind.get(`${group}/${kind}`)

/** `deployments.apps`, `pods`. */
export const fullName = (resource: string, group: string): string => (group === '' ? resource : `${resource}.${group}`)

/** The group in which the API server shows the same objects once more: those of events (k8s.io/kubernetes/pkg/registry/events/rest). */
export function otherGroupOf(resource: string, group: string): string | undefined {
  if (resource !== 'events') return undefined
  return group === '' ? 'events.k8s.io' : group === 'events.k8s.io' ? '' : undefined
}

/** Full names of all that go by this name. */
export const namesOfResource = (resource: string): readonly string[] =>
  [...known.keys()].filter((name) => name === resource || name.startsWith(`${resource}.`))

const known: ReadonlyMap<string, KnownResource> = new Map(
  Object.entries(RESOURCES).flatMap(([group, entries]) =>
    entries.map((entry) => {
      const [resource = '', kind = ''] = entry.split(':')
      return [fullName(resource.replace('!', ''), group), { kind, isNamespaced: !resource.endsWith('!') }] as const
    }),
  ),
)

const byKind: ReadonlyMap<string, { readonly resource: string; readonly group: string; readonly subresource: '' }> =
  new Map(
    [...known].map(([name, { kind }]) => {
      const at = name.indexOf('.')
      const [resource, group] = at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)]
      return [`${group}/${kind}`, { resource, group, subresource: '' }] as const
    }),
  )
