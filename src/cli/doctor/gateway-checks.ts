import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { TLSSocket, type PeerCertificate } from 'node:tls'
import { connectionError } from '../../gateway-client/connection-error.ts'
import { formatDuration } from '../../shared/duration.ts'
import { UsageError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { failed, ok, warning, type Finding } from './check.ts'

/** What one call to the gateway showed. */
export interface GatewayAnswer {
  readonly status: number
  readonly body: string
  /** Its clock less ours, in milliseconds; the header is in whole seconds (RFC 9110, section 6.6.1). */
  readonly clockAheadMs: number | undefined
  readonly tookMs: number
  /** The server's own, as its chain was verified. */
  readonly certificate: Pick<PeerCertificate, 'subject' | 'issuer' | 'valid_from' | 'valid_to'> | undefined
}

/** One GET, which sends nothing of anybody's. Rejects with why the gateway cannot be reached, or is not trusted. */
export async function askGateway(
  gateway: string,
  path: string,
  { ca, signal }: { readonly ca: string | undefined; readonly signal: AbortSignal },
): Promise<GatewayAnswer> {
  const url = new URL(path, gateway)
  const startedAt = Date.now()
  try {
    return await new Promise<GatewayAnswer>((resolve, reject) => {
      const options = { signal, agent: false as const, ...(ca === undefined ? {} : { ca }) }
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
        const { socket } = response
        // A server that keeps the connection sends no certificate later.
        const certificate = socket instanceof TLSSocket ? socket.getPeerCertificate() : undefined
        const now = Date.now()
        readBody(response).then(
          (body) =>
            resolve({
              status: response.statusCode ?? 0,
              body,
              clockAheadMs: clockAhead(response.headers.date, (startedAt + now) / 2),
              tookMs: now - startedAt,
              certificate,
            }),
          reject,
        )
      })
      request.on('error', reject)
      request.end()
    })
  } catch (error) {
    throw connectionError(gateway, signal.aborted ? Object.assign(new Error('aborted'), { code: 'ETIMEDOUT' }) : error)
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += String(chunk)
    if (text.length > MAX_BODY)
      throw new UsageError('the answer is too long to be that of a gateway', 'check the URL of the gateway')
  }
  return text
}

function clockAhead(date: string | undefined, at: number): number | undefined {
  const time = Date.parse(date ?? '')
  return Number.isNaN(time) ? undefined : Math.round(time + 500 - at)
}

/** Whether a gateway answers there, and is well. */
export function checkHealth(gateway: string, { status, body, tookMs }: GatewayAnswer): Finding {
  if (status === 200 && parsed(body)?.['status'] === 'ok') return ok(`${gateway} answers (${tookMs} ms)`)
  return failed(
    `${gateway} answers, but is not a gateway (HTTP status ${status})`,
    status >= 500
      ? 'ask your administrator: the gateway, or a proxy before it, has a problem'
      : 'check the URL of the gateway',
  )
}

/** Whose certificate it is, and how long it is valid; that it is trusted is known from the answer. */
export function checkCertificate(gateway: string, { certificate }: GatewayAnswer, now: number): Finding {
  if (certificate === undefined) return ok(`none: ${gateway} is on this machine, and needs no TLS`)
  const ends = Date.parse(certificate.valid_to)
  const [issuer, subject] = [nameOf(certificate.issuer), nameOf(certificate.subject)]
  const message = `trusted: ${subject}, issued by ${issuer}, valid until ${certificate.valid_to}`
  const lifetime = ends - Date.parse(certificate.valid_from)
  if (ends - now < Math.min(SOON_MS, lifetime / 3))
    return warning(`${message}, which is soon`, 'ask your administrator to renew the certificate of the gateway')
  return ok(message)
}

const nameOf = (name: PeerCertificate['subject'] | undefined): string =>
  [name?.CN ?? name?.O ?? 'no name'].flat().join(', ')

/** Proofs of a machine whose clock is wrong are refused (RFC 9449, section 11.1). */
export function checkClock({ clockAheadMs }: GatewayAnswer): Finding {
  if (clockAheadMs === undefined) return warning('the gateway does not say what time it is')
  const away = Math.abs(clockAheadMs)
  if (away < TOLERATED_MS) return ok('agrees with the clock of the gateway, to within 2 s')
  const message = `${formatDuration(Math.round(away / 1000) * 1000)} ${clockAheadMs > 0 ? 'behind' : 'ahead of'} the clock of the gateway`
  const remedy = 'set the clock of this machine, by NTP for example'
  return away < MAX_PROOF_AGE_MS ? warning(message, remedy) : failed(message, remedy)
}

/** Both programs speak the same version of the API; beside that, versions may differ. */
export function checkVersions(discovery: GatewayAnswer): Finding {
  const { version, api } = parsed(discovery.body) ?? {}
  if (typeof version !== 'string' || !Array.isArray(api))
    return failed('the gateway does not say its version', 'check the URL of the gateway')
  const message = `pamctl ${VERSION}, gateway ${version}`
  if (!api.includes('v1')) return failed(`${message}, which does not speak version 1 of the API`, 'update pamctl')
  return version === VERSION ? ok(message) : warning(message, 'update the older of the two')
}

function parsed(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return value !== null && typeof value === 'object' ? { ...value } : undefined
  } catch {
    return undefined
  }
}

const MAX_BODY = 1_000_000
const TOLERATED_MS = 2000
/** How far a proof may be from the gateway's clock. */
const MAX_PROOF_AGE_MS = 60_000
const SOON_MS = 30 * 86_400_000
