import { GROUP, USER, type Attribute, type ResourceType } from './attributes.ts'

/** What this service can do (RFC 7643, section 5). */
export const serviceProviderConfig = (base: string): Record<string, unknown> => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
  patch: { supported: true },
  bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
  filter: { supported: true, maxResults: MAX_RESULTS },
  changePassword: { supported: false },
  sort: { supported: false },
  etag: { supported: false },
  authenticationSchemes: [
    {
      type: 'oauthbearertoken',
      name: 'Bearer token',
      description: 'The token of the provisioning source, as the configuration of the gateway names it',
      primary: true,
    },
  ],
  meta: { resourceType: 'ServiceProviderConfig', location: `${base}/ServiceProviderConfig` },
})

/** RFC 7643, section 6. */
export const resourceTypes = (base: string): Record<string, unknown>[] =>
  [USER, GROUP].map(({ name, schema }) => ({
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ResourceType'],
    id: name,
    name,
    endpoint: `/${name}s`,
    schema,
    meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${name}` },
  }))

/** RFC 7643, section 7. */
export const schemas = (base: string): Record<string, unknown>[] => [USER, GROUP].map((type) => schemaOf(type, base))

const schemaOf = ({ name, schema, attributes }: ResourceType, base: string): Record<string, unknown> => ({
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:Schema'],
  id: schema,
  name,
  attributes: attributes.map(described),
  meta: { resourceType: 'Schema', location: `${base}/Schemas/${schema}` },
})

function described(attribute: Attribute): Record<string, unknown> {
  const { subAttributes, ...rest } = attribute
  return {
    multiValued: false,
    required: false,
    caseExact: false,
    mutability: 'readWrite',
    returned: 'default',
    uniqueness: 'none',
    ...rest,
    ...(subAttributes === undefined ? {} : { subAttributes: subAttributes.map(described) }),
  }
}

/** Resources in one answer. */
export const MAX_RESULTS = 200
