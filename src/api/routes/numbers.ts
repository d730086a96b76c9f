import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { weeklyDecisions, type WeekOfReviews } from '../../storage/weekly-decisions.ts'
import type { ApiDeps } from '../deps.ts'
import { numbersSchema } from '../schemas/numbers.ts'
import { iso } from './to-json.ts'
import { needRole } from '../role-acts.ts'

/** What was decided in the last weeks, as sums of nobody's in particular. */
export const numberRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const query = z.object({ weeks: z.coerce.number().int().min(1).max(26).default(8) })
  app.get('/v1/numbers', { schema: { querystring: query, response: { 200: numbersSchema } } }, async (request) => {
    needRole(request.login(), 'numbers.read', deps)
    const asked = { weeks: request.query.weeks, now: deps.clock.now() }
    const [commands, requests] = await Promise.all([
      weeklyDecisions(deps.db.read, 'approvals', asked),
      weeklyDecisions(deps.db.read, 'requests', asked),
    ])
    return { commands: commands.map(toJson), requests: requests.map(toJson) }
  })
}

const toJson = ({ startsAt, medianMs, ...week }: WeekOfReviews) => ({
  startsAt: iso(startsAt),
  ...week,
  ...(medianMs === undefined ? {} : { medianMs }),
})
