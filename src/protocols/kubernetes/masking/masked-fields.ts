import type { MaskedField } from '../../../masking/plan.ts'
import { pathsOverlap } from '../../../shared/field-path.ts'
import { fullName, knownResource, otherGroupOf } from '../request/resources.ts'

/** What fields of a rule are of: a resource, and a subresource where a request names one. */
export interface Owner {
  readonly resource: string
  readonly group: string
  readonly subresource: string
}

/** The fields that are masked in an object of this resource. Those of a resource are in its subresources, too. */
export function fieldsOf(owner: Owner, fields: readonly MaskedField[]): readonly MaskedField[] {
  const own = [...fields.filter((field) => isOf(field.owner, owner)), ...fieldsOfOther(owner, fields)]
  if (owner.subresource === 'scale')
    return own.flatMap((field) => (isSelector(owner, field) ? [field, inScale(field)] : [field]))
  if (owner.resource !== 'secrets' || owner.group !== '') return own
  // What is written as `stringData` of a Secret is its `data`: copies in annotations have it.
  return own.flatMap((field) =>
    field.path[0] === 'data' ? [field, { ...field, path: ['stringData', ...field.path.slice(1)] }] : [field],
  )
}

/** Fields of the same object as another group names them. */
function fieldsOfOther(owner: Owner, fields: readonly MaskedField[]): readonly MaskedField[] {
  const group = otherGroupOf(owner.resource, owner.group)
  if (group === undefined) return []
  return fields
    .filter((field) => isOf(field.owner, { ...owner, group }))
    .map((field) => {
      const [first, ...rest] = field.path
      const isCore = group === ''
      const names = EVENT_FIELDS.find(([core, other]) => (isCore ? core : other) === first)
      return names === undefined ? field : { ...field, path: [isCore ? names[1] : names[0], ...rest] }
    })
}

/** In the core group, and in events.k8s.io (k8s.io/kubernetes/pkg/apis/core/types.go and k8s.io/api/events/v1, Event). */
const EVENT_FIELDS: readonly (readonly [core: string, other: string])[] = [
  ['message', 'note'],
  ['involvedObject', 'regarding'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
]

/** A Scale shows the selector of its object as a text (k8s.io/api/autoscaling/v1, ScaleStatus): of a custom resource, any field that its definition names. */
const isSelector = ({ resource, group }: Owner, { path }: MaskedField): boolean =>
  knownResource(group, resource) === undefined || pathsOverlap(path, ['spec', 'selector'])

const inScale = (field: MaskedField): MaskedField => ({ ...field, path: ['status', 'selector'] })

function isOf(pattern: string, { resource, group, subresource }: Owner): boolean {
  const [whole = '', sub] = pattern.split('/')
  if (sub !== undefined && sub !== subresource) return false
  if (whole === '*') return true
  return whole.startsWith('*.') ? group === whole.slice(2) : whole === fullName(resource, group)
}

/** Fields of an object whose values are base64: `data` of Secrets, `binaryData` of ConfigMaps. */
export const isBase64 = ({ resource, group }: Owner, top: string): boolean =>
  group === '' && ((resource === 'secrets' && top === 'data') || (resource === 'configmaps' && top === 'binaryData'))

/** A text that base64 stands for; undefined where it is none, or no text. */
export function textOfBase64(value: string): string | undefined {
  const bytes = Buffer.from(value, 'base64')
  if (bytes.toString('base64') !== value) return undefined
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
