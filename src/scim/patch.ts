import {
  findAttribute,
  findSubAttribute,
  GROUP,
  USER,
  type Attribute,
  type NamedAttribute,
  type ResourceType,
} from './attributes.ts'
import {
  isObject,
  memberIds,
  readText,
  readUser,
  readValue,
  shown,
  type ScimGroup,
  type ScimUser,
} from './read-resource.ts'
import { badRequest, ScimError } from './scim-error.ts'

/** An operation of a PATCH request, read in full: every name in it is one of the schema's. */
export interface Operation {
  readonly op: 'add' | 'remove' | 'replace'
  readonly attribute: Attribute
  readonly sub: Attribute | undefined
  /** `emails[type eq "work"]`: the values of which this is true. */
  readonly where: { readonly sub: Attribute; readonly value: string | boolean } | undefined
  /** In the type of the attribute or sub-attribute; undefined where nothing was given. */
  readonly value: unknown
}

/**
 * The operations of a PATCH body (RFC 7644, section 3.5.2). Also as Okta sends them (no `path`, attributes in `value`) and Microsoft Entra ID
 * (`op` capitalised, names with dots in `value`). What concerns attributes that the gateway does not keep is left out.
 */
function readPatch(type: ResourceType, body: unknown): Operation[] {
  if (!isObject(body)) throw badRequest('invalidSyntax', 'the body must be a JSON object')
  const schemas = body['schemas']
  if (!Array.isArray(schemas) || !schemas.includes(PATCH_SCHEMA))
    throw badRequest('invalidSyntax', `schemas: must contain ${PATCH_SCHEMA}`)
  const list = body['Operations']
  if (!Array.isArray(list) || list.length === 0) throw badRequest('invalidSyntax', 'Operations: must be a list')
  if (list.length > MAX_OPERATIONS)
    throw badRequest('invalidSyntax', `Operations: at most ${MAX_OPERATIONS} are supported in one request`)
  const operations = (list as readonly unknown[]).flatMap((one) => readOperation(type, one))
  // An operation without a path is one for each name in its value.
  if (operations.length > MAX_OPERATIONS)
    throw badRequest('invalidSyntax', `Operations: at most ${MAX_OPERATIONS} changes are supported in one request`)
  return operations
}

function readOperation(type: ResourceType, written: unknown): Operation[] {
  if (!isObject(written)) throw badRequest('invalidSyntax', 'Operations: each must be an object')
  const { op: word, path, value } = written
  const op = typeof word === 'string' ? word.toLowerCase() : ''
  if (op !== 'add' && op !== 'remove' && op !== 'replace')
    throw badRequest('invalidSyntax', 'Operations: op must be add, remove or replace')
  if (path !== undefined && path !== null) {
    const place = readPath(type, readText(path, 'path'))
    return place === undefined ? [] : [atPlace(op, place, value)]
  }
  if (op === 'remove') throw badRequest('noTarget', 'Operations: remove needs a path')
  if (!isObject(value)) throw badRequest('invalidValue', 'Operations: without a path, value must be an object')
  const seen = new Set<string>()
  return Object.entries(value).flatMap(([name, part]) => {
    const place = readPath(type, readText(name, 'value'))
    if (place === undefined) return []
    const own = JSON.stringify([place.attribute.name, place.sub?.name, place.where?.sub.name, place.where?.value])
    // "active" and "Active" are one attribute: which of the two counts would be a guess.
    if (seen.has(own)) throw badRequest('invalidSyntax', `${shown(name)}: is given twice`)
    seen.add(own)
    return [atPlace(op, place, part)]
  })
}

type Place = Pick<Operation, 'attribute' | 'sub' | 'where'>

/** `name`, `name.givenName`, `emails[type eq "work"]`, `emails[type eq "work"].value`; undefined for what is not kept. */
function readPath(type: ResourceType, path: string): Place | undefined {
  const [, name = '', filter, after] = PATH.exec(path) ?? []
  // The URN of a schema contains dots itself: its name is what comes after the last colon.
  const colon = name.lastIndexOf(':')
  const dot = name.indexOf('.', colon + 1)
  const [own, behind] = dot === -1 ? [name, undefined] : [name.slice(0, dot), name.slice(dot + 1)]
  const found: NamedAttribute = own === '' ? { is: 'unknown' } : findAttribute(type, own)
  if (found.is === 'ignored') return undefined
  if (found.is === 'unknown' || (behind !== undefined && (filter ?? after) !== undefined)) throw noSuchPath(type, path)
  const { attribute } = found
  const subName = after ?? behind
  const sub = subName === undefined ? undefined : findSubAttribute(attribute, subName)
  if (subName !== undefined && (sub === undefined || (attribute.multiValued === true && filter === undefined)))
    throw noSuchPath(type, path)
  return { attribute, sub, where: filter === undefined ? undefined : readWhere(type, attribute, filter, path) }
}

function readWhere(type: ResourceType, attribute: Attribute, filter: string, path: string): Operation['where'] {
  const [, name = '', text, truth] = WHERE.exec(filter) ?? []
  const sub = findSubAttribute(attribute, name)
  if (attribute.multiValued !== true || sub === undefined) throw noSuchPath(type, path)
  if ((sub.type === 'boolean') !== (truth !== undefined)) throw noSuchPath(type, path)
  return { sub, value: truth === undefined ? (text ?? '') : truth.toLowerCase() === 'true' }
}

function atPlace(op: Operation['op'], place: Place, written: unknown): Operation {
  const { attribute, sub, where } = place
  if (written === undefined || written === null) {
    // RFC 7643, section 2.5: null is no value.
    if (op === 'add') throw badRequest('invalidValue', `${attribute.name}: add needs a value`)
    // Whether somebody may sign in is said, never left open.
    if (attribute.name === 'active') throw badRequest('mutability', 'active: cannot be removed')
    return { op: 'remove', ...place, value: undefined }
  }
  if (op === 'remove' && attribute.name === 'active') throw badRequest('mutability', 'active: cannot be removed')
  if (op === 'remove' && attribute.multiValued !== true) return { op, ...place, value: undefined }
  const path = sub === undefined ? attribute.name : `${attribute.name}.${sub.name}`
  // A filter names values that are there: what is given is one of them.
  const value =
    where !== undefined && sub === undefined
      ? readValue({ ...attribute, multiValued: false }, written, path)
      : readValue(sub ?? attribute, written, path)
  return { op, ...place, value }
}

const noSuchPath = (type: ResourceType, path: string): ScimError =>
  badRequest('invalidPath', `path: ${shown(path)} names nothing of a ${type.name} that can be changed`)

/** The user with the operations applied, in order. */
export async function patchUser(user: ScimUser, body: unknown): Promise<ScimUser> {
  const operations = readPatch(USER, body)
  if (operations.length === 0) return user
  // The library compares each value that is added with all that are there.
  const values = operations.reduce((sum, { value }) => sum + (Array.isArray(value) ? value.length : 1), 0)
  if (values > MAX_OPERATIONS)
    throw badRequest('invalidValue', `Operations: at most ${MAX_OPERATIONS} values are supported in one request`)
  const { scimPatch } = await import('scim-patch')
  try {
    const patched: unknown = scimPatch(
      { ...user, schemas: [USER.schema], meta: { created: new Date(0), lastModified: new Date(0) } },
      operations.map(toLibrary),
      { mutateDocument: false, treatMissingAsAdd: true },
    )
    return readUser(patched, user)
  } catch (error) {
    if (error instanceof ScimError) throw error
    const { scimCode } = error as { scimCode?: string }
    throw badRequest(
      scimCode === 'noTarget' ? 'noTarget' : 'invalidPath',
      'the operations cannot be applied to the user as it is',
    )
  }
}

/** In canonical form: nothing of the client's own text is in a path but the value of a filter, which has neither quotes nor brackets. */
function toLibrary({ op, attribute, sub, where, value }: Operation) {
  const filter = where === undefined ? '' : `[${where.sub.name} eq ${JSON.stringify(where.value)}]`
  const path = `${attribute.name}${filter}${sub === undefined ? '' : `.${sub.name}`}`
  return op === 'remove' ? { op, path, value } : { op, path, value }
}

/** What a PATCH makes of a group. Members are a set: large groups are changed one by one. */
export function patchGroup(group: ScimGroup, body: unknown): ScimGroup {
  let { displayName, externalId } = group
  const members = new Set(group.members)
  for (const { op, attribute, where, value } of readPatch(GROUP, body)) {
    if (attribute.name === 'members') changeMembers(members, op, where, value)
    else if (op === 'remove') {
      if (attribute.name === 'displayName') throw badRequest('mutability', 'displayName: cannot be removed')
      externalId = undefined
    } else if (attribute.name === 'displayName') displayName = readText(value, 'displayName')
    else externalId = readText(value, 'externalId')
  }
  if (displayName.trim() === '') throw badRequest('invalidValue', 'displayName: is empty')
  if (members.size > MAX_GROUP) throw badRequest('invalidValue', `members: at most ${MAX_GROUP} are supported`)
  return { displayName, ...(externalId === undefined ? {} : { externalId }), members: [...members] }
}

function changeMembers(members: Set<string>, op: Operation['op'], where: Operation['where'], value: unknown): void {
  if (where !== undefined) {
    // Somebody who is not a member need not be removed; nothing else can be said of one member.
    if (op !== 'remove') throw badRequest('invalidPath', 'members: a single one can be removed, not replaced')
    members.delete(String(where.value))
    return
  }
  const ids = value === undefined ? undefined : memberIds(value)
  if (op === 'replace' || ids === undefined) members.clear()
  for (const id of ids ?? []) {
    if (op === 'remove') members.delete(id)
    else members.add(id)
  }
}

const PATCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
/** An attribute, perhaps with its schema or a sub-attribute; a filter; a sub-attribute (RFC 7644, figure 1 and section 3.5.2). */
const PATH =
  /^((?:(?:urn:|https?:\/\/)[\w.:/-]{1,200}:)?[A-Za-z][\w$-]*(?:\.[A-Za-z$][\w$-]*)?)(?:\[([^[\]]{1,300})\](?:\.([A-Za-z$][\w$-]*))?)?$/i
const WHERE = /^\s*([A-Za-z$][\w$-]*)\s+eq\s+(?:"([^"\\[\]]{0,250})"|(true|false))\s*$/i
const MAX_OPERATIONS = 1000
/** Members of a group, after a change. */
const MAX_GROUP = 50_000
