import type { FastifyError, FastifyReply } from 'fastify'
import { errorCodes } from '../shared/error-codes.ts'
import { internalError, PamError, toErrorBody, UsageError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'

/** Every error of the API, as problem+json (RFC 9457) with our code. */
export async function sendProblem(error: unknown, reply: FastifyReply, logger: Logger): Promise<void> {
  const problem = toPamError(error)
  if (problem.code === 'INTERNAL') logger.error({ id: problem.id, cause: problem.cause }, 'api.failed')
  else if (problem.side === 'gateway')
    logger.warn({ code: problem.code, cause: (problem.cause as Error | undefined)?.message }, 'api.failed')
  await reply.status(errorCodes[problem.code].status).type('application/problem+json').send(toProblem(problem))
}

export function toProblem(error: PamError): Record<string, unknown> {
  const { status, summary } = errorCodes[error.code]
  const { message, ...body } = toErrorBody(error)
  return { type: 'about:blank', title: summary, status, detail: message, ...body }
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
