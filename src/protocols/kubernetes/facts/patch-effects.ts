import { messageOf, type Message } from '../request/messages.ts'
import type { PatchOperation } from '../request/read-body.ts'
import { emptyObject } from '../request/json-value.ts'
import { isTaint } from './ending-kinds.ts'
import { noteReplacedMetadata, readEffects, readField, type ObjectEffects } from './object-effects.ts'

/** What the operations of a JSON patch (RFC 6902) set, each by its path into the object. */
export function readOperations(operations: readonly PatchOperation[], root: Message, effects: ObjectEffects): void {
  for (const operation of operations) {
    const { op, path } = operation
    // What is copied is known to the server alone.
    if (op === 'copy' || op === 'move') effects.unknown.add('a JSON patch that copies or moves values')
    else if (op === 'test') continue
    else readOperation(path, op === 'remove' ? null : operation.value, root, effects)
  }
}

function readOperation(path: readonly string[], value: unknown, root: Message, effects: ObjectEffects): void {
  // A value takes the place of what was there.
  const reading = { directives: false, isPartial: false }
  // Of what it does not hold nothing stays.
  const metadata = messageOf(root.fields.get('metadata')?.type ?? '')
  if (metadata !== undefined && (path.length === 0 || path.join('/') === 'metadata'))
    noteReplacedMetadata(metadata, effects)
  if (path.length === 0) return readEffects(value, root, '', effects, reading)
  const name = path.join('.')
  let message = root
  for (let at = 0, part = path[0]; part !== undefined; part = path[++at]) {
    if (at === 0 && (part === 'apiVersion' || part === 'kind')) return
    const field = message.fields.get(part)
    if (field === undefined) return void effects.unknown.add(`the field ${name} is not known`)
    const rest = path.slice(at + 1)
    const [key] = rest
    const inner = messageOf(field.type)
    // A part of a taint, whose effect is what it was: pods may tolerate another key or value.
    if (isTaint(message) && part !== 'effect') effects.evicts = true
    if (isTaint(message) && part === 'effect') return readEffects({ effect: value }, message, name, effects, reading)
    if (key === undefined) return readField(value, field, message, name, effects, reading)
    if (field.label === 'map' || field.label === 'repeated') {
      const one = field.label === 'map' ? keyed(key, value) : [value]
      // One entry, set to a value: what it means stands where the whole does.
      if (rest.length === 1) return readField(value === null ? null : one, field, message, name, effects, reading)
      at++
    }
    if (inner === undefined) return
    if (NOT_WALKED.has(inner.name)) return readField({ ...rest }, field, message, name, effects, reading)
    message = inner
  }
}

/** Also for a key that objects inherit something by. */
function keyed(key: string, value: unknown): Readonly<Record<string, unknown>> {
  const object = emptyObject()
  object[key] = value
  return object
}

/** Their insides are not of the API: a part of one is something in the whole. */
const NOT_WALKED = new Set(['FieldsV1', 'RawExtension'])
