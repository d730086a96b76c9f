import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { resourceTypes, schemas, serviceProviderConfig } from '../../scim/discovery.ts'
import { parseBody } from '../../scim/read-resource.ts'
import { listBody, readSelection } from '../../scim/representation.ts'
import { badRequest, ScimError, scimErrorBody } from '../../scim/scim-error.ts'
import { asPamError } from '../../shared/errors.ts'
import { errorCodes } from '../../shared/error-codes.ts'
import type { ApiDeps } from '../deps.ts'
import type { ProvisioningSource } from '../directory-standing.ts'
import { scimGroups } from '../scim-groups.ts'
import { readPage } from '../scim-lists.ts'
import { authenticateSource } from '../scim-sources.ts'
import { scimUsers } from '../scim-users.ts'
import type { App } from './app.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The directory that makes a call of SCIM. */
    scimSource?: ProvisioningSource
  }
}

/**
 * SCIM 2.0 (RFC 7643, RFC 7644): directories create, change and disable people and groups. Each call is of one source, known by its bearer token; errors
 * are SCIM's. Supported: what Okta and Microsoft Entra ID send. Not supported, and said so in ServiceProviderConfig: bulk, sort, ETags, passwords.
 */
export const scimRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  await app.register(
    async (scim) => {
      scim.removeAllContentTypeParsers()
      scim.addContentTypeParser(
        ['application/scim+json', 'application/json'],
        { parseAs: 'string', bodyLimit: MAX_BODY_BYTES },
        async (_request: FastifyRequest, text: string | Buffer) => parseBody(String(text)),
      )
      scim.setErrorHandler((error, request, reply) => sendError(error, request, reply, deps))
      scim.setNotFoundHandler((request, reply) =>
        sendError(new ScimError(404, 'there is no such endpoint'), request, reply, deps),
      )
      scim.addHook('onRequest', async (request) => {
        request.scimSource = authenticateSource(request.headers.authorization, deps)
        deps.connections.settled(request.raw.socket)
      })
      discoveryRoutes(scim, deps)
      resourceRoutes(scim, deps, 'Users')
      resourceRoutes(scim, deps, 'Groups')
    },
    { prefix: '/scim/v2' },
  )
}

/** A group of 10,000 members, with room. */
const MAX_BODY_BYTES = 1_048_576
const OPTIONS = {
  schema: { hide: true },
  config: { public: true, rateLimit: { max: 3000, timeWindow: 60_000 } },
  bodyLimit: MAX_BODY_BYTES,
} as const

function discoveryRoutes(app: App, deps: ApiDeps): void {
  const base = (): string => baseOf(deps)
  const list = (found: readonly Record<string, unknown>[]) => listBody(found, found.length, 1)
  const one = (found: readonly Record<string, unknown>[], id: string): Record<string, unknown> => {
    const resource = found.find((candidate) => candidate['id'] === id)
    if (resource === undefined) throw new ScimError(404, 'there is no such resource')
    return resource
  }
  app.get('/ServiceProviderConfig', OPTIONS, (_request, reply) => send(reply, 200, serviceProviderConfig(base())))
  app.get('/ResourceTypes', OPTIONS, (_request, reply) => send(reply, 200, list(resourceTypes(base()))))
  app.get('/ResourceTypes/:id', OPTIONS, (request, reply) =>
    send(reply, 200, one(resourceTypes(base()), idOf(request))),
  )
  app.get('/Schemas', OPTIONS, (_request, reply) => send(reply, 200, list(schemas(base()))))
  app.get('/Schemas/:id', OPTIONS, (request, reply) => send(reply, 200, one(schemas(base()), idOf(request))))
}

function resourceRoutes(app: App, deps: ApiDeps, name: 'Users' | 'Groups'): void {
  const of = (request: FastifyRequest): ReturnType<typeof scimUsers> | ReturnType<typeof scimGroups> => {
    const source = request.scimSource
    if (source === undefined) throw new ScimError(401, 'the call was not authenticated')
    return name === 'Users' ? scimUsers(source, baseOf(deps), deps) : scimGroups(source, baseOf(deps), deps)
  }
  const selected = (request: FastifyRequest) => readSelection(queryOf(request))
  app.get(`/${name}`, OPTIONS, async (request, reply) => {
    const query = queryOf(request)
    return send(reply, 200, await of(request).list(query['filter'], readPage(query), selected(request)))
  })
  app.get(`/${name}/:id`, OPTIONS, async (request, reply) =>
    send(reply, 200, await of(request).get(idOf(request), selected(request))),
  )
  app.post(`/${name}`, OPTIONS, async (request, reply) => {
    const made = await of(request).create(request.body, selected(request))
    void reply.header('location', `${baseOf(deps)}/${name}/${String(made['id'])}`)
    return send(reply, 201, made)
  })
  app.put(`/${name}/:id`, OPTIONS, async (request, reply) =>
    send(reply, 200, await of(request).replace(idOf(request), request.body, selected(request))),
  )
  app.patch(`/${name}/:id`, OPTIONS, async (request, reply) => {
    const patched = await of(request).patch(idOf(request), request.body, selected(request))
    // A group may have many members: its answer is empty, as directories expect.
    return patched === undefined ? reply.status(204).send() : send(reply, 200, patched)
  })
  app.delete(`/${name}/:id`, OPTIONS, async (request, reply) => {
    await of(request).remove(idOf(request))
    return reply.status(204).send()
  })
}

const baseOf = ({ publicUrl }: Pick<ApiDeps, 'publicUrl'>): string => `${publicUrl()}/scim/v2`
const idOf = ({ params }: FastifyRequest): string => String((params as Record<string, unknown>)['id'])

const send = (reply: FastifyReply, status: number, body: Record<string, unknown>): FastifyReply =>
  reply.status(status).type(MEDIA_TYPE).send(JSON.stringify(body))

/** Each parameter once: which of two counts would be a guess. */
function queryOf({ query }: FastifyRequest): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of QUERY) {
    const value: unknown = (query as Record<string, unknown>)[name]
    if (value === undefined) continue
    if (typeof value !== 'string') throw badRequest('invalidValue', `${name}: is given twice`)
    found[name] = value
  }
  return found
}

async function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { logger }: Pick<ApiDeps, 'logger'>,
): Promise<FastifyReply> {
  const known = toScimError(error)
  if (known.status >= 500) logger.error({ cause: error, path: request.routeOptions.url }, 'scim.failed')
  else logger.info({ source: request.scimSource?.name, status: known.status, problem: known.message }, 'scim.refused')
  if (known.status === 401) void reply.header('www-authenticate', 'Bearer')
  return send(reply, known.status, scimErrorBody(known))
}

function toScimError(error: unknown): ScimError {
  if (error instanceof ScimError) return error
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new ScimError(statusCode, String(message))
  const { code } = asPamError(error)
  return new ScimError(errorCodes[code].status, errorCodes[code].summary)
}

const MEDIA_TYPE = 'application/scim+json; charset=utf-8'
const QUERY = ['filter', 'startIndex', 'count', 'attributes', 'excludedAttributes'] as const
