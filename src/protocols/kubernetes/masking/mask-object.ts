import { hideInText, hideNumber, type KindSearch } from '../../../masking/hidden-text.ts'
import type { MaskedField } from '../../../masking/plan.ts'
import { maskKinds, maskValue, type HashKeys } from '../../../masking/replace.ts'
import { pathsOverlap, type PathStep } from '../../../shared/field-path.ts'
import { parseJson, type JsonNode, type JsonObject } from '../../http/json/parse-json.ts'
import { groupOf, resourceOfKind } from '../request/resources.ts'
import { fieldsOf, isBase64, textOfBase64, type Owner } from './masked-fields.ts'

export interface ObjectMasking {
  readonly fields: readonly MaskedField[]
  readonly search: KindSearch
}

/** What is shown of a text of JSON in place of it; the text itself where nothing in it is masked, undefined where it is not JSON. */
function maskText(text: string, owner: Owner, masking: ObjectMasking): string | undefined {
  const root = parseJson(text)
  if (root === undefined) return undefined
  const masker = new ObjectMasker(text, masking)
  masker.object(root, owner, masking.fields)
  return masker.result()
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Finds what is masked in the values of one text, and puts what is shown in its place. */
export class ObjectMasker {
  readonly #text: string
  readonly #masking: ObjectMasking
  readonly #edits: Edit[] = []
  /** Values that a field masks: kinds are not looked for in them. */
  readonly #done = new Set<JsonNode>()

  constructor(text: string, masking: ObjectMasking) {
    this.#text = text
    this.#masking = masking
  }

  result(): string {
    const edits = this.#edits.toSorted((one, other) => one.start - other.start)
    if (edits.length === 0) return this.#text
    let text = ''
    let at = 0
    for (const edit of edits) {
      // Where two fall on one place, the first has masked the whole of it.
      if (edit.start < at) continue
      text += this.#text.slice(at, edit.start) + edit.text
      at = edit.end
    }
    return text + this.#text.slice(at)
  }

  /**
   * An object of a resource, and all objects within it that say what they are. `all` are the fields of the plan; objects inside one that is shown by a
   * rule's exception are masked by what they say of themselves.
   */
  object(root: JsonNode, owner: Owner, all: readonly MaskedField[]): void {
    this.#fields(root, owner, fieldsOf(owner, all))
    const own = root.type === 'object' && all.length > 0 ? ownerOf(root) : undefined
    if (own !== undefined && (own.resource !== owner.resource || own.group !== owner.group))
      this.#fields(root, own, fieldsOf(own, all))
    this.#rest(root, owner, OUTERMOST, all)
  }

  /** One cell of a table, which shows anything of its object. */
  cell(node: JsonNode): void {
    if (node.type !== 'word') this.#replace(node, node.type === 'number' ? null : REDACTED)
  }

  /** Values of kinds, wherever they are, and objects that say what they are. */
  anything(node: JsonNode, owner: Owner): void {
    this.#rest(node, owner, WITHIN, this.#masking.fields)
  }

  /** Replaces one value as a whole. */
  replace(node: JsonNode, value: string): void {
    this.#replace(node, value)
  }

  #fields(root: JsonNode, owner: Owner, fields: readonly MaskedField[]): void {
    const active = fields.filter((field) => !isShown(root, field))
    for (const field of active) this.#walk(root, field.path, 0, field, owner, '')
    if (active.length === 0 || root.type !== 'object') return
    const metadata = memberOf(root, 'metadata')
    if (metadata?.type !== 'object') return
    for (const member of metadata.members) {
      if (member.name === 'annotations') this.#annotations(member.value, owner, active)
      if (member.name === 'managedFields') this.#managedFields(member.value, active)
    }
  }

  #walk(node: JsonNode, path: readonly PathStep[], at: number, field: MaskedField, owner: Owner, top: string): void {
    const step = path[at]
    if (step === undefined) return this.#whole(node, field, owner, top)
    switch (node.type) {
      case 'object':
        for (const { name, value } of node.members)
          if (step === null || step === name) this.#walk(value, path, at + 1, field, owner, at === 0 ? name : top)
        return
      case 'array':
        // A name stands for that of every element.
        for (const item of node.items) this.#walk(item, path, step === null ? at + 1 : at, field, owner, top)
        return
      case 'string':
      case 'number':
      case 'word':
    }
  }

  /** A value that is masked, with all that is in it. */
  #whole(node: JsonNode, field: MaskedField, owner: Owner, top: string): void {
    if (this.#done.has(node)) return
    this.#done.add(node)
    switch (node.type) {
      case 'object':
        for (const { name, value } of node.members) this.#whole(value, field, owner, top === '' ? name : top)
        return
      case 'array':
        for (const item of node.items) this.#whole(item, field, owner, top)
        return
      case 'string':
        return this.#replace(node, this.#shown(node.value, field, isBase64(owner, top)))
      case 'number':
        return this.#replace(node, null)
      case 'word':
        if (node.value !== null) this.#replace(node, null)
    }
  }

  #shown(value: string, field: MaskedField, base64: boolean): string | null {
    const hashing = { key: this.#masking.search.keys[field.hashScope], scope: field.name }
    if (!base64) return maskValue(value, field.style, hashing)
    const text = textOfBase64(value)
    // Bytes that are no text are never shown in part.
    const shown = maskValue(
      text ?? value,
      text === undefined && field.style !== 'null' ? 'redact' : field.style,
      hashing,
    )
    return shown === null ? null : Buffer.from(shown).toString('base64')
  }

  /** Tools keep whole objects in annotations (`kubectl.kubernetes.io/last-applied-configuration`). */
  #annotations(node: JsonNode, owner: Owner, active: readonly MaskedField[]): void {
    if (node.type !== 'object') return
    for (const { value } of node.members) {
      if (value.type !== 'string' || this.#done.has(value)) continue
      const text = value.value.trimStart()
      if (text.startsWith('{') || text.startsWith('[')) {
        const masked = maskCopy(value.value, owner, active, this.#masking)
        if (masked === value.value) continue
        this.#done.add(value)
        this.#replace(value, masked ?? REDACTED)
      } else if (/^(?:H4sI|ey|eJ|ew)/.test(text)) {
        // Something compressed, or JSON in base64: a copy of the object, perhaps.
        this.#done.add(value)
        this.#replace(value, REDACTED)
      }
    }
  }

  /** Elements of lists that are known by their values, as server-side apply keeps them. */
  #managedFields(node: JsonNode, active: readonly MaskedField[]): void {
    if (node.type !== 'array') return
    for (const entry of node.items) {
      const fields = memberOf(entry, 'fieldsV1')
      if (fields !== undefined) this.#keys(fields, [], active)
    }
  }

  #keys(node: JsonNode, path: readonly PathStep[], active: readonly MaskedField[]): void {
    if (node.type !== 'object') return
    node.members.forEach(({ name, nameAt, value }, index) => {
      const isElement = name.startsWith('k:') || name.startsWith('v:')
      const inner = [...path, isElement ? null : name.slice(2)]
      if (isElement) {
        const key = parseJson(name.slice(2))
        const names = key?.type === 'object' ? key.members.map((member) => member.name) : []
        const places = names.length === 0 ? [inner] : names.map((one) => [...inner, one])
        if (places.some((place) => active.some((field) => isWithin(field.path, place))))
          this.#edits.push({ ...nameAt, text: JSON.stringify(`${name.slice(0, 2)}"${REDACTED} ${index}"`) })
      }
      this.#keys(value, inner, active)
    })
  }

  /** What no field masks: values of kinds, and objects that say what they are. */
  #rest(node: JsonNode, owner: Owner, place: Where, all: readonly MaskedField[]): void {
    if (this.#done.has(node)) return
    switch (node.type) {
      case 'object': {
        const inner = place.depth > 0 && all.length > 0 ? ownerOf(node) : undefined
        if (inner !== undefined) {
          this.#fields(node, inner, fieldsOf(inner, all))
          if (!this.#done.has(node)) this.#members(node, inner, OUTERMOST, all)
        } else this.#members(node, owner, place, all)
        return
      }
      case 'array':
        for (const item of node.items) this.#rest(item, owner, place.depth < 2 ? WITHIN : place, all)
        return
      case 'string':
        return this.#kinds(node, node.value, owner, place)
      case 'number':
        if (this.#masking.search.kinds.length > 0 && hideNumber(Number(node.text), this.#masking.search) === null)
          this.#replace(node, null)
        return
      case 'word':
    }
  }

  #members(node: JsonObject, owner: Owner, place: Where, all: readonly MaskedField[]): void {
    const { kinds, keys } = this.#masking.search
    for (const { name, nameAt, value } of node.members) {
      const masked = kinds.length === 0 ? undefined : maskKinds(name, kinds, keys)
      if (masked !== undefined) this.#edits.push({ ...nameAt, text: JSON.stringify(masked) })
      this.#rest(value, owner, inside(place, name), all)
    }
  }

  #kinds(node: JsonNode, value: string, owner: Owner, place: Where): void {
    const { search, fields } = this.#masking
    const { top, second } = place
    if (top === 'metadata' && second === 'annotations' && fields.length > 0 && value.trimStart().startsWith('{')) {
      // An object of another resource, in whole.
      const masked = maskText(value, NOBODY, this.#masking)
      if (masked !== undefined && masked !== value) return this.#replace(node, masked)
    }
    if (search.kinds.length === 0 || isStructure(place) || TIME.test(value)) return
    const text = isBase64(owner, top) ? textOfBase64(value) : value
    const hidden = text === undefined ? undefined : hideInText(text, search)
    if (hidden === undefined) return
    this.#replace(node, hidden !== null && isBase64(owner, top) ? Buffer.from(hidden).toString('base64') : hidden)
  }

  #replace({ start, end }: JsonNode, value: string | null): void {
    this.#edits.push({ start, end, text: JSON.stringify(value) })
  }
}

/** A copy of an object within itself: of the same resource, whatever it says of its kind. */
function maskCopy(
  text: string,
  owner: Owner,
  active: readonly MaskedField[],
  masking: ObjectMasking,
): string | undefined {
  const root = parseJson(text)
  if (root === undefined) return undefined
  const masker = new ObjectMasker(text, masking)
  // What is shown of the object is said by the object, not by a copy that anybody may have written.
  const fields = active.map((field): MaskedField => ({ ...field, owner: '*', shownWhere: [] }))
  masker.object(root, owner, [...fields, ...masking.fields])
  return masker.result()
}

/** By `kind` and `apiVersion` of an object; undefined where it names no kind of Kubernetes itself. */
function ownerOf(node: JsonObject): Owner | undefined {
  const kind = memberOf(node, 'kind')
  if (kind?.type !== 'string') return undefined
  const apiVersion = memberOf(node, 'apiVersion')
  const version = apiVersion?.type === 'string' ? apiVersion.value : 'v1'
  return resourceOfKind(groupOf(version), kind.value)
}

const isShown = (root: JsonNode, { shownWhere }: MaskedField): boolean =>
  shownWhere.some(({ path, value }) => {
    let node: JsonNode | undefined = root
    for (const step of path) node = step === null ? undefined : memberOf(node, step)
    return node?.type === 'string' && node.value === value
  })

/** A name that comes more than once is none to rely on. */
export function memberOf(node: JsonNode | undefined, name: string): JsonNode | undefined {
  if (node?.type !== 'object') return undefined
  const found = node.members.filter((member) => member.name === name)
  return found.length === 1 ? found[0]?.value : undefined
}

/** Whether a place is what the field names, or within it. */
const isWithin = (field: readonly PathStep[], place: readonly PathStep[]): boolean =>
  pathsOverlap(withoutElements(field), withoutElements(place)) &&
  withoutElements(place).length >= withoutElements(field).length

/** Elements of lists may be named or left out. */
const withoutElements = (path: readonly PathStep[]): readonly PathStep[] => path.filter((step) => step !== null)

/** What objects are told apart by: names, and what the server makes itself. */
const isStructure = ({ depth, top, second }: Where): boolean =>
  depth === 1 ? top === 'kind' || top === 'apiVersion' : depth === 2 && top === 'metadata' && STRUCTURE.has(second)

/** Where a value is in its object: as much of it as matters. */
interface Where {
  readonly depth: number
  readonly top: string
  readonly second: string
}

const OUTERMOST: Where = { depth: 0, top: '', second: '' }
/** Somewhere that is not at the top of an object. */
const WITHIN: Where = { depth: 3, top: '', second: '' }

/** Below the second name there is nothing to tell apart. */
function inside(place: Where, name: string): Where {
  const { depth, top } = place
  if (depth === 0) return { depth: 1, top: name, second: '' }
  if (depth === 1) return { depth: 2, top, second: name }
  return depth === 2 ? { ...place, depth: 3 } : place
}

const STRUCTURE = new Set(['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'continue', 'selfLink'])
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/
export const REDACTED = '****'
const NOBODY: Owner = { resource: '', group: '', subresource: '' }

export type { HashKeys }
