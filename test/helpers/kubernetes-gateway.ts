import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import { type RawAnswer, type RawRequest, type TestCluster } from './kubernetes.ts'
import { eventually } from './gateway-client.ts'
import { hostGateway } from './hosted-gateway.ts'
import { pamctlSignedIn, type PamctlHome, type RunningPamctl } from './pamctl-client.ts'
import { pamctl } from './run.ts'

/** The way to a cluster through a gateway and an agent, as jane, who may connect to it. */
export interface ClusterThroughGateway {
  /** As `TestCluster.request`: the path goes out as it is given. */
  request(method: string, path: string, options?: Omit<RawRequest, 'token'>): Promise<RawAnswer>
  /** For clients, as long as it runs. */
  readonly kubeconfig: string
  /** Of the same. */
  readonly port: LocalPort
  /** Of the gateway: what its configuration names without a path is here. */
  readonly directory: string
  /** Where others sign in. */
  readonly gateway: string
  readonly jane: PamctlHome
  /** Opens a port to another target, for as long as everything runs. */
  open(target: string): Promise<{ readonly kubeconfig: string; readonly port: LocalPort }>
  /** What the gateway is on the cluster. */
  readonly token: string
  stop(): Promise<void>
}

/** What it takes to connect to a local port. */
export interface LocalPort {
  readonly port: number
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
}

/** `rules` are `commands:`, `masking:` and `access:` of the configuration. `more`: targets beside `k8s`, by what they have that it has not. */
export async function throughGateway(
  cluster: Pick<TestCluster, 'port' | 'ca' | 'serviceAccount'>,
  {
    more = [],
    ...rules
  }: {
    readonly commands: readonly object[]
    readonly masking?: readonly object[]
    readonly access?: readonly object[]
    readonly more?: readonly { readonly name: string }[]
  },
): Promise<ClusterThroughGateway> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-cluster-gateway-'))
  const token = await cluster.serviceAccount('gateway', [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ])
  const port = await freePort()
  const config = await writeDemoConfig(directory, { gatewayPort: port, postgresPort: 1 })
  writeFileSync(join(directory, 'token'), `${token}\n`, { mode: 0o600 })
  const target = {
    name: 'k8s',
    type: 'kubernetes',
    host: '127.0.0.1',
    port: cluster.port,
    ca: cluster.ca,
    token: 'file:token',
  }
  const content = {
    listen: { host: '127.0.0.1', port },
    dataDirectory: 'data',
    identity: { evaluation: { people: 'people.yaml' } },
    targets: [target, ...more.map((one) => ({ ...target, ...one }))],
    roles: { operate: ['sre'] },
    access: [{ name: 'the cluster', who: { groups: ['engineering'] }, grant: 'standing' }],
    ...rules,
  }
  writeFileSync(config, JSON.stringify(content))
  const gateway = await hostGateway(config, join(directory, 'gateway.log'))
  const jane = await pamctlSignedIn(gateway.url, 'jane')
  // The port is open as long as this runs.
  const opened: RunningPamctl[] = []
  const open = async (name: string): Promise<{ kubeconfig: string; port: LocalPort }> => {
    const running = jane.start(['connect', name, '--json'])
    opened.push(running)
    const [json] = await eventually(
      () => /^\{[^]*?^\}$|^\{.*\}$/m.exec(running.output()) ?? undefined,
      'the port is open',
    )
    const { url, kubeconfig } = JSON.parse(json) as { url: string; kubeconfig: string }
    const { clusters, users } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as {
      clusters: [{ cluster: { 'certificate-authority-data': string } }]
      users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }]
    }
    const decode = (text: string): Buffer => Buffer.from(text, 'base64')
    const local = {
      port: Number(new URL(url).port),
      ca: decode(clusters[0].cluster['certificate-authority-data']),
      cert: decode(users[0].user['client-certificate-data']),
      key: decode(users[0].user['client-key-data']),
    }
    return { kubeconfig, port: local }
  }
  const { kubeconfig, port: local } = await open('k8s')
  return {
    kubeconfig,
    port: local,
    token,
    directory,
    gateway: gateway.url,
    jane,
    open,
    request: (method, path, { headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', path, method, headers, agent: false, ...local }, (answer) => {
          let text = ''
          answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }))
          answer.on('error', reject)
        })
        sent.on('error', reject)
        sent.end(body)
      }),
    async stop() {
      for (const running of opened) {
        running.kill('SIGINT')
        await running.closed
      }
      await pamctl(['agent', 'stop'], jane.environment)
      await gateway.stop('SIGTERM')
      rmSync(jane.home, { recursive: true, force: true })
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
