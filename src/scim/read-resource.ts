import { findAttribute, findSubAttribute, GROUP, USER, type Attribute, type ResourceType } from './attributes.ts'
import { repeatsField } from '../shared/json-fields.ts'
import { badRequest } from './scim-error.ts'

/** A user as the directory describes one, without what the gateway adds (id, meta, groups). */
export interface ScimUser {
  readonly userName: string
  readonly externalId?: string
  readonly displayName?: string
  readonly active: boolean
  readonly name?: Readonly<Record<string, string>>
  readonly emails?: readonly ScimEmail[]
}

export interface ScimEmail {
  readonly value?: string
  readonly type?: string
  readonly primary?: boolean
}

export interface ScimGroup {
  readonly displayName: string
  readonly externalId?: string
  /** Ids of users, each once. */
  readonly members: readonly string[]
}

/**
 * The body of POST or PUT (RFC 7644, sections 3.3 and 3.5.1) as a user. What is not in USER is left out where it is known to be of no use, and
 * refused otherwise. `before` is the user that a PUT replaces: where the body does not say whether it is active, it stays as it is.
 */
export function readUser(body: unknown, before?: ScimUser): ScimUser {
  const values = readValues(USER, body)
  const userName = values.get('userName')
  if (typeof userName !== 'string' || userName.trim() === '') throw badRequest('invalidValue', 'userName: is missing')
  const { active = before?.active ?? true, ...rest } = Object.fromEntries(values) as Partial<ScimUser>
  return { ...rest, userName, active }
}

/** The same as a group; members that are not given are none. */
export function readGroup(body: unknown): ScimGroup {
  const values = readValues(GROUP, body)
  const displayName = values.get('displayName')
  const externalId = values.get('externalId')
  if (typeof displayName !== 'string' || displayName.trim() === '')
    throw badRequest('invalidValue', 'displayName: is missing')
  return {
    displayName,
    ...(typeof externalId === 'string' ? { externalId } : {}),
    members: memberIds(values.get('members') ?? []),
  }
}

/** Ids of members, from values that `readValue` has read. */
export function memberIds(values: unknown): string[] {
  const list = Array.isArray(values) ? (values as readonly unknown[]) : [values]
  const ids = list.map((member) => {
    const id = isObject(member) ? member['value'] : undefined
    if (typeof id !== 'string') throw badRequest('invalidValue', 'members: each needs a value, the id of a user')
    return id
  })
  return [...new Set(ids)]
}

function readValues(type: ResourceType, body: unknown): Map<string, unknown> {
  if (!isObject(body)) throw badRequest('invalidSyntax', 'the body must be a JSON object')
  const schemas = body['schemas']
  if (!Array.isArray(schemas) || !schemas.some((schema) => isText(schema) && isSame(schema, type.schema)))
    throw badRequest('invalidSyntax', `schemas: must contain ${type.schema}`)
  const values = new Map<string, unknown>()
  const seen = new Set<string>()
  for (const [written, value] of Object.entries(body)) {
    const found = findAttribute(type, written)
    if (found.is === 'ignored') continue
    if (found.is === 'unknown')
      throw badRequest('invalidSyntax', `${shown(written)}: is not an attribute of a ${type.name}`)
    const { name } = found.attribute
    // Whether somebody may sign in is said, never left open.
    if (value === null && name === 'active') throw badRequest('invalidValue', 'active: expected true or false')
    if (value === null) continue
    // "active" and "Active" are one attribute: which of the two counts would be a guess.
    if (seen.has(name)) throw badRequest('invalidSyntax', `${name}: is given twice`)
    seen.add(name)
    values.set(name, readValue(found.attribute, value))
  }
  return values
}

/** The value of an attribute in its own type. Throws `invalidValue`. Objects are made anew, with names from the schema alone. */
export function readValue(attribute: Attribute, value: unknown, path = attribute.name): unknown {
  if (attribute.multiValued !== true) return readSingle(attribute, value, path)
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [value]
  const limit = attribute.name === 'members' ? MAX_MEMBERS : MAX_VALUES
  if (list.length > limit) throw badRequest('invalidValue', `${path}: at most ${limit} values are supported`)
  return list.map((one) => readSingle(attribute, one, path))
}

function readSingle(attribute: Attribute, value: unknown, path: string): unknown {
  switch (attribute.type) {
    case 'boolean':
      return readBoolean(value, path)
    case 'complex':
      return readComplex(attribute, value, path)
    case 'string':
      return readText(value, path)
  }
}

/** Microsoft Entra ID sends "True" and "False" as strings (see docs/identity/scim.md). Nothing else means either. */
function readBoolean(value: unknown, path: string): boolean {
  if (typeof value === 'boolean') return value
  const text = isText(value) ? value.toLowerCase() : ''
  if (text !== 'true' && text !== 'false') throw badRequest('invalidValue', `${path}: expected true or false`)
  return text === 'true'
}

export function readText(value: unknown, path: string): string {
  if (!isText(value)) throw badRequest('invalidValue', `${path}: expected a string`)
  if (value.length > MAX_TEXT) throw badRequest('invalidValue', `${path}: is longer than ${MAX_TEXT} characters`)
  if (/\p{Cc}/u.test(value)) throw badRequest('invalidValue', `${path}: contains control characters`)
  return value
}

function readComplex(attribute: Attribute, value: unknown, path: string): Record<string, unknown> {
  if (!isObject(value)) throw badRequest('invalidValue', `${path}: expected an object`)
  const made: Record<string, unknown> = {}
  for (const [written, part] of Object.entries(value)) {
    const sub = findSubAttribute(attribute, written)
    if (attribute.name === 'members' && isSame(written, 'type') && isText(part) && !isSame(part, 'user'))
      throw badRequest('invalidValue', `${path}: only users can be members, not a ${shown(part)}`)
    if (sub === undefined || sub.mutability === 'readOnly' || part === null) continue
    if (Object.hasOwn(made, sub.name)) throw badRequest('invalidSyntax', `${path}.${sub.name}: is given twice`)
    made[sub.name] = readSingle(sub, part, `${path}.${sub.name}`)
  }
  return made
}

/** JSON within a depth. Throws `invalidSyntax`. */
export function parseBody(text: string): unknown {
  let depth = 0
  let isString = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (isString) {
      if (char === '\\') at++
      else if (char === '"') isString = false
    } else if (char === '"') isString = true
    else if (char === '{' || char === '[') {
      if (++depth > MAX_DEPTH) throw badRequest('invalidSyntax', `the body is nested deeper than ${MAX_DEPTH} levels`)
    } else if (char === '}' || char === ']') depth--
  }
  try {
    const value: unknown = JSON.parse(text)
    if (!repeatsField(text, value)) return value
  } catch {
    throw badRequest('invalidSyntax', 'the body is not JSON')
  }
  throw badRequest('invalidSyntax', 'the body has an attribute twice in one object')
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isSame = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
/** A name of the client's own in an error. */
export const shown = (text: string): string => JSON.stringify(text.slice(0, 100))

const MAX_TEXT = 1000
const MAX_VALUES = 100
/** Members in one request, and of one group. */
const MAX_MEMBERS = 10_000
const MAX_DEPTH = 20
