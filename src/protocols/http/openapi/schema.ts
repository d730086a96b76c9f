import { z } from 'zod'

/** What is read of an OpenAPI document: paths, methods, names, tags and where paths begin. Schemas of bodies and all else are left alone. */

const server = z.looseObject({
  url: z.string().min(1),
  variables: z.record(z.string(), z.looseObject({ default: z.string() })).optional(),
})

export type OpenApiServer = z.output<typeof server>

const operation = z.looseObject({
  operationId: z
    .string()
    .regex(/^[^\p{C}]{1,200}$/u, 'expected a name of at most 200 characters')
    .optional(),
  tags: z.array(z.string().min(1)).optional(),
  servers: z.array(server).min(1).optional(),
  'x-pam-safe': z.boolean().optional(),
})

/** Of a Path Item Object; `trace` is read and never served. */
export const pathItemMethods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

export const pathItemSchema = z
  .looseObject({
    $ref: z.string().optional(),
    servers: z.array(server).min(1).optional(),
    get: operation.optional(),
    put: operation.optional(),
    post: operation.optional(),
    delete: operation.optional(),
    options: operation.optional(),
    head: operation.optional(),
    patch: operation.optional(),
    trace: operation.optional(),
  })
  .superRefine((item, context) => {
    // A key that is not known could be a method of a later version.
    for (const key of Object.keys(item))
      if (!KNOWN.has(key) && !key.startsWith('x-'))
        context.addIssue({
          code: 'custom',
          path: [key],
          message: 'is not a key of a path in OpenAPI 3.0 and 3.1: correct or remove it',
        })
  })

export type PathItem = z.output<typeof pathItemSchema>

export const documentSchema = z.looseObject({
  openapi: z
    .string('expected a version such as 3.1.1: OpenAPI 3.0 and 3.1 are read, Swagger 2.0 must be converted first')
    .regex(/^3\.[01]\.\d+(?:-.+)?$/, 'expected version 3.0 or 3.1 of OpenAPI'),
  servers: z.array(server).optional(),
  paths: z.record(z.string(), pathItemSchema, 'expected paths: without them every request would be unknown'),
})

const KNOWN: ReadonlySet<string> = new Set([
  '$ref',
  'summary',
  'description',
  'servers',
  'parameters',
  ...pathItemMethods,
])
