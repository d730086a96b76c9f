import type { FastifyInstance } from 'fastify'
import { asPamError, UsageError } from '../shared/errors.ts'
import { repeatsField } from '../shared/json-fields.ts'

/** Has the routes of an API take JSON that has one meaning only. */
export function acceptJson(app: Pick<FastifyInstance, 'addContentTypeParser'>): void {
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, parseJsonBody(Buffer.from(body), request.headers['content-type']))
    } catch (error) {
      done(asPamError(error))
    }
  })
}

/**
 * A body in JSON as every reader understands it: in UTF-8, without a field that is there twice, and without names that reach into JavaScript's own
 * (RFC 8259, sections 4 and 8.1).
 * @throws UsageError otherwise
 */
export function parseJsonBody(bytes: Uint8Array, contentType = ''): unknown {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType)?.[1]
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8')
    throw new UsageError(`a body in JSON is in UTF-8, not in ${charset}`)
  const { text, value } = read(bytes)
  if (repeatsField(text, value)) throw new UsageError('the body has a field twice in one object')
  return value
}

function read(bytes: Uint8Array): { readonly text: string; readonly value: unknown } {
  let isPoisoned = false
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value: unknown = JSON.parse(text, (name, one: unknown) => {
      isPoisoned ||= name === '__proto__' || (name === 'constructor' && typeof one === 'object')
      return one
    })
    if (!isPoisoned) return { text, value }
  } catch {
    throw new UsageError('the body is not JSON in UTF-8')
  }
  throw new UsageError('the body has a field "__proto__" or "constructor"')
}
