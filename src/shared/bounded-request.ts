import { asError } from './errors.ts'
import { fetchWithCa } from './fetch-with-ca.ts'

export interface BoundedRequest {
  readonly url: string
  readonly method?: 'GET' | 'POST' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** PEM of a private authority. */
  readonly ca?: string | undefined
  /** Milliseconds for all of it, from connecting to the last byte of the answer; default: 10 s. */
  readonly deadline?: number
  /** Bytes of the answer's body; default: 1 MiB. */
  readonly maxBytes?: number
}

export interface BoundedAnswer {
  readonly status: number
  /** UTF-8. */
  readonly body: string
}

/** There is no answer that can be used. The message is ours: it has nothing of what the other side said. */
export class NoAnswer extends Error {}

/**
 * One request and its whole answer, within a time and a size, whatever its status. Follows no redirect. Throws NoAnswer, which says why.
 */
export async function boundedRequest(request: BoundedRequest): Promise<BoundedAnswer> {
  const { url, method = 'GET', headers = {}, body, ca, deadline = DEADLINE_MS, maxBytes = MAX_BYTES } = request
  const signal = AbortSignal.timeout(deadline)
  try {
    const response = await fetchWithCa(ca)(url, {
      method,
      headers: { ...headers, 'accept-encoding': 'identity' },
      redirect: 'manual',
      signal,
      ...(body === undefined ? {} : { body }),
    })
    return { status: response.status, body: await textOf(response, maxBytes) }
  } catch (error) {
    if (error instanceof NoAnswer) throw error
    if (signal.aborted) throw new NoAnswer(`does not answer within ${deadline / 1000} s`)
    throw new NoAnswer(`cannot be reached${codeOf(error)}`)
  }
}

/** The body in full. One that is longer is not read on. */
async function textOf({ body }: Response, maxBytes: number): Promise<string> {
  if (body === null) return ''
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = body.getReader()
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length
    if (length > maxBytes) {
      // It may never end: nobody waits for it.
      void reader.cancel().catch(() => {})
      throw new NoAnswer(`answers with more than ${maxBytes} bytes`)
    }
    chunks.push(read.value)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new NoAnswer('answers with bytes that are not text')
  }
}

/** The code of the system or of TLS, such as ECONNREFUSED; fetch has it in the cause. */
function codeOf(thrown: unknown): string {
  for (let error: unknown = asError(thrown); error instanceof Error; error = error.cause) {
    const { code } = error as NodeJS.ErrnoException
    if (typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code)) return ` (${code})`
  }
  return ''
}

const DEADLINE_MS = 10_000
const MAX_BYTES = 1_048_576
