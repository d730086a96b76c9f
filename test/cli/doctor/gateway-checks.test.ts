import { createServer as createTlsServer } from 'node:https'
import { createServer, type RequestListener, type Server } from 'node:http'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  askGateway,
  checkCertificate,
  checkClock,
  checkHealth,
  checkVersions,
  type GatewayAnswer,
} from '../../../src/cli/doctor/gateway-checks.ts'
import { connectionError } from '../../../src/gateway-client/connection-error.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { makeCertificates } from '../../helpers/certificates.ts'
import { OPENSSL } from '../../helpers/run.ts'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-doctor-'))
const servers: Server[] = []
afterAll(() => {
  for (const server of servers) server.closeAllConnections()
  for (const server of servers) server.close()
  rmSync(directory, { recursive: true })
})

async function portOf(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
const signal = new AbortController().signal
const answer = (part: Partial<GatewayAnswer>): GatewayAnswer => ({
  status: 200,
  body: '{"status":"ok"}',
  clockAheadMs: 0,
  tookMs: 7,
  certificate: undefined,
  ...part,
})

describe('a call to the gateway', () => {
  it('reports the time of the gateway', async () => {
    const serve: RequestListener = (_, response) => {
      response.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString()).end('{"status":"ok"}')
    }
    const gateway = `http://127.0.0.1:${await portOf(createServer(serve))}`
    const found = await askGateway(gateway, '/healthz', { ca: undefined, signal })
    expect(Math.round((found.clockAheadMs ?? 0) / 60_000)).toBe(-60)
    expect(checkHealth(gateway, found)).toMatchObject({ state: 'ok' })
    expect(checkClock(found)).toMatchObject({ state: 'failed', message: '1h ahead of the clock of the gateway' })
  })

  it.skipIf(!OPENSSL)('reports the certificate, and trusts none but those of the authority', async () => {
    const { ca, certificate, key } = makeCertificates(directory)
    const tls = { cert: readFileSync(certificate), key: readFileSync(key) }
    const gateway = `https://127.0.0.1:${await portOf(createTlsServer(tls, (_, response) => response.end('{}')))}`
    const found = await askGateway(gateway, '/', { ca: readFileSync(ca, 'utf8'), signal })
    expect(checkCertificate(gateway, found, Date.now())).toMatchObject({
      state: 'ok',
      message: expect.stringMatching(/^trusted: test server, issued by test authority, valid until /),
    })
    await expect(askGateway(gateway, '/', { ca: undefined, signal })).rejects.toMatchObject({
      code: 'GATEWAY_CERTIFICATE',
    })
  })

  it('says that a gateway without TLS has none', async () => {
    const gateway = `https://127.0.0.1:${await portOf(createServer((_, response) => response.end('{}')))}`
    const told = {
      code: 'GATEWAY_UNREACHABLE',
      message: `${gateway} does not answer with TLS`,
      hint: expect.stringMatching(/--gateway http:\/\/127\.0\.0\.1:\d+$/),
    }
    await expect(askGateway(gateway, '/', { ca: undefined, signal })).rejects.toMatchObject(told)
    const fetched = await fetch(gateway).catch((error: unknown) => connectionError(gateway, error))
    expect(fetched).toMatchObject(told)
  })

  it('ends with its signal without an answer, and with an endless one', async () => {
    const silent = `http://127.0.0.1:${await portOf(createServer(() => {}))}`
    const options = { ca: undefined, signal: AbortSignal.timeout(1) }
    await expect(askGateway(silent, '/', options)).rejects.toMatchObject({
      code: 'GATEWAY_UNREACHABLE',
      message: expect.stringContaining('no answer in time'),
    })
    const endless = createServer((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      }
      response.on('drain', more)
      more()
    })
    const long = `http://127.0.0.1:${await portOf(endless)}`
    await expect(askGateway(long, '/', { ca: undefined, signal })).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('the check of a gateway’s answer', () => {
  it.each([
    [{ status: 404 }, 'check the URL of the gateway'],
    [{ status: 502, body: '<html>' }, 'ask your administrator'],
    [{ body: 'null' }, 'check the URL of the gateway'],
    [{ body: '{"status":"no"}' }, 'check the URL of the gateway'],
  ])('fails for %j', (part, remedy) => {
    const { state, remedy: said } = checkHealth('https://g', answer(part))
    expect([state, said]).toEqual(['failed', expect.stringContaining(remedy)])
  })

  it.each([
    [undefined, 'warning', 'the gateway does not say what time it is'],
    [1900, 'ok', 'agrees with the clock of the gateway, to within 2 s'],
    [-30_000, 'warning', '30s ahead of the clock of the gateway'],
    [60_000, 'failed', '1m behind the clock of the gateway'],
  ])('its clock, %j ms ahead: %s', (clockAheadMs, state, message) => {
    expect(checkClock(answer({ clockAheadMs }))).toMatchObject({ state, message })
  })

  it.each([
    [{ version: VERSION, api: ['v1'] }, 'ok'],
    [{ version: '9.9.9', api: ['v1', 'v2'] }, 'warning'],
    [{ version: '9.9.9', api: ['v2'] }, 'failed'],
    [{}, 'failed'],
  ])('its version, of %j: %s', (discovery, state) => {
    expect(checkVersions(answer({ body: JSON.stringify(discovery) }))).toMatchObject({ state })
  })

  it('warns of a certificate that expires soon, for its lifetime', () => {
    const of = (days: number, left: number): string => {
      const ends = Date.UTC(2026, 5, 1)
      const time = (ms: number): string => new Date(ms).toUTCString()
      const certificate = {
        subject: { CN: 'g', O: '', OU: '', C: '', ST: '', L: '' },
        issuer: { CN: 'a', O: '', OU: '', C: '', ST: '', L: '' },
        valid_from: time(ends - days * 86_400_000),
        valid_to: time(ends),
      }
      return checkCertificate('https://g', answer({ certificate }), ends - left * 86_400_000).state
    }
    expect([of(90, 31), of(90, 29), of(6, 3), of(6, 1)]).toEqual(['ok', 'warning', 'ok', 'warning'])
    expect(checkCertificate('http://127.0.0.1:1', answer({}), 0).state).toBe('ok')
  })
})
