import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { Verdict } from '../../src/gateway/engine.ts'
import type { MaskedKind } from '../../src/masking/plan.ts'
import { Http1Server } from '../../src/protocols/http/server/http1.ts'
import type { Exchange } from '../../src/protocols/http/server/exchange.ts'
import { Http1Upstream } from '../../src/protocols/http/upstream/http1.ts'
import { withoutHopByHop } from '../../src/protocols/http/wire/headers.ts'
import { readApiRequest, type ApiRequest } from '../../src/protocols/kubernetes/request/api-request.ts'
import { serveStream } from '../../src/protocols/kubernetes/streams/serve-stream.ts'
import { readTransport } from '../../src/protocols/kubernetes/streams/transport.ts'
import { PamError } from '../../src/shared/errors.ts'
import type { TestCluster } from './kubernetes.ts'

/** Streams of a cluster as the gateway carries them, with nothing of a gateway around: no agent, no policy, no session. */
export interface StreamProxy {
  readonly kubeconfig: string
  /** What was recorded, with the bytes of terminals. */
  readonly events: { readonly type: string; readonly [field: string]: unknown }[]
  /** What was agreed on, stream by stream. */
  readonly transports: string[]
  /** Ends all streams, as the end of a grant does. */
  end(reason: PamError): void
  close(): Promise<void>
}

export interface StreamProxyOptions {
  readonly kinds?: readonly MaskedKind[]
  readonly decidePort?: (port: number) => Verdict
  readonly keep?: number
}

export async function startStreamProxy(
  cluster: TestCluster,
  { kinds = [], keep = 1e6, decidePort = () => ({ type: 'forward', id: 'cmd_port' }) }: StreamProxyOptions = {},
): Promise<StreamProxy> {
  const ended = new AbortController()
  const events: StreamProxy['events'] = []
  const transports: string[] = []
  const http = new Http1Server()
  const tls = (name: string): Buffer => readFileSync(join(cluster.directory, 'tls', name))
  const upstream = new Http1Upstream(`127.0.0.1:${cluster.port}`, () => {
    const socket = connect({
      port: cluster.port,
      host: '127.0.0.1',
      ca: readFileSync(cluster.ca),
      cert: tls('admin.crt'),
      key: tls('admin.key'),
    })
    return Promise.resolve(socket)
  })
  const session = {
    masking: { kinds },
    hashKeys: { session: Buffer.alloc(32), target: Buffer.alloc(32) },
    recorder: {
      isFull: false,
      isWritten: true,
      outcome: (event: { type: string }, data?: Uint8Array) =>
        void events.push({ ...event, ...(data === undefined ? {} : { text: Buffer.from(data).toString() }) }),
    },
  } as unknown as Parameters<typeof serveStream>[0]['session']
  const sent = ({ request: { method, target, headers } }: Exchange) => ({
    method,
    target,
    headers: withoutHopByHop(headers).filter(([name]) => !/^(content-length|sec-websocket-.*|x-stream-.*)$/.test(name)),
    body: undefined,
    signal: ended.signal,
  })
  const plain = async (exchange: Exchange): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of exchange.body) chunks.push(chunk as Buffer)
    const answer = await upstream.send({
      ...sent(exchange),
      body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
    })
    const out = exchange.answer({ status: answer.status, headers: withoutHopByHop(answer.headers) })
    answer.body.pipe(out)
  }
  const stream = async (exchange: Exchange, request: ApiRequest): Promise<void> => {
    const subresource = request.subresource as 'exec' | 'attach' | 'portforward'
    const transport = readTransport(subresource, exchange.request.method, exchange.upgrade, exchange.request.headers)
    if (transport instanceof PamError) throw transport
    const answer = await serveStream({
      session,
      request,
      transport,
      decision: 'cmd_1',
      archives: false,
      name: request.name,
      keep,
      upgrade: (headers, protocol) =>
        upstream.switchProtocols({ ...sent(exchange), headers: [...sent(exchange).headers, ...headers] }, protocol),
      switchProtocols(headers) {
        transports.push(headers.find(([name]) => /protocol/.test(name))?.[1] ?? '')
        return exchange.switchProtocols(headers)
      },
      decidePort: (port) => Promise.resolve(decidePort(port)),
      ended: ended.signal,
    })
    if (answer !== undefined)
      answer.body.pipe(exchange.answer({ status: answer.status, headers: withoutHopByHop(answer.headers) }))
  }
  const server = createServer((socket) => {
    http.serve(socket, {
      async serve(exchange) {
        const request = readApiRequest(exchange.request.method, exchange.request.target)
        try {
          if (exchange.upgrade === undefined || 'failure' in request) await plain(exchange)
          else await stream(exchange, request)
        } catch (error) {
          if (!exchange.hasAnswered)
            exchange.answer({ status: 400, headers: [['content-type', 'text/plain']] }).end(String(error))
        }
      },
      refusal: () => ({ status: 400, contentType: 'text/plain', body: Buffer.from('refused') }),
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const kubeconfig = join(cluster.directory, `proxy-${port}.kubeconfig`)
  const config = JSON.parse(readFileSync(cluster.kubeconfig, 'utf8')) as { clusters: unknown[]; users: unknown[] }
  config.clusters = [{ name: 'test', cluster: { server: `http://127.0.0.1:${port}` } }]
  config.users = [{ name: 'admin', user: {} }]
  writeFileSync(kubeconfig, JSON.stringify(config))
  return {
    kubeconfig,
    events,
    transports,
    end: (reason) => ended.abort(reason),
    async close() {
      ended.abort(new PamError('SESSION_KILLED', 'the test is over'))
      http.close()
      upstream.close()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
