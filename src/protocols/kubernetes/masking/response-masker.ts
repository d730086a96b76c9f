import type { MaskedField, MaskingPlan } from '../../../masking/plan.ts'
import type { HashKeys } from '../../../masking/replace.ts'
import { maskKinds } from '../../../masking/replace.ts'
import { JsonSplitter, TooLong } from '../../http/json/json-splitter.ts'
import { parseJson, type JsonNode } from '../../http/json/parse-json.ts'
import type { ApiRequest } from '../request/api-request.ts'
import { groupOf, resourceOfKind, knownResource, fullName } from '../request/resources.ts'
import { memberOf, ObjectMasker, REDACTED, type ObjectMasking } from './mask-object.ts'
import { fieldsOf, type Owner } from './masked-fields.ts'

/** Masks the bytes of one answer as they come. Throws an UnmaskableAnswer for what cannot be read: nothing more of it is passed on then. */
export interface ResponseMasker {
  /** What can be passed on of all that has come. */
  mask(chunk: Buffer): Buffer
  end(): Buffer
}

export class UnmaskableAnswer extends Error {}

/** How the body of an answer is passed on. Its headers have to say that it is not compressed. */
export function responseMasker(
  request: ApiRequest,
  plan: MaskingPlan,
  keys: HashKeys,
  contentType: string | undefined,
): ResponseMasker | 'as it is' | { readonly refuse: string } {
  const { fields = [], kinds } = plan
  if (fields.length === 0 && kinds.length === 0) return 'as it is'
  if (!request.isResource) return ofServer(request, plan)
  if (request.subresource === 'proxy' && (kinds.length > 0 || request.resource === 'nodes'))
    return { refuse: 'what a proxy answers cannot be masked' }
  if (request.subresource === 'proxy') return 'as it is'
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase()
  const masking: ObjectMasking = { fields, search: { kinds, keys } }
  if (type === 'application/json') return new JsonMasker(request, masking)
  // Errors of the server's own: too many requests, a path that is not there.
  if (type === 'text/plain' || type === '') return new TextMasker(masking)
  return { refuse: `the target answered with ${type}, which cannot be masked` }
}

function ofServer(
  { parts: [first = ''] }: ApiRequest,
  { kinds }: MaskingPlan,
): 'as it is' | { readonly refuse: string } {
  if (['', 'api', 'apis', 'version', 'openapi', 'openid', '.well-known', 'healthz', 'livez', 'readyz'].includes(first))
    return 'as it is'
  return first === 'metrics' && kinds.length === 0
    ? 'as it is'
    : { refuse: `what the API server answers for /${first} cannot be masked` }
}

/** JSON: one object, a list, a table, or events of a watch one behind another. */
class JsonMasker implements ResponseMasker {
  readonly #request: ApiRequest
  readonly #owner: Owner
  readonly #masking: ObjectMasking
  readonly #splitter: JsonSplitter
  /** Words without which nothing in a piece is masked; undefined where each has to be read. */
  readonly #words: readonly string[] | undefined
  /** Of the table that is being read: whether each shows nothing of fields. */
  #columns: readonly boolean[] = []
  /** What the list that is being read says of its elements. */
  #element: Owner | undefined

  constructor(request: ApiRequest, masking: ObjectMasking) {
    this.#request = request
    this.#owner = request
    this.#masking = masking
    this.#words = wordsOf(request, masking)
    this.#splitter = new JsonSplitter(
      LISTS,
      {
        document: (bytes) => this.#read(bytes, '', '', (root, masker) => this.#document(root, masker)),
        head: (bytes) => this.#head(bytes),
        element: (bytes) => this.#read(bytes, '', '', (root, masker) => this.#item(root, masker)),
        tail: (bytes) => this.#tail(bytes),
      },
      MAX_PIECE,
    )
  }

  mask(chunk: Buffer): Buffer {
    return this.#guarded(() => this.#splitter.push(chunk))
  }

  end(): Buffer {
    return this.#guarded(() => this.#splitter.end())
  }

  #guarded(read: () => Buffer): Buffer {
    try {
      return read()
    } catch (error) {
      if (error instanceof TooLong) throw new UnmaskableAnswer('an object of the answer is too long to be masked')
      throw error
    }
  }

  #head(bytes: Buffer): Buffer {
    return this.#read(bytes, '', ']}', (root, masker) => {
      const kind = memberOf(root, 'kind')
      const version = memberOf(root, 'apiVersion')
      const name = kind?.type === 'string' ? kind.value.replace(/List$/, '') : ''
      const group = version?.type === 'string' ? groupOf(version.value) : ''
      const element = resourceOfKind(group, name)
      const isMasked = element !== undefined && fieldsOf(element, this.#masking.fields).length > 0
      this.#element = isMasked ? element : undefined
      this.#columns = columnsOf(root, this.#owner)
      // The list may be a field of an object that has others.
      masker.object(root, this.#owner, this.#masking.fields)
    })
  }

  #tail(bytes: Buffer): Buffer {
    this.#element = undefined
    this.#columns = []
    return this.#read(bytes, '{"":[', '', (root, masker) => this.#document(root, masker))
  }

  /** Reads a piece between what makes it a whole, which is taken off again. */
  #read(bytes: Buffer, before: string, behind: string, mask: (root: JsonNode, masker: ObjectMasker) => void): Buffer {
    const isRead = behind !== '' || before !== '' || this.#element !== undefined
    if (!isRead && this.#words?.some((word) => bytes.includes(word)) === false) return bytes
    let text: string
    try {
      text = before + UTF8.decode(bytes) + behind
    } catch {
      throw new UnmaskableAnswer('the answer is not UTF-8')
    }
    const root = parseJson(text)
    if (root === undefined) throw new UnmaskableAnswer('the answer is not JSON')
    const masker = new ObjectMasker(text, this.#masking)
    mask(root, masker)
    const masked = masker.result()
    return masked === text ? bytes : Buffer.from(masked.slice(before.length, masked.length - behind.length))
  }

  #document(root: JsonNode, masker: ObjectMasker): void {
    const event =
      this.#request.verb === 'watch' && memberOf(root, 'type') !== undefined ? memberOf(root, 'object') : undefined
    if (event !== undefined) {
      // A table of one row, an object, a bookmark or an error.
      this.#object(event, masker)
      return
    }
    this.#object(root, masker)
  }

  #object(root: JsonNode, masker: ObjectMasker): void {
    const kind = memberOf(root, 'kind')
    if (kind?.type === 'string' && kind.value === 'Status') this.#status(root, masker)
    masker.object(root, this.#owner, this.#masking.fields)
    if (root.type !== 'object') return
    const outer = this.#columns
    // A watch says what its columns are once, in its first table.
    const columns = columnsOf(root, this.#owner)
    if (columns.length > 0) this.#columns = columns
    for (const { name, value } of root.members)
      if (LISTS.has(name) && value.type === 'array') for (const item of value.items) this.#item(item, masker)
    if (this.#request.verb !== 'watch') this.#columns = outer
  }

  /** An element of a list, or a row of a table. */
  #item(node: JsonNode, masker: ObjectMasker): void {
    const cells = memberOf(node, 'cells')
    const object = memberOf(node, 'object')
    if (cells?.type === 'array') {
      if (this.#hidesCells())
        cells.items.forEach((cell, index) => {
          if (this.#columns[index] !== true) masker.cell(cell)
        })
      if (object !== undefined) masker.object(object, this.#owner, this.#masking.fields)
      masker.anything(node, this.#owner)
      return
    }
    masker.object(node, this.#owner, [...this.#masking.fields, ...asElements(this.#masking.fields)])
    if (this.#element !== undefined) masker.object(node, this.#element, this.#masking.fields)
  }

  /** A table shows fields of its objects; those that hold contents of Secrets and ConfigMaps it counts alone. */
  #hidesCells(): boolean {
    const { resource, group } = this.#owner
    const isCounted = group === '' && (resource === 'secrets' || resource === 'configmaps')
    return fieldsOf(this.#owner, this.#masking.fields).some(
      ({ path: [first] }) => !(isCounted && (first === 'data' || first === 'stringData' || first === 'binaryData')),
    )
  }

  /** Errors about what was written quote what they are about, which may have been there before. */
  #status(root: JsonNode, masker: ObjectMasker): void {
    const { verb } = this.#request
    const status = memberOf(root, 'status')
    if (
      fieldsOf(this.#owner, this.#masking.fields).length === 0 ||
      (status?.type === 'string' && status.value === 'Success')
    )
      return
    if (verb === 'get' || verb === 'list' || verb === 'watch') return
    const reason = memberOf(root, 'reason')
    const word = reason?.type === 'string' ? reason.value : ''
    const shorten = (node: JsonNode | undefined): void => {
      if (node?.type !== 'string') return
      // Policies of admission and webhooks say what they like, of the object that they were shown.
      if (/admission|denied/i.test(node.value)) return masker.replace(node, WITHHELD)
      if (QUOTES_NOTHING.has(word)) return
      if (word !== 'Invalid') {
        if (verb === 'patch') masker.replace(node, WITHHELD)
        return
      }
      // Whatever the server says behind the type of an error may quote the object, or be the text of a rule that does.
      const [all, detail] = INVALID.exec(node.value) ?? []
      if (all === undefined) masker.replace(node, WITHHELD)
      else if (detail !== IMMUTABLE)
        masker.replace(node, `${node.value.slice(0, all.length - (detail ?? '').length)}${REDACTED}`)
    }
    shorten(memberOf(root, 'message'))
    const causes = memberOf(memberOf(root, 'details'), 'causes')
    if (causes?.type === 'array') for (const cause of causes.items) shorten(memberOf(cause, 'message'))
  }
}

/** Text that the server itself wrote. */
class TextMasker implements ResponseMasker {
  readonly #masking: ObjectMasking
  #chunks: Buffer[] = []
  #size = 0

  constructor(masking: ObjectMasking) {
    this.#masking = masking
  }

  mask(chunk: Buffer): Buffer {
    this.#size += chunk.length
    if (this.#size > MAX_TEXT) throw new UnmaskableAnswer('the answer is too long to be masked')
    this.#chunks.push(chunk)
    return Buffer.alloc(0)
  }

  end(): Buffer {
    const text = Buffer.concat(this.#chunks).toString('utf8')
    const { kinds, keys } = this.#masking.search
    return Buffer.from(maskKinds(text, kinds, keys) ?? text)
  }
}

/** A resource that has a field `items` itself: its paths, from an element on. */
const asElements = (fields: readonly MaskedField[]): readonly MaskedField[] =>
  fields.flatMap((field) => {
    const [first, second, ...rest] = field.path
    if (first !== null && !LISTS.has(first ?? '')) return []
    const path = second === null ? rest : field.path.slice(1)
    return [{ ...field, path }]
  })

/** Whether each column shows what every object has. Those of a resource that is not of Kubernetes itself bear any names. */
function columnsOf(root: JsonNode, { resource, group }: Owner): readonly boolean[] {
  const columns = memberOf(root, 'columnDefinitions')
  if (columns?.type !== 'array') return []
  const isKnown = knownResource(group, resource) !== undefined
  return columns.items.map((column) => {
    const [name, type, format] = ['name', 'type', 'format'].map((word) => {
      const value = memberOf(column, word)
      return value?.type === 'string' ? value.value : ''
    })
    // No definition of a custom resource can give a column this format.
    return format === 'name' || (SAFE_COLUMNS.has(name ?? '') && (isKnown || type === 'date'))
  })
}

/**
 * What a piece must hold to be looked at, where the requested resource itself has no masked field and no kinds are looked for: the word for an object
 * of a resource that has.
 */
function wordsOf(owner: Owner, { fields, search }: ObjectMasking): readonly string[] | undefined {
  if (search.kinds.length > 0 || fieldsOf(owner, fields).length > 0) return undefined
  const words: string[] = []
  for (const field of fields) {
    const [whole = ''] = field.owner.split('/')
    const at = whole.indexOf('.')
    const [resource, group] = at < 0 ? [whole, ''] : [whole.slice(0, at), whole.slice(at + 1)]
    if (resource === '*') return undefined
    // Of a resource that is not of Kubernetes itself, no object says so.
    const known = knownResource(group, resource)
    if (known !== undefined && fullName(resource, group) === whole) words.push(known.kind)
  }
  return words
}

/** Whether headers of an answer may bring warnings of the server: what they quote is not read. */
export const passesWarnings = (request: ApiRequest, { fields = [], kinds }: MaskingPlan): boolean =>
  kinds.length === 0 && fieldsOf(request, fields).length === 0

const WITHHELD = 'message withheld: it may contain masked values'
/** Reasons that come with names alone. */
const QUOTES_NOTHING = new Set([
  'NotFound',
  'AlreadyExists',
  'Conflict',
  'Forbidden',
  'Unauthorized',
  'TooManyRequests',
  'Timeout',
])
/** What an object is found wrong for (k8s.io/apimachinery/pkg/util/validation/field), as a message and as a cause; then the detail. */
const INVALID =
  /^(?:[^\n]{1,400}? is invalid: \[?[^:\n]{1,300}: )?(?:Invalid value|Unsupported value|Required value|Duplicate value|Not found|Forbidden|Too long|Too many|Too few|Internal error): ([^]*)$/
const IMMUTABLE = 'field is immutable when `immutable` is set'
/** Columns that show what every object has. */
const SAFE_COLUMNS = new Set(['Namespace', 'Age', 'Created At'])
export const LISTS: ReadonlySet<string> = new Set(['items', 'rows'])
/** etcd keeps no object of more than some megabytes. */
const MAX_PIECE = 16 * 1024 * 1024
const MAX_TEXT = 64 * 1024
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
