import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import type { Review } from '../../src/api/schemas/review.ts'
import { kubernetesKinds } from '../../src/protocols/kubernetes/policy/kinds.ts'
import { eventually, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { throughGateway, type ClusterThroughGateway, type LocalPort } from '../helpers/kubernetes-gateway.ts'
import { HELM, isClusterMissing, K9S, kubectlProgram, startCluster, type TestCluster } from '../helpers/kubernetes.ts'
import { run, start as startProgram, type Outcome, type RunningProgram } from '../helpers/run.ts'
import { pamctlOnTerminal, screenOf, SCRIPT } from '../helpers/terminal.ts'
import { KUBE_INFORMER } from '../helpers/test-clients.ts'

/** Real clients, for longer than one command, through pamctl, agent and gateway to a real API server; and how they are ended. */
describe.skipIf(isClusterMissing())('clients of Kubernetes', () => {
  let directory: string
  let cluster: TestCluster
  let through: ClusterThroughGateway
  let bob: SignedIn
  /** Runs until its grant is over, beside all else. */
  let shortWatch: RunningProgram

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-k8s-clients-'))
    cluster = await startCluster()
    const admin = (what: string): string => `file:${join(cluster.directory, 'tls', `admin.${what}`)}`
    through = await throughGateway(cluster, {
      more: [
        { name: 'closed' },
        { name: 'short' },
        { name: 'certified', token: undefined, certificate: admin('crt'), key: admin('key') } as { name: string },
      ],
      access: [
        {
          name: 'short',
          who: { groups: ['engineering'] },
          targets: { names: ['short'] },
          grant: 'standing',
          maxDuration: '10s',
        },
        {
          name: 'the cluster',
          who: { groups: ['engineering'] },
          targets: { names: ['k8s', 'closed', 'certified'] },
          grant: 'standing',
        },
      ],
      commands: [
        {
          name: 'a person decides',
          match: { kinds: ['delete'], objects: ['held'] },
          hold: { approvers: { groups: ['sre'] } },
        },
        { name: 'anything', match: { kinds: kubernetesKinds, unknown: true }, allow: true },
      ],
      masking: [
        { name: 'contents', targets: { names: ['closed'] }, fields: ['secrets:data.*'], style: 'redact' },
        {
          name: 'secrets',
          targets: { names: ['k8s'] },
          fields: ['secrets:data.*'],
          exceptWhere: ['type=helm.sh/release.v1'],
          style: 'redact',
        },
        { name: 'addresses', targets: { names: ['k8s'] }, kinds: ['email'], style: 'redact' },
      ],
    })
    bob = await signIn(through.gateway, 'bob')
    const watch = ['get', 'pods', '-n', 'dev', '--watch']
    shortWatch = through.jane.start(['connect', 'short', '--', kubectlProgram('1.37') ?? '', ...watch])
  })

  afterAll(async () => {
    shortWatch?.kill()
    await through?.stop()
    await cluster?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const kubectl = (args: readonly string[], kubeconfig = through.kubeconfig): Promise<Outcome> =>
    cluster.kubectl(['--namespace', 'dev', ...args], { kubeconfig })

  describe.skipIf(HELM === undefined)('helm', () => {
    const helm = (kubeconfig: string, ...args: string[]): Promise<Outcome> =>
      run(HELM ?? '', ['--namespace', 'dev', ...args], { env: { KUBECONFIG: kubeconfig, HOME: directory } })

    beforeAll(() => {
      mkdirSync(join(directory, 'chart', 'templates'), { recursive: true })
      for (const [name, text] of Object.entries(CHART)) writeFileSync(join(directory, 'chart', name), text)
    })

    it('installs, upgrades, rolls back and uninstalls, with its own Secrets shown and others masked', async () => {
      const chart = join(directory, 'chart')
      const outcomes: Record<string, Outcome> = {}
      for (const [name, ...args] of [
        ['install', 'install', 'one', chart],
        ['upgrade', 'upgrade', 'one', chart, '--set', 'greeting=hi'],
        ['history', 'history', 'one'],
        ['rollback', 'rollback', 'one', '1'],
        ['list', 'list'],
      ] as const)
        outcomes[name] = await helm(through.kubeconfig, ...args)
      expect(Object.entries(outcomes).filter(([, { code }]) => code !== 0)).toEqual([])
      expect(outcomes['history']?.stdout).toMatch(/^1\s.*superseded[^]*^2\s.*deployed/m)
      expect(outcomes['list']?.stdout).toMatch(/^one\s+dev\s+3\s/m)
      // What it wrote over what it was shown masked is what the chart says.
      const password = (kubeconfig: string): Promise<Outcome> =>
        kubectl(['get', 'secret', 'one', '-o', 'jsonpath={.data.password}'], kubeconfig)
      expect(Buffer.from((await password(cluster.kubeconfig)).stdout, 'base64').toString()).toBe('hunter2-hunter2')
      expect(Buffer.from((await password(through.kubeconfig)).stdout, 'base64').toString()).not.toContain('hunter2')
      expect((await helm(through.kubeconfig, 'uninstall', 'one')).code).toBe(0)
      expect((await kubectl(['get', 'secret', 'one'], cluster.kubeconfig)).stderr).toContain('NotFound')
    })

    it('is told in a sentence where its releases are masked', async () => {
      const { kubeconfig } = await through.open('closed')
      await helm(cluster.kubeconfig, 'install', 'two', join(directory, 'chart'))
      for (const args of [
        ['list'],
        ['upgrade', 'two', join(directory, 'chart')],
        ['history', 'two'],
        ['uninstall', 'two'],
      ]) {
        const { code, stderr } = await helm(kubeconfig, ...args)
        expect(stderr).toContain('helm keeps its releases in Secrets, which are masked on this target')
        expect(code).toBe(1)
      }
    })
  })

  it.skipIf(K9S === undefined || !SCRIPT)(
    'k9s lists, describes, follows logs, opens a shell and changes namespaces',
    async () => {
      // It runs kubectl for a shell, as the first that PATH has.
      const path = [dirname(kubectlProgram('1.37') ?? ''), process.env['PATH']].join(delimiter)
      const env = { ...through.jane.environment, HOME: directory, K9S_LOGS_DIR: directory, PATH: path }
      const k9s = pamctlOnTerminal(['connect', 'k8s', '--', K9S ?? '', '-n', 'dev', '--logoless', '--splashless'], env)
      const shows = async (text: RegExp, not = /(?!)/): Promise<void> => {
        let seen = ''
        const isShown = async (): Promise<true | undefined> => {
          seen = (await screenOf(k9s.output())).lines.join('\n')
          return text.test(seen) && !not.test(seen) ? true : undefined
        }
        await eventually(isShown, `k9s shows ${String(text)}`).catch((error: Error) => {
          throw new Error(`${error.message}:\n${seen}`)
        })
      }
      try {
        await shows(/web-2/)
        k9s.type(':ns\r')
        await shows(/kube-system/)
        k9s.type(':pods shop\r')
        await shows(/db-1/)
        k9s.type(':pods dev\r')
        await shows(/web-2/)
        k9s.type('/web-1\r')
        await shows(/web-1/, /web-2/)
        k9s.type('d')
        await shows(/Service Account|Container ID/)
        k9s.type('\u001b')
        await shows(/READY/)
        k9s.type('l')
        await shows(/mail from \*/)
        k9s.type('\u001b')
        await shows(/READY/)
        k9s.type('s')
        await shows(/sidecar/, /READY/)
        k9s.type('\r')
        await shows(/K9s-Shell/)
        k9s.type('echo shell-$((40+2))\r')
        await shows(/shell-42/)
        k9s.type('exit\r')
        await shows(/Picker/)
        k9s.type('\u001b')
        await shows(/READY/)
        k9s.type(':quit\r')
        expect(await k9s.closed).toBe(0)
      } finally {
        k9s.type('\u0003')
      }
    },
  )

  it.skipIf(KUBE_INFORMER === undefined)('an informer loses no event, and begins anew after 410 Gone', async () => {
    await cluster.kubectl(['create', 'namespace', 'informer'])
    // It waits for what it is told; where that does not come, it is given up with the test.
    // prettier-ignore
    const { stdout, stderr } = await run('timeout', ['100', KUBE_INFORMER ?? '', '-through', through.kubeconfig, '-direct', cluster.kubeconfig,
      '-namespace', 'informer', '-churn', '4s', '-watch-seconds', '3'])
    expect(stdout, stderr).not.toBe('')
    const seen = JSON.parse(stdout) as Record<'events' | 'watches' | 'bookmarks' | 'gone', number>
    expect(seen).toMatchObject({ missing: 0, surplus: 0, same: true })
    for (const name of ['events', 'watches', 'bookmarks', 'gone'] as const) expect(seen[name]).toBeGreaterThan(0)
  })

  describe('answers', () => {
    interface Answer {
      readonly status: number
      readonly headers: NodeJS.Dict<string | string[]>
      readonly body: Buffer
    }
    const ask = (to: LocalPort, path: string, headers: Record<string, string> = {}, method = 'GET', body?: string) =>
      new Promise<Answer>((resolve, reject) => {
        const sent = httpsRequest({ host: '127.0.0.1', path, method, headers, agent: false, ...to }, (answer) => {
          const chunks: Buffer[] = []
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
          )
          answer.on('error', reject)
        })
        sent.on('error', reject)
        sent.end(body)
      })
    let direct: LocalPort
    let plain: LocalPort
    beforeAll(async () => {
      const tls = (name: string): Buffer => readFileSync(join(cluster.directory, 'tls', name))
      direct = { port: cluster.port, ca: readFileSync(cluster.ca), cert: tls('admin.crt'), key: tls('admin.key') }
      plain = (await through.open('certified')).port
      const large = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'large' },
        data: { text: 'jo@example.com '.repeat(15_000) },
      }
      const budget = {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'web' },
        spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
      }
      await cluster.apply(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'List',
          items: [large, budget].map((item) => ({ ...item, metadata: { ...item.metadata, namespace: 'dev' } })),
        }),
      )
    })

    const EVICTION = JSON.stringify({
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'web-1', namespace: 'dev' },
    })
    it.each<[string, string, Record<string, string>, string?, string?]>([
      [
        '429 with Retry-After',
        '/api/v1/namespaces/dev/pods/web-1/eviction',
        { 'content-type': 'application/json' },
        'POST',
        EVICTION,
      ],
      ['410 Gone', '/api/v1/namespaces/dev/configmaps?limit=1&continue=bm90IGEgdG9rZW4', {}],
      ['a watch from what is forgotten', '/api/v1/namespaces/dev/configmaps?watch=1&resourceVersion=1', {}],
      ['a warning', '/api/v1/componentstatuses/etcd-0', {}],
      ['what is not there', '/api/v1/namespaces/dev/pods/nobody', {}],
      ['a method that is not there', '/api/v1/namespaces/dev/pods/web-1/log', {}, 'POST', ''],
    ])('of %s are as the API server gives them', async (_, path, headers, method, body) => {
      const [expected, seen] = await Promise.all([direct, plain].map((to) => ask(to, path, headers, method, body)))
      const steady = ({ status, headers: { date: _date, ...rest }, body: bytes }: Answer) => ({
        status,
        headers: Object.fromEntries(Object.entries(rest).filter(([name]) => !VARIES.has(name))),
        body: bytes.toString(),
      })
      expect(steady(seen as Answer)).toEqual(steady(expected as Answer))
      if (_.startsWith('429')) expect(seen?.headers['retry-after']).toBe('10')
      if (_ === 'a warning') expect(seen?.headers['warning']).toMatch(/deprecated/)
    })

    it('are compressed as the API server compresses them, unless anything in them may be masked', async () => {
      const path = '/api/v1/namespaces/dev/configmaps/large'
      const gzip = { 'accept-encoding': 'gzip' }
      const [expected, seen, masked] = await Promise.all([direct, plain, through.port].map((to) => ask(to, path, gzip)))
      expect([expected, seen].map((answer) => answer?.headers['content-encoding'])).toEqual(['gzip', 'gzip'])
      expect(gunzipSync(seen?.body ?? '').equals(gunzipSync(expected?.body ?? ''))).toBe(true)
      expect(masked?.headers['content-encoding']).toBeUndefined()
      const text = masked?.body.toString() ?? ''
      expect(text).not.toContain('jo@example.com')
      expect((JSON.parse(text) as { metadata: { name: string } }).metadata.name).toBe('large')
    })

    it('of long lists come in the same pieces', async () => {
      const pieces = async (to: LocalPort): Promise<string[]> => {
        const names: string[] = []
        for (let next = ''; ;) {
          const { body } = await ask(to, `/api/v1/pods?limit=2&continue=${next}`)
          const list = JSON.parse(body.toString()) as {
            metadata: { continue?: string }
            items: { metadata: { name: string } }[]
          }
          names.push(list.items.map(({ metadata }) => metadata.name).join())
          next = encodeURIComponent(list.metadata.continue ?? '')
          if (next === '') return names
        }
      }
      const expected = await pieces(direct)
      expect(expected.length).toBeGreaterThan(1)
      expect(await pieces(plain)).toEqual(expected)
      expect(await pieces(through.port)).toEqual(expected)
    })

    it('come over HTTP/2 to whoever speaks it, a hundred at a time', async () => {
      const { port, ...identity } = through.port
      const session = connectHttp2(`https://127.0.0.1:${port}`, identity)
      try {
        const statuses = await Promise.all(
          Array.from({ length: 100 }, (_, index) => {
            const stream = session.request({ ':path': `/api/v1/namespaces/dev/pods?limit=${index + 1}` })
            return new Promise<unknown>((resolve, reject) => {
              let status: unknown
              stream.on('response', (headers) => (status = headers[':status']))
              stream.on('error', reject)
              stream.on('end', () => resolve(status))
              stream.resume()
            })
          }),
        )
        expect(new Set(statuses)).toEqual(new Set([200]))
      } finally {
        session.destroy()
      }
    })

    it('a body that is refused holds up no other on the same connection', async () => {
      const { port, ...identity } = through.port
      const session = connectHttp2(`https://127.0.0.1:${port}`, identity)
      const post = (bytes: number): Promise<number> =>
        new Promise((resolve, reject) => {
          const stream = session.request({
            ':method': 'POST',
            ':path': '/api/v1/namespaces/dev/configmaps?dryRun=All',
            'content-type': 'application/json',
          })
          stream.on('response', (headers) => resolve(Number(headers[':status'])))
          stream.on('error', reject)
          stream.resume()
          stream.end(JSON.stringify({ metadata: { name: 'x' }, data: { a: 'x'.repeat(bytes) } }))
        })
      try {
        const refused = await Promise.all([post(3_500_000), post(3_500_000)])
        expect(refused).toEqual([413, 413])
        expect(await post(300_000)).toBe(201)
      } finally {
        session.destroy()
      }
    })
  })

  describe('are ended', () => {
    const started: RunningProgram[] = []
    afterAll(() => {
      for (const client of started) client.kill('SIGKILL')
    })
    const start = (...args: string[]): RunningProgram => {
      const client = startProgram(kubectlProgram('1.37') ?? '', ['-n', 'dev', ...args], {
        KUBECONFIG: through.kubeconfig,
        HOME: cluster.directory,
        KUBECACHEDIR: join(cluster.directory, 'cache'),
      })
      started.push(client)
      return client
    }

    /** One client of each kind, from the moment on that each has what it asked for, and one of them waits for a person. */
    const everything = async () => {
      await cluster.apply(
        JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held', namespace: 'dev' } }),
      )
      const server = createServer((socket) => socket.on('error', () => {}).write('hello'))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const local = await freePort()
      const clients = {
        exec: start('exec', 'web-1', '-c', 'app', '--', 'sh', '-c', 'echo running; exec sleep 1000'),
        attach: start('attach', 'web-1', '-c', 'app'),
        logs: start('logs', '-f', 'web-1', '-c', 'app'),
        forward: start('port-forward', 'web-1', `${local}:${(server.address() as AddressInfo).port}`),
        watch: start('get', 'pods', '--watch'),
        held: start('delete', 'configmap', 'held'),
      }
      const shown = {
        exec: 'running',
        attach: 'mail from',
        logs: 'mail from',
        forward: 'Forwarding from',
        watch: 'web-2',
      } as const
      for (const [name, text] of Object.entries(shown))
        await eventually(
          () => clients[name as keyof typeof shown].output().includes(text) || undefined,
          `${name} shows "${text}"`,
        )
      const socket = connect(local, '127.0.0.1')
      const socketClosed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
      await new Promise((resolve) => socket.once('data', resolve))
      const review = await eventually(
        async () => (await bob.api.reviews.list()).find(({ kind, state }) => kind === 'command' && state === 'pending'),
        'the deletion is held',
      )
      return { clients, review, socketClosed, server }
    }

    it.each<[string, (review: Review) => Promise<unknown>]>([
      ['session is killed', ({ session }) => bob.api.sessions.kill(session ?? '', 'enough for today')],
      ['grant is revoked', ({ grant }) => bob.api.grants.revoke(grant?.id ?? '', 'enough for today')],
    ])('in the middle of everything when the %s', async (_, end) => {
      const { clients, review, socketClosed, server } = await everything()
      await end(review)
      const codes = await Promise.all(Object.entries(clients).map(async ([name, { closed }]) => [name, await closed]))
      server.close()
      await socketClosed
      // A watch that ends is no failure to kubectl, and neither is what it lists at last.
      expect(Object.fromEntries(codes)).toMatchObject({ exec: 1, attach: 1, logs: 1, forward: 1, held: 1 })
      // The request that waits for a person is told as well.
      for (const name of ['exec', 'attach', 'watch', 'held'] as const)
        expect([name, clients[name].output()]).toEqual([name, expect.stringContaining('enough for today')])
      expect((await kubectl(['get', 'configmap', 'held'], cluster.kubeconfig)).code).toBe(0)
    })

    it('when the grant is over', async () => {
      await shortWatch.closed
      expect(shortWatch.output()).toContain('your access to short has ended')
    })
  })
})

/** Of the connection, or of the one request. */
const VARIES = new Set([
  'audit-id',
  'connection',
  'transfer-encoding',
  'x-kubernetes-pf-flowschema-uid',
  'x-kubernetes-pf-prioritylevel-uid',
])

const CHART: Readonly<Record<string, string>> = {
  'Chart.yaml': 'apiVersion: v2\nname: small\nversion: 0.1.0\n',
  'values.yaml': 'greeting: hello\n',
  'templates/all.yaml': `apiVersion: v1
kind: ConfigMap
metadata: { name: "{{ .Release.Name }}" }
data: { greeting: "{{ .Values.greeting }}" }
---
apiVersion: v1
kind: Secret
metadata: { name: "{{ .Release.Name }}" }
stringData: { password: hunter2-hunter2 }
`,
}
