import { parseJson, toValue } from '../../http/json/parse-json.ts'
import { readProtobuf } from './read-protobuf.ts'
import { readYaml } from './read-yaml.ts'
import { isList, isObject } from './json-value.ts'

/** What a request carries. Objects have no prototype: every key is the client's. */
export type Body =
  | { readonly type: 'none' }
  | { readonly type: 'object'; readonly object: KubernetesObject }
  | { readonly type: 'patch'; readonly patch: ObjectPatch; readonly object: KubernetesObject }
  | { readonly type: 'patch'; readonly patch: 'json'; readonly operations: readonly PatchOperation[] }

export type ObjectPatch = 'merge' | 'strategic' | 'apply'
export type KubernetesObject = Readonly<Record<string, unknown>>

/** RFC 6902; paths as their parts. */
export interface PatchOperation {
  readonly op: 'add' | 'replace' | 'remove' | 'test' | 'copy' | 'move'
  readonly path: readonly string[]
  /** Of `copy` and `move`. */
  readonly from?: readonly string[]
  /** Of `add`, `replace` and `test`. */
  readonly value?: unknown
}

export interface BodyFailure {
  readonly failure: string
  /** The server would answer 415 where it had no such format: clients that can choose try another one. */
  readonly isUnsupported?: true
}

/** A body as the API server reads it. Two readings, or none: a failure. */
export function readBody(contentType: string | undefined, bytes: Buffer): Body | BodyFailure {
  if (bytes.length === 0) return { type: 'none' }
  const type = (contentType ?? 'application/json').replace(/; ?charset=(utf-8|UTF-8)$/, '')
  const format = Object.hasOwn(FORMATS, type) ? FORMATS[type] : undefined
  if (format === undefined)
    return { failure: `bodies of type ${JSON.stringify(type.slice(0, 100))} are not supported`, isUnsupported: true }
  if (format === 'protobuf') {
    const read = readProtobuf(bytes)
    return 'failure' in read ? read : { type: 'object', object: read.object }
  }
  const value = readText(bytes, format === 'yaml' || format === 'apply')
  if ('failure' in value) return value
  if (format === 'json-patch') return readOperations(value.value)
  if (!isObject(value.value)) return { failure: 'the body is not an object' }
  return format === 'json' || format === 'yaml'
    ? { type: 'object', object: value.value }
    : { type: 'patch', patch: format, object: value.value }
}

const FORMATS: Readonly<Record<string, 'json' | 'yaml' | 'protobuf' | 'json-patch' | ObjectPatch>> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
  'application/json-patch+json': 'json-patch',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
}

function readText(bytes: Buffer, isYaml: boolean): { readonly value: unknown } | BodyFailure {
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    return { failure: 'the body is not UTF-8' }
  }
  const node = parseJson(text)
  if (node === undefined) return isYaml ? readYaml(text) : { failure: 'the body is not JSON' }
  const read = toValue(node)
  if (read === undefined) return { failure: 'the body has a name twice in one object' }
  // JSON is YAML, but for names that YAML gives a meaning.
  if (isYaml && hasKey(read.value, '<<')) return { failure: 'the body has a merge key' }
  return isWellFormed(read.value) ? read : { failure: 'the body has half a character' }
}

function readOperations(value: unknown): Body | BodyFailure {
  if (!isList(value)) return { failure: 'a JSON patch is a list of operations' }
  const operations: PatchOperation[] = []
  for (const item of value) {
    if (!isObject(item)) return { failure: 'an operation of a JSON patch is an object' }
    const { op, path, from, ...rest } = item
    const names = Object.keys(rest).filter((name) => name !== 'value')
    const [to, source] = [pointer(path), pointer(from)]
    if (!isOperation(op) || to === undefined || names.length > 0)
      return { failure: 'an operation of the JSON patch cannot be read' }
    const copies = op === 'copy' || op === 'move'
    const sets = op === 'add' || op === 'replace' || op === 'test'
    if (copies !== (source !== undefined) || (from !== undefined && !copies))
      return { failure: `the operation ${op} of the JSON patch cannot be read` }
    if (sets && !('value' in item)) return { failure: `the operation ${op} of the JSON patch has no value` }
    operations.push({
      op,
      path: to,
      ...(source === undefined ? {} : { from: source }),
      ...(sets ? { value: item['value'] } : {}),
    })
  }
  return { type: 'patch', patch: 'json', operations }
}

const isOperation = (op: unknown): op is PatchOperation['op'] =>
  typeof op === 'string' && ['add', 'replace', 'remove', 'test', 'copy', 'move'].includes(op)

/** RFC 6901; undefined for what is none. */
function pointer(text: unknown): readonly string[] | undefined {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/')) || /~(?![01])/.test(text)) return undefined
  return text === ''
    ? []
    : text
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const hasKey = (value: unknown, key: string): boolean =>
  Array.isArray(value)
    ? value.some((item) => hasKey(item, key))
    : isObject(value) && (key in value || Object.values(value).some((inner) => hasKey(inner, key)))

/** Go makes another character of half a surrogate pair. */
const isWellFormed = (value: unknown): boolean =>
  typeof value === 'string'
    ? !HALF.test(value)
    : Array.isArray(value)
      ? value.every(isWellFormed)
      : !isObject(value) || Object.entries(value).every(([key, inner]) => !HALF.test(key) && isWellFormed(inner))

const HALF = /\p{Surrogate}/u
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
