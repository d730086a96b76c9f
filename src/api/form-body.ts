import type { FastifyInstance } from 'fastify'
import { UsageError } from '../shared/errors.ts'

/** Lets the routes of one plugin take forms (application/x-www-form-urlencoded), which the rest of the API does not. A field that is there twice is refused. */
export function acceptForms(app: Pick<FastifyInstance, 'addContentTypeParser'>): void {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    const fields = new Map<string, string>()
    for (const [name, value] of new URLSearchParams(body.toString())) {
      if (fields.has(name)) return done(new UsageError('a field of the form is given twice'))
      fields.set(name, value)
    }
    done(null, Object.fromEntries(fields))
  })
}
