/** One attribute of a resource type, as `/Schemas` describes it (RFC 7643, section 7). */
export interface Attribute {
  readonly name: string
  readonly type: 'string' | 'boolean' | 'complex'
  readonly multiValued?: boolean
  readonly required?: boolean
  readonly caseExact?: boolean
  readonly mutability?: 'readWrite' | 'readOnly'
  readonly uniqueness?: 'none' | 'server'
  readonly description: string
  readonly subAttributes?: readonly Attribute[]
}

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group'

/** Names of attributes are compared without regard to case (RFC 7643, section 2.1). */
export interface ResourceType {
  readonly name: 'User' | 'Group'
  readonly schema: string
  readonly attributes: readonly Attribute[]
  /** In lower case: attributes that directories send and the gateway neither keeps nor looks at. */
  readonly ignored: ReadonlySet<string>
}

const lowerCase = (names: string): ReadonlySet<string> => new Set(names.toLowerCase().split(' '))

export const USER: ResourceType = {
  name: 'User',
  schema: USER_SCHEMA,
  attributes: [
    {
      name: 'userName',
      type: 'string',
      required: true,
      uniqueness: 'server',
      description: 'The name that the person signs in with; unique without regard to case.',
    },
    {
      name: 'externalId',
      type: 'string',
      caseExact: true,
      description: 'The identifier of the person in the directory.',
    },
    { name: 'displayName', type: 'string', description: 'The name that is shown.' },
    { name: 'active', type: 'boolean', description: 'Whether the person may sign in and keep what is open.' },
    {
      name: 'name',
      type: 'complex',
      description: 'The parts of the name.',
      subAttributes: [
        { name: 'formatted', type: 'string', description: 'The full name.' },
        { name: 'familyName', type: 'string', description: 'The family name.' },
        { name: 'givenName', type: 'string', description: 'The given name.' },
      ],
    },
    {
      name: 'emails',
      type: 'complex',
      multiValued: true,
      description: 'E-mail addresses; for the directory to compare, the gateway uses none of them.',
      subAttributes: [
        { name: 'value', type: 'string', description: 'The address.' },
        { name: 'type', type: 'string', description: 'What it is for, such as work.' },
        { name: 'primary', type: 'boolean', description: 'Whether it is the preferred one.' },
      ],
    },
    {
      name: 'groups',
      type: 'complex',
      multiValued: true,
      mutability: 'readOnly',
      description: 'The groups that the person is a member of.',
      subAttributes: [
        { name: 'value', type: 'string', mutability: 'readOnly', description: 'The id of the group.' },
        { name: 'display', type: 'string', mutability: 'readOnly', description: 'The name of the group.' },
      ],
    },
  ],
  // RFC 7643, sections 4.1 and 4.3; `department` and the like also without the prefix of their schema.
  ignored: lowerCase(
    'nickName profileUrl title userType preferredLanguage locale timezone password phoneNumbers ims photos addresses entitlements roles x509Certificates employeeNumber costCenter organization division department manager',
  ),
}

export const GROUP: ResourceType = {
  name: 'Group',
  schema: GROUP_SCHEMA,
  attributes: [
    {
      name: 'displayName',
      type: 'string',
      required: true,
      uniqueness: 'server',
      description: 'The name of the group; unique without regard to case.',
    },
    {
      name: 'externalId',
      type: 'string',
      caseExact: true,
      description: 'The identifier of the group in the directory.',
    },
    {
      name: 'members',
      type: 'complex',
      multiValued: true,
      description: 'The users in the group. Groups in groups are not supported.',
      subAttributes: [
        { name: 'value', type: 'string', description: 'The id of the user.' },
        { name: 'display', type: 'string', mutability: 'readOnly', description: 'The userName of the user.' },
      ],
    },
  ],
  ignored: lowerCase('description'),
}

/** What every resource has, and only the gateway says (RFC 7643, section 3.1). */
const COMMON: ReadonlySet<string> = lowerCase('id meta schemas')

/** What a name in a request stands for. */
export type NamedAttribute =
  | { readonly is: 'known'; readonly attribute: Attribute }
  /** Read-only, or not kept. */
  | { readonly is: 'ignored' }
  | { readonly is: 'unknown' }

/**
 * The attribute of this name, with or without the URN of its schema. Only names that stand in the lists above are known; attributes of other
 * schemas are ignored, since nothing that the gateway does depends on them.
 */
export function findAttribute(type: ResourceType, written: string): NamedAttribute {
  const name = withoutSchema(type, written)
  if (name === undefined) return { is: 'ignored' }
  const key = name.toLowerCase()
  const attribute = type.attributes.find((one) => one.name.toLowerCase() === key)
  if (attribute !== undefined) {
    return attribute.mutability === 'readOnly' ? { is: 'ignored' } : { is: 'known', attribute }
  }
  return { is: COMMON.has(key) || type.ignored.has(key) ? 'ignored' : 'unknown' }
}

export const findSubAttribute = ({ subAttributes = [] }: Attribute, written: string): Attribute | undefined =>
  subAttributes.find(({ name }) => name.toLowerCase() === written.toLowerCase())

/** Undefined where it is of another schema. */
function withoutSchema({ schema }: ResourceType, written: string): string | undefined {
  const prefix = `${schema}:`.toLowerCase()
  if (written.toLowerCase().startsWith(prefix)) return written.slice(prefix.length)
  // The core schemas are known in full: another one, one of SCIM 1.1 or a whole schema as one name may hold what is not to be passed over.
  if (/^urn:.*:schemas:core(?::|$)/i.test(written)) return written
  return /^(?:urn:|https?:\/\/)/i.test(written) ? undefined : written
}
