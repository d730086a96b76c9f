import { PamError } from '../shared/errors.ts'

/** Why a call did not get through to the gateway: not reached, not answered, or not trusted. Never "bad handshake". */
export function connectionError(gateway: string, error: unknown): PamError {
  if (error instanceof PamError) return error
  const found = causes(error)
  const codes = found.map(({ code }) => (typeof code === 'string' ? code : ''))
  if (found.some(({ code, message = '' }) => NO_TLS.test(String(code)) || (code === 'EPROTO' && NO_TLS.test(message))))
    return new PamError('GATEWAY_UNREACHABLE', `${gateway} does not answer with TLS`, {
      hint: `if it is a gateway without TLS on this machine: --gateway ${gateway.replace(/^https:/, 'http:')}`,
      cause: error,
    })
  if (codes.some((code) => /^(ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|HOSTNAME_|ERR_SSL)/.test(code))) {
    return new PamError('GATEWAY_CERTIFICATE', `the certificate of ${gateway} is not trusted`, {
      hint: 'give the authority that signed it with --ca FILE (PAMCTL_CA)',
      cause: error,
    })
  }
  if (found.some(isSilence))
    return new PamError('GATEWAY_UNREACHABLE', `the gateway ${gateway} does not answer`, {
      hint: 'it may be overloaded or have stopped: run it again in a minute, or ask your administrator',
      cause: error,
    })
  return new PamError('GATEWAY_UNREACHABLE', `the gateway ${gateway} cannot be reached (${reasonOf(codes)})`, {
    hint: 'check the URL, and that this machine can reach it',
    cause: error,
  })
}

/** What came in place of a TLS record is something else, such as an answer of HTTP. */
const NO_TLS = /wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long|http[ _]request/i

/** What people call it, and the code for those who search for it. */
function reasonOf(codes: readonly string[]): string {
  const code = codes.find((one) => one !== '')
  if (code === undefined) return 'no answer'
  return REASONS[code] === undefined ? code : `${REASONS[code]}, ${code}`
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name cannot be looked up now',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection closed',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no network',
  ETIMEDOUT: 'no answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
  UND_ERR_SOCKET: 'connection closed',
}

/** Its time was up: that of AbortSignal.timeout, of undici, or of ws. */
const isSilence = ({ name, code, message }: Cause): boolean =>
  name === 'TimeoutError' ||
  code === 'UND_ERR_HEADERS_TIMEOUT' ||
  code === 'UND_ERR_BODY_TIMEOUT' ||
  message === 'Opening handshake has timed out'

interface Cause {
  readonly name?: string
  /** A number in a DOMException. */
  readonly code?: string | number
  readonly message?: string
}

function causes(error: unknown): Cause[] {
  const found: Cause[] = []
  for (
    let current = error;
    current !== null && typeof current === 'object' && found.length < 5;
    current = (current as Error).cause
  ) {
    found.push(current)
    if ('errors' in current && Array.isArray(current.errors)) found.push(...(current.errors as Cause[]))
  }
  return found
}
