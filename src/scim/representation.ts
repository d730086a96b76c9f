import { GROUP_SCHEMA, USER_SCHEMA } from './attributes.ts'
import type { ScimGroup, ScimUser } from './read-resource.ts'
import { badRequest } from './scim-error.ts'

/** What the gateway adds to a resource (RFC 7643, section 3.1). Times in milliseconds since 1970. */
export interface Stored {
  readonly id: string
  readonly createdAt: number
  readonly changedAt: number
}

export interface Reference {
  readonly value: string
  readonly display: string
}

/** Which attributes an answer has: `attributes` and `excludedAttributes` of a request (RFC 7644, section 3.9). */
export type Selection = (name: string) => boolean

export function readSelection(query: {
  readonly attributes?: string
  readonly excludedAttributes?: string
}): Selection {
  const namesOf = (list: string): ReadonlySet<string> => {
    if (list.length > MAX_LIST) throw badRequest('invalidValue', 'attributes: the list is too long')
    return new Set(
      list.split(',').map((name) => {
        const own = name.trim().toLowerCase()
        const plain = own.slice(own.startsWith('urn:') ? own.lastIndexOf(':') + 1 : 0)
        return plain.split('.')[0] ?? ''
      }),
    )
  }
  const { attributes, excludedAttributes } = query
  if (attributes !== undefined) {
    const asked = namesOf(attributes)
    return (name) => asked.has(name.toLowerCase())
  }
  const left = namesOf(excludedAttributes ?? '')
  return (name) => !left.has(name.toLowerCase())
}

export function userBody(
  user: ScimUser & Stored & { readonly groups: readonly Reference[] },
  base: string,
  isSelected: Selection,
): Record<string, unknown> {
  const { id, createdAt, changedAt, ...attributes } = user
  return body('User', USER_SCHEMA, { id, createdAt, changedAt }, attributes, base, isSelected)
}

export function groupBody(
  group: Omit<ScimGroup, 'members'> & Stored & { readonly members: readonly Reference[] },
  base: string,
  isSelected: Selection,
): Record<string, unknown> {
  const { id, createdAt, changedAt, ...attributes } = group
  return body('Group', GROUP_SCHEMA, { id, createdAt, changedAt }, attributes, base, isSelected)
}

function body(
  resourceType: 'User' | 'Group',
  schema: string,
  { id, createdAt, changedAt }: Stored,
  attributes: object,
  base: string,
  isSelected: Selection,
): Record<string, unknown> {
  const meta = {
    resourceType,
    created: new Date(createdAt).toISOString(),
    lastModified: new Date(changedAt).toISOString(),
    location: `${base}/${resourceType}s/${id}`,
  }
  return {
    schemas: [schema],
    id,
    ...Object.fromEntries(Object.entries({ ...attributes, meta }).filter(([name]) => isSelected(name))),
  }
}

/** One page of a list (RFC 7644, section 3.4.2.4). */
export const listBody = (
  resources: readonly unknown[],
  total: number,
  startIndex: number,
): Record<string, unknown> => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
  totalResults: total,
  startIndex,
  itemsPerPage: resources.length,
  Resources: resources,
})

const MAX_LIST = 2000
