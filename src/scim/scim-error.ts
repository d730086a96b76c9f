/** The detail error keywords of RFC 7644, section 3.12 (table 9). */
export type ScimType =
  | 'invalidFilter'
  | 'tooMany'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue'

/** A request that is refused, in the terms of SCIM. `message` is for the client's administrator. */
export class ScimError extends Error {
  readonly status: number
  readonly scimType: ScimType | undefined

  constructor(status: number, message: string, scimType?: ScimType) {
    super(message)
    this.name = 'ScimError'
    this.status = status
    this.scimType = scimType
  }
}

export const badRequest = (scimType: ScimType, message: string): ScimError => new ScimError(400, message, scimType)

/** The body of an error response (RFC 7644, section 3.12). `status` is a string there. */
export const scimErrorBody = ({ status, scimType, message }: ScimError): Record<string, unknown> => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
  status: String(status),
  ...(scimType === undefined ? {} : { scimType }),
  detail: message,
})
