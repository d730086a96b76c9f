import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAgent } from '../../src/agent/control-client.ts'
import { userPaths } from '../../src/agent/paths.ts'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import { writeClientFiles } from '../../src/protocols/http/client/client-files.ts'
import { eventually, signIn, type SignedIn } from './gateway-client.ts'
import { hostGateway } from './hosted-gateway.ts'
import { pamctlSignedIn, type PamctlHome } from './pamctl-client.ts'
import { pamctl, type Outcome } from './run.ts'

/** The way to services of HTTP through a gateway and an agent, as jane, whose requests bob decides on. */
export interface HttpGateway {
  readonly jane: PamctlHome
  readonly bob: SignedIn
  readonly directory: string
  /** Of the gateway's process. */
  readonly pid: number
  pamctl(this: void, ...args: string[]): Promise<Outcome>
  /** Opens a port, which stays open until this is stopped. */
  open(this: void, target: string): Promise<HttpPort>
  /** bob says so of the one request that waits. */
  decide(this: void, verdict: 'approve' | 'deny'): Promise<void>
  stop(): Promise<void>
}

export interface HttpPort {
  readonly port: number
  readonly url: string
  readonly secret: string
  readonly authorization: string
  readonly curlConfig: string
  /** Sends these bytes as they are, and gives all that comes until the other side closes. */
  raw(bytes: string | Buffer): Promise<string>
  /** One request whose path goes out as it is given. */
  request(method: string, path: string, options?: RawOptions): Promise<RawHttpAnswer>
}

export interface RawOptions {
  readonly headers?: readonly string[]
  readonly body?: string
  /** Default: that of the port. */
  readonly host?: string
  readonly withoutSecret?: boolean
}

export interface RawHttpAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

export const TOKEN = 'tok-3f9a51e07c&"<1>'

/** `lists` are `targets:`, `commands:` and so on of the configuration. The secret in `token` is there for targets. */
export async function startHttpGateway(lists: Readonly<Record<string, unknown>>): Promise<HttpGateway> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-http-'))
  const port = await freePort()
  const config = await writeDemoConfig(directory, { gatewayPort: port, postgresPort: 1 })
  writeFileSync(join(directory, 'token'), `${TOKEN}\n`, { mode: 0o600 })
  const content = {
    listen: { host: '127.0.0.1', port },
    dataDirectory: 'data',
    identity: { evaluation: { people: 'people.yaml' } },
    roles: { audit: ['sre'], operate: ['sre'] },
    access: [{ name: 'the services', who: { groups: ['engineering'] }, grant: 'standing' }],
    ...lists,
  }
  writeFileSync(config, JSON.stringify(content))
  const gateway = await hostGateway(config, join(directory, 'gateway.log'))
  const jane = await pamctlSignedIn(gateway.url, 'jane')
  const bob = await signIn(gateway.url, 'bob')
  // As `pamctl connect` does, which other tests start: a program for each port would take longer than all that it is opened for.
  const agent = await connectAgent(userPaths(jane.environment))
  const { profile } = await agent.call('choose-profile', { signingIn: false })
  return {
    jane,
    bob,
    directory,
    pid: gateway.pid,
    pamctl: (...args) => pamctl(args, jane.environment),
    async open(target) {
      const { host, port, secret = '' } = await agent.call('listen', { profile, target, protocol: 'http' })
      const { curlConfig } = writeClientFiles(join(jane.home, `http-${target}`), { host, port, secret })
      return portOf({ port, url: `http://${host}:${port}`, secret, curlConfig })
    },
    async decide(verdict) {
      const review = await eventually(
        async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command'),
        'a review',
      )
      const { id, digest } = review
      await bob.api.reviews.decide(id, { verdict, comment: '', ...(digest === undefined ? {} : { digest }) })
    },
    async stop() {
      const gone = new Promise<void>((resolve) => agent.onClose(resolve))
      await agent.call('stop', {})
      await gone
      await gateway.stop('SIGTERM')
      rmSync(jane.home, { recursive: true, force: true })
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function portOf(info: { port: number; url: string; secret: string; curlConfig: string }): HttpPort {
  const authorization = `Basic ${Buffer.from(`pamctl:${info.secret}`).toString('base64')}`
  const raw = (bytes: string | Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(info.port, '127.0.0.1', () => socket.write(bytes))
      let answer = ''
      socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
      socket.on('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
      )
      socket.on('close', () => resolve(answer))
    })
  return {
    ...info,
    authorization,
    raw,
    async request(method, path, { headers = [], body, host, withoutSecret = false } = {}) {
      const answer = await raw(
        [
          `${method} ${path} HTTP/1.1`,
          `Host: ${host ?? `127.0.0.1:${info.port}`}`,
          ...(withoutSecret ? [] : [`Authorization: ${authorization}`]),
          'Connection: close',
          ...headers,
          ...(body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
          '',
          body ?? '',
        ].join('\r\n'),
      )
      const end = answer.indexOf('\r\n\r\n')
      const head = answer.slice(0, end)
      return { status: Number(head.slice(9, 12)), head, body: bodyOf(head, answer.slice(end + 4)) }
    },
  }
}

function bodyOf(head: string, body: string): string {
  if (!/^transfer-encoding: chunked/im.test(head)) return body
  let text = ''
  for (let rest = body; rest !== '';) {
    const end = rest.indexOf('\r\n')
    const length = Number.parseInt(rest.slice(0, end), 16)
    if (!(length > 0)) break
    text += rest.slice(end + 2, end + 2 + length)
    rest = rest.slice(end + 4 + length)
  }
  return text
}
