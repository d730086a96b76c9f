import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiDeps } from '../deps.ts'

/** What routes are registered with: the schemas of a route are the types of its request and answer. */
export type App = Parameters<FastifyPluginAsyncZod<ApiDeps>>[0]
