import { wordList } from '../../../shared/word-list.ts'
import { messageOf, type Message, type MessageField } from '../request/messages.ts'
import { isList, isObject } from '../request/json-value.ts'
import { isTaint, LIFETIMES, mayEvict } from './ending-kinds.ts'

/** What an object, or a part of one, asks for. */
export class ObjectEffects {
  readonly settings = new Set<string>()
  readonly images = new Set<string>()
  readonly unknown = new Set<string>()
  scalesToZero = false
  /** A Secret that becomes a token, or lets somebody join the cluster. */
  makesToken = false
  /** Labels of the object itself, some or all of them. */
  setsLabels = false
  /** Pods that run on a node, or use a device, may be evicted. */
  evicts = false
  /** Those of `LIFETIMES` that are named. */
  readonly lifetimes = new Set<string>()
}

export interface ReadingOfObject {
  /** Parts of strategic merge patches: lists and objects may hold directives. */
  readonly directives: boolean
  /** Whether absent fields stay what they are. */
  readonly isPartial: boolean
}

/** Reads a value as a message of the API, field by field: what is not listed there is unknown. */
export function readEffects(
  value: unknown,
  message: Message,
  path: string,
  effects: ObjectEffects,
  reading: ReadingOfObject,
): void {
  if (value === null || value === undefined) return
  if (WHOLE.has(message.fullName)) return
  if (!isObject(value)) {
    effects.unknown.add(`${path} is not an object`)
    return
  }
  const own = Object.hasOwn(MESSAGE_EFFECTS, message.name) ? MESSAGE_EFFECTS[message.name] : undefined
  if (own !== undefined && message.fullName.startsWith(CORE)) effects.settings.add(own)
  if (isTaint(message) && mayEvict(value)) effects.evicts = true
  if (reading.directives) for (const field of removedBy(value, message)) noteRemoval(field, message, effects)
  for (const [name, inner] of Object.entries(value)) {
    if (reading.directives && isDirective(name, inner)) continue
    if (path === '' && (name === 'apiVersion' || name === 'kind')) continue
    const field = message.fields.get(name)
    const at = path === '' ? name : `${path}.${name}`
    if (field === undefined) {
      effects.unknown.add(`the field ${at} is not known`)
      continue
    }
    readField(inner, field, message, at, effects, reading)
  }
  if (message.name === 'ScaleSpec' && !reading.isPartial && isZero(value['replicas'] ?? 0)) effects.scalesToZero = true
}

/** Reads what a field is set to; also for a JSON patch, which names it by its path. */
export function readField(
  value: unknown,
  field: MessageField,
  message: Message,
  path: string,
  effects: ObjectEffects,
  reading: ReadingOfObject,
): void {
  if (value === null || value === undefined) return noteRemoval(field, message, effects)
  noteField(value, field, message, effects)
  const inner = messageOf(field.type)
  switch (field.label) {
    case 'map':
      if (!isObject(value)) effects.unknown.add(`${path} is not an object`)
      else if (inner !== undefined)
        for (const [key, item] of Object.entries(value))
          if (!(reading.directives && isDirective(key, item)))
            readEffects(item, inner, `${path}.${key}`, effects, reading)
      return
    case 'repeated':
      if (!isList(value)) effects.unknown.add(`${path} is not a list`)
      else
        for (const item of value) {
          if (inner !== undefined) readEffects(item, inner, `${path}[]`, effects, reading)
          else if (item !== null && typeof item === 'object') effects.unknown.add(`${path} is not a list of values`)
        }
      return
    case 'single':
    case 'inline':
      if (inner !== undefined) readEffects(value, inner, path, effects, reading)
      else if (typeof value === 'object') effects.unknown.add(`${path} is not a value`)
  }
}

/** What fields of pods, and of what makes pods, mean. Of the core group alone: others have fields of the same names. */
function noteField(value: unknown, field: MessageField, message: Message, effects: ObjectEffects): void {
  const name = `${message.name}.${field.name}`
  if (Object.hasOwn(REPLICAS, name) && isZero(value)) effects.scalesToZero = true
  // A scale without replicas is one of none.
  if (name === 'ScaleSpec.replicas' && (value === null || isZero(value))) effects.scalesToZero = true
  if (name === 'Scale.spec' && value === null) effects.scalesToZero = true
  if (name === 'JobSpec.suspend' && isSet(value)) effects.scalesToZero = true
  if (name === 'Secret.type' && typeof value === 'string' && TOKEN_TYPES.has(value)) effects.makesToken = true
  if (name === 'ObjectMeta.labels') effects.setsLabels = true
  if (LIFETIMES.has(name)) effects.lifetimes.add(name)
  if (name === 'ControllerRevision.data' && isSet(value))
    effects.unknown.add('what a revision keeps is not read, and controllers make pods of it')
  // Devices that others use, as the node's administrator sees them.
  if (field.name === 'adminAccess' && isSet(value)) effects.settings.add('device-admin')
  if (name === 'DeleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential' && isSet(value))
    effects.unknown.add('what cannot be read is deleted past finalizers and preconditions')
  if (message.name === 'ObjectMeta') {
    if (field.name === 'ownerReferences' && isSet(value)) effects.settings.add('owner-references')
    if (field.name === 'finalizers') effects.settings.add('finalizers')
    if (field.name === 'annotations' && isObject(value)) noteAnnotations(value, effects)
    return
  }
  if (!message.fullName.startsWith(CORE)) return
  if (field.name === 'image' && /^(Ephemeral)?Container(Common)?$/.test(message.name) && isSet(value))
    effects.images.add(String(value))
  if (name === 'ImageVolumeSource.reference' && isSet(value)) effects.images.add(String(value))
  const setting = Object.hasOwn(FIELD_SETTINGS, name) ? FIELD_SETTINGS[name] : undefined
  if (setting?.when(value) === true) effects.settings.add(setting.name)
}

/** A field that is no longer there, with all that was in it. */
function noteRemoval(field: MessageField, message: Message, effects: ObjectEffects): void {
  noteField(null, field, message, effects)
  const inner = messageOf(field.type)
  if (inner?.name === 'ObjectMeta') noteReplacedMetadata(inner, effects)
}

/** Metadata of which nothing stays but what takes its place. */
export function noteReplacedMetadata(metadata: Message, effects: ObjectEffects): void {
  for (const field of metadata.fields.values()) noteField(null, field, metadata, effects)
}

/** Fields that directives of a strategic merge patch remove, without a word about them (mergeMap and handleDirectiveMarker in patch.go). */
function removedBy(value: Readonly<Record<string, unknown>>, { fields }: Message): MessageField[] {
  const { $patch: directive, $retainKeys: retained } = value
  const isReplaced = directive === 'replace' || directive === 'delete'
  const stays = (name: string): boolean =>
    isReplaced ? directive === 'replace' && name in value : !isList(retained) || retained.includes(name)
  return [...fields]
    .filter(([name]) => !stays(name) || `$deleteFromPrimitiveList/${name}` in value)
    .map(([, field]) => field)
}

function noteAnnotations(annotations: Readonly<Record<string, unknown>>, effects: ObjectEffects): void {
  for (const [key, value] of Object.entries(annotations)) {
    if (
      /^(container\.)?(apparmor\.security\.beta|seccomp\.security\.alpha)\.kubernetes\.io\//.test(key) &&
      value !== 'runtime/default'
    )
      effects.settings.add('unconfined')
  }
}

const isSet = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  value !== '' &&
  value !== 0 &&
  value !== false &&
  !(Array.isArray(value) && value.length === 0)
const isZero = (value: unknown): boolean => Number(value) === 0 && value !== null && value !== ''

interface Setting {
  readonly name: string
  readonly when: (value: unknown) => boolean
}

const when = (name: string, test: (value: unknown) => boolean = isSet): Setting => ({ name, when: test })
const isOtherThan =
  (...values: readonly string[]) =>
  (value: unknown): boolean =>
    isSet(value) && !(typeof value === 'string' && values.includes(value))

/** Capabilities that the baseline of the Pod Security Standards lets containers have. */
const BASELINE_CAPABILITIES = new Set(
  wordList(`
    AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT
  `),
)
const beyondBaseline = (value: unknown): boolean =>
  !isList(value) ? isSet(value) : value.some((name) => !(typeof name === 'string' && BASELINE_CAPABILITIES.has(name)))

/** Source: the Pod Security Standards of Kubernetes 1.37, and what an account, a node and a Secret are given away by. */
const FIELD_SETTINGS: Readonly<Record<string, Setting>> = {
  'PodSpec.hostNetwork': when('host-network'),
  'PodSpec.hostPID': when('host-pid'),
  'PodSpec.hostIPC': when('host-ipc'),
  'PodSpec.nodeName': when('node-name'),
  'PodSpec.serviceAccountName': when('service-account', isOtherThan('default')),
  'PodSpec.serviceAccount': when('service-account', isOtherThan('default')),
  'PodSpec.priorityClassName': when('system-priority', (value) => isSet(value) && String(value).startsWith('system-')),
  'PodSpec.runtimeClassName': when('runtime-class'),
  'PodSpec.ephemeralContainers': when('ephemeral-container'),
  'PodSecurityContext.sysctls': when('sysctls'),
  'PodSecurityContext.runAsUser': when('root-user', (value) => value !== null && isZero(value)),
  'SecurityContext.runAsUser': when('root-user', (value) => value !== null && isZero(value)),
  'SecurityContext.privileged': when('privileged'),
  'SecurityContext.allowPrivilegeEscalation': when('privilege-escalation'),
  'SecurityContext.procMount': when('proc-mount', isOtherThan('Default')),
  'Capabilities.add': when('capabilities', beyondBaseline),
  'SeccompProfile.type': when('unconfined', isOtherThan('RuntimeDefault', 'Localhost')),
  'AppArmorProfile.type': when('unconfined', isOtherThan('RuntimeDefault', 'Localhost')),
  'SELinuxOptions.user': when('selinux'),
  'SELinuxOptions.role': when('selinux'),
  'SELinuxOptions.type': when(
    'selinux',
    isOtherThan('container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'),
  ),
  'WindowsSecurityContextOptions.hostProcess': when('host-process'),
  'ContainerPort.hostPort': when('host-port'),
  'HTTPGetAction.host': when('probe-host'),
  'TCPSocketAction.host': when('probe-host'),
  // Traffic to these addresses is led to the service, whosever they are (CVE-2020-8554).
  'ServiceSpec.externalIPs': when('external-ips'),
  'LoadBalancerIngress.ip': when('external-ips'),
  'LoadBalancerIngress.hostname': when('external-ips'),
}

/** Parts of pods and volumes that are a setting by being there. */
const MESSAGE_EFFECTS: Readonly<Record<string, string>> = {
  HostPathVolumeSource: 'host-path',
  LocalVolumeSource: 'host-path',
  FlexVolumeSource: 'host-path',
  FlexPersistentVolumeSource: 'host-path',
  CSIVolumeSource: 'csi-volume',
  SecretVolumeSource: 'pod-secrets',
  SecretProjection: 'pod-secrets',
  SecretKeySelector: 'pod-secrets',
  SecretEnvSource: 'pod-secrets',
  ServiceAccountTokenProjection: 'service-account-token',
  PodCertificateProjection: 'pod-certificate',
}

const REPLICAS: Readonly<Record<string, true>> = {
  'DeploymentSpec.replicas': true,
  'ReplicaSetSpec.replicas': true,
  'StatefulSetSpec.replicas': true,
  'ReplicationControllerSpec.replicas': true,
  'HorizontalPodAutoscalerSpec.minReplicas': true,
  'HorizontalPodAutoscalerSpec.maxReplicas': true,
  'JobSpec.parallelism': true,
}

const TOKEN_TYPES = new Set(['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token'])

/** Of a strategic merge patch (k8s.io/apimachinery/pkg/util/strategicpatch). */
function isDirective(name: string, value: unknown): boolean {
  if (name === '$patch') return value === 'delete' || value === 'replace' || value === 'merge'
  if (name === '$retainKeys') return isWords(value)
  if (name.startsWith('$setElementOrder/')) return Array.isArray(value)
  return name.startsWith('$deleteFromPrimitiveList/') && isWords(value)
}

const isWords = (value: unknown): boolean => Array.isArray(value) && value.every((word) => typeof word !== 'object')

const CORE = 'k8s.io.api.core.v1.'
/** Messages that JSON has as a value, or as any object. */
const WHOLE = new Set([
  'k8s.io.apimachinery.pkg.api.resource.Quantity',
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time',
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Duration',
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Verbs',
  'k8s.io.apimachinery.pkg.runtime.RawExtension',
  'k8s.io.api.authentication.v1.ExtraValue',
  'k8s.io.api.authorization.v1.ExtraValue',
  'k8s.io.api.certificates.v1.ExtraValue',
])
