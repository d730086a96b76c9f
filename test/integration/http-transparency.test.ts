import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXCHANGES, type Alteration, type HttpExchange } from '../fixtures/http-exchanges.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { startHttpGateway, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { MISSING_PEERS, startHttpPeers, type HttpPeers, type PeerName } from '../helpers/http-peers.ts'
import { expectedThrough, ofConnection, seenByServer, shownToClient } from '../helpers/http-transparency.ts'
import { clientsOfHttp } from './http/clients.ts'
import { exchangeBytes, type WireAnswer } from '../helpers/raw-http.ts'

/** The same requests directly and through a gateway that allows everything and masks nothing: the same answers, and the same at the server. */
describe.skipIf(MISSING_PEERS.length > 0)('HTTP through a gateway that allows everything', () => {
  let peers: HttpPeers
  let gateway: HttpGateway
  const through = new Map<PeerName, HttpPort>()

  beforeAll(async () => {
    peers = await startHttpPeers()
    const names = Object.keys(peers.ports) as PeerName[]
    gateway = await startHttpGateway({
      targets: names.map((name) => ({
        name: name.toLowerCase().replace('.', '-'),
        type: 'http',
        host: '127.0.0.1',
        port: peers.ports[name],
        tls: 'disable',
        headers: ['x-a', 'x-b', 'depth'],
      })),
      commands: [{ name: 'everything', match: { unknown: true }, allow: true }],
    })
    for (const name of names) through.set(name, await gateway.open(name.toLowerCase().replace('.', '-')))
  })

  afterAll(async () => {
    await gateway?.stop()
    await peers?.stop()
  })

  clientsOfHttp(() => ({ peers, gateway }))

  /** On one connection of its own, directly or through the gateway. */
  async function run(exchange: HttpExchange, port: number, authorization?: string): Promise<WireAnswer[]> {
    const pieces = exchange.requests.map((request) => bytesOf(request, port, authorization))
    const methods = exchange.requests.map((request) => request.slice(0, request.indexOf(' ')))
    if (exchange.isPipelined === true) return exchangeBytes(port, [Buffer.concat(pieces)], methods)
    const answers: WireAnswer[] = []
    for (const [index, piece] of pieces.entries())
      answers.push(...(await exchangeBytes(port, [piece], [methods[index] ?? ''])))
    return answers
  }

  it.each(EXCHANGES.map((exchange) => [titleOf(exchange), exchange] as const))('%s', async (_title, exchange) => {
    const port = through.get(exchange.server) as HttpPort
    const { altered, server } = exchange
    const { seen } = peers.echo
    const before = seen.length
    const as = altered?.as === undefined ? exchange : { ...exchange, requests: [altered.as] }
    const direct = altered?.refused === undefined ? await run(as, peers.ports[server]) : []
    const between = seen.length
    const shown = await run(exchange, port.port, port.authorization)
    if (altered?.refused !== undefined) {
      expect(shown.map(({ status }) => status)).toEqual([altered.refused])
      expect(shown[0]?.headers).toContainEqual(['content-type', 'application/problem+json'])
      // Where the target answers itself, it has been asked.
      expect(seen.length - between).toBe(altered.refused === 502 ? 1 : 0)
      return
    }
    const origin = `127.0.0.1:${peers.ports[server]}`
    const expected = direct
      .map((answer) => expectedThrough(answer, origin))
      .map((answer, index) => (index === direct.length - 1 ? alteredAnswer(answer, altered) : answer))
    const steady = { origin, unsteady: exchange.unsteady ?? [] }
    expect(shown.map((answer) => shownToClient(answer, steady))).toEqual(
      expected.map((answer) => shownToClient(answer, steady)),
    )
    expect(seen.slice(between).map(seenByServer)).toEqual(seen.slice(before, between).map(seenByServer))
    expect(seen.slice(between).every(({ headers }) => ofConnection(headers, peers.ports[server]))).toBe(true)
  })

  it('answers arrive when the server sends them: long polling, and events one by one', async () => {
    const port = through.get('node') as HttpPort
    const read = async (path: string, steps: readonly string[]): Promise<string> => {
      const socket = connect(port.port, '127.0.0.1')
      let text = ''
      socket.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      socket.write(bytesOf(`GET ${path}`, port.port, port.authorization))
      for (const step of steps) {
        // What comes next is not sent before the client has this.
        if (step !== '') await eventually(() => text.includes(step) || undefined, `"${step}" arrives`)
        else await eventually(() => peers.echo.seen.at(-1)?.target === path || undefined, 'the server is asked')
        peers.echo.release()
      }
      await eventually(() => text.endsWith('0\r\n\r\n') || undefined, 'the answer ends')
      socket.destroy()
      return text
    }
    expect(await read('/long-poll', [''])).toContain('at last')
    expect(await read('/events', ['data: event 1\n\n', 'data: event 2\n\n', 'data: event 3\n\n'])).toContain(
      ': the end',
    )
  })
})

/** The bytes of a request; those of its text are latin1. */
function bytesOf(request: string, port: number, authorization: string | undefined): Buffer {
  const at = request.indexOf('\n\n')
  const [line, ...headers] = (at < 0 ? request : request.slice(0, at)).split('\n')
  const body = at < 0 ? '' : request.slice(at + 2)
  const isFramed = body === '' || headers.some((header) => header.startsWith('Transfer-Encoding'))
  return Buffer.from(
    [
      `${line} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
      ...headers,
      ...(isFramed ? [] : [`Content-Length: ${body.length}`]),
      '',
      body,
    ].join('\r\n'),
    'latin1',
  )
}

function titleOf({ server, requests, altered }: HttpExchange): string {
  const shown = requests.map((request) => JSON.stringify(request.slice(0, 90)).slice(1, -1)).join(', ')
  return `${server}: ${shown.slice(0, 140)}${altered === undefined ? '' : ` (altered: ${altered.why})`}`
}

function alteredAnswer(answer: WireAnswer, altered: Alteration | undefined): WireAnswer {
  if (altered === undefined) return answer
  const { headers = {} } = altered
  return {
    ...answer,
    framing: altered.framing ?? answer.framing,
    body: altered.body === undefined ? answer.body : Buffer.from(altered.body),
    interim: altered.withoutInterim ? [] : answer.interim,
    headers: answer.headers.flatMap(([name, value]) => {
      if (!Object.hasOwn(headers, name)) return [[name, value] as const]
      const given = headers[name]
      return given === undefined ? [] : [[name, given] as const]
    }),
  }
}
