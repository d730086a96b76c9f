import type { FastifyError, FastifyReply } from 'fastify'
import { errorCodes } from '../shared/error-codes.ts'
import { internalError, PamError, toErrorBody, UsageError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import type { Logger } from '../shared/logger.ts'

/** Every error of the API, as problem+json (RFC 9457) with our code. */
export async function sendProblem(error: unknown, reply: FastifyReply, logger: Logger): Promise<void> {
  const problem = toPamError(error)
  const body = toProblem(problem)
  const { code, cause } = problem
  if (code === 'INTERNAL') logger.error({ id: body['id'], cause }, 'api.failed')
  else if (problem.side === 'gateway')
    logger.warn({ id: body['id'], code, cause: (cause as Error | undefined)?.message }, 'api.failed')
  else logger.debug({ id: body['id'], code, cause: (cause as Error | undefined)?.message }, 'api.refused')
  await reply.status(errorCodes[code].status).type('application/problem+json').send(body)
}

export function toProblem(error: PamError): Record<string, unknown> {
  const { status, summary } = errorCodes[error.code]
  const { message, ...body } = toErrorBody(error)
  // Whoever asks for help has something to quote: the log line of the failure carries the same id.
  return { type: 'about:blank', title: summary, status, detail: message, id: newId('err'), ...body }
}

function toPamError(error: unknown): PamError {
  if (error instanceof PamError) return error
  const { validation, statusCode, message, code } = error as FastifyError
  if (validation !== undefined) return new UsageError(message)
  if (statusCode === 429)
    return new PamError('RATE_LIMITED', 'too many calls in a short time', { hint: 'wait a minute' })
  if (statusCode === 404) return new PamError('NOT_FOUND', 'there is no such route')
  if (statusCode !== undefined && statusCode < 500 && code?.startsWith('FST_')) return new UsageError(message)
  return internalError(error)
}
