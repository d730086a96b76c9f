import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply } from 'fastify'
import { errorCodes } from '../shared/error-codes.ts'
import { internalError, PamError, toErrorBody, UsageError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import type { Logger } from '../shared/logger.ts'

/** Every error of the API, as problem+json (RFC 9457) with our code. */
export async function sendProblem(error: unknown, reply: FastifyReply, logger: Logger): Promise<void> {
  const { status, body } = problemAnswer(error, logger)
  await reply.status(status).type(PROBLEM_TYPE).send(body)
}

/** The same for what never becomes a request: bytes that are no HTTP, headers that are too long or too slow. */
export function problemResponse(error: unknown, logger: Logger): string {
  const { status, body } = problemAnswer(error, logger)
  const text = JSON.stringify(body)
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(text)}`,
    'cache-control: no-store',
    'connection: close',
    '',
    text,
  ].join('\r\n')
}

function problemAnswer(error: unknown, logger: Logger): { status: number; body: Record<string, unknown> } {
  const problem = toPamError(error)
  const body = toProblem(problem)
  const { code, cause } = problem
  if (code === 'INTERNAL') logger.error({ id: body['id'], cause }, 'api.failed')
  else if (problem.side === 'gateway')
    logger.warn({ id: body['id'], code, cause: (cause as Error | undefined)?.message }, 'api.failed')
  else logger.debug({ id: body['id'], code, cause: (cause as Error | undefined)?.message }, 'api.refused')
  // The status of HTTP itself says more than that of our code: too long, too slow, of another type.
  const status = code === 'USAGE' ? (httpStatus(error) ?? errorCodes[code].status) : errorCodes[code].status
  return { status, body: { ...body, status } }
}

const PROBLEM_TYPE = 'application/problem+json'

function httpStatus(error: unknown): number | undefined {
  const { statusCode, code } = error as { statusCode?: unknown; code?: unknown }
  if (typeof code === 'string' && code in PARSER_STATUS) return PARSER_STATUS[code]
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined
}

/** Source: Node.js, http, Event 'clientError'. */
const PARSER_STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

function toProblem(error: PamError): Record<string, unknown> {
  const { status, summary } = errorCodes[error.code]
  const { message, ...body } = toErrorBody(error)
  // Whoever asks for help has something to quote: the log line of the failure carries the same id.
  return { type: 'about:blank', title: summary, status, detail: message, id: newId('err'), ...body }
}

/** The same for who writes a response by hand: status and body (application/problem+json). */
export const problemText = (error: PamError): { readonly status: number; readonly body: string } => ({
  status: errorCodes[error.code].status,
  body: JSON.stringify(toProblem(error)),
})

function toPamError(error: unknown): PamError {
  if (error instanceof PamError) return error
  const { validation, statusCode, message, code } = error as FastifyError
  const parserStatus = code === undefined ? undefined : PARSER_STATUS[code]
  if (parserStatus !== undefined || (code ?? '').startsWith('HPE_'))
    return new UsageError(STATUS_CODES[parserStatus ?? 400] ?? 'Bad Request')
  if (validation !== undefined) return new UsageError(message)
  if (statusCode === 429)
    return new PamError('RATE_LIMITED', 'too many calls in a short time', { hint: 'wait a minute, then run it again' })
  if (statusCode === 404) return new PamError('NOT_FOUND', 'there is no such route')
  if (statusCode !== undefined && statusCode < 500 && code?.startsWith('FST_')) return new UsageError(message)
  return internalError(error)
}
