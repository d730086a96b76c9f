import { createServer, connect, type AddressInfo } from 'node:net'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PamError } from '../../src/shared/errors.ts'
import { freePort } from '../../src/demo/local-postgres.ts'
import { eventually } from '../helpers/gateway-client.ts'
import {
  isClusterMissing,
  kubectlProgram,
  KUBECTL_VERSIONS,
  startCluster,
  type TestCluster,
} from '../helpers/kubernetes.ts'
import { startStreamProxy, type StreamProxy, type StreamProxyOptions } from '../helpers/kubernetes-streams.ts'
import { run, type Outcome } from '../helpers/run.ts'

const SPDY = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }
const WAYS = KUBECTL_VERSIONS.flatMap((version) => [
  [version, 'WebSocket', {}] as const,
  [version, 'SPDY', SPDY] as const,
])

/** The real kubectl, the relay of streams, a real API server, and processes that really run. */
describe.skipIf(isClusterMissing())('streams of Kubernetes', () => {
  let cluster: TestCluster
  beforeAll(async () => (cluster = await startCluster()))
  afterAll(() => cluster?.stop())

  const through = async <T>(options: StreamProxyOptions, work: (proxy: StreamProxy) => Promise<T>): Promise<T> => {
    const proxy = await startStreamProxy(cluster, options)
    try {
      return await work(proxy)
    } finally {
      await proxy.close()
    }
  }

  describe.each(WAYS)('kubectl %s over %s', (version, transport, env) => {
    let proxy: StreamProxy
    beforeAll(async () => (proxy = await startStreamProxy(cluster)))
    afterAll(() => proxy?.close())
    const both = (args: readonly string[], input: string | Buffer = ''): Promise<readonly [Outcome, Outcome]> =>
      Promise.all(
        [cluster.kubeconfig, proxy.kubeconfig].map((kubeconfig) =>
          cluster.kubectl(args, { version, kubeconfig, input, env }),
        ),
      ) as Promise<[Outcome, Outcome]>

    it.each<[string, readonly string[], string | undefined]>([
      ['output, both kinds of it', ['sh', '-c', 'echo out; echo err >&2'], undefined],
      ['an exit status', ['sh', '-c', 'exit 7'], undefined],
      ['a process that a signal ends', ['sh', '-c', 'kill -9 $$'], undefined],
      ['a program that is not there', ['/no/such/program'], undefined],
      ['input to its end', ['sh', '-c', 'wc -c; exit 3'], 'x'.repeat(300_000)],
      ['input that comes back whole', ['cat'], `${'line\n'.repeat(50_000)}end`],
      ['a command that ends before its input', ['true'], 'x'.repeat(100_000)],
      ['no input', ['sh', '-c', 'cat; echo done'], ''],
      ['much output', ['sh', '-c', 'seq 1 60000'], undefined],
      ['words that a shell would read', ['echo', '$(id)', ';', "it's", 'a  b', 'ä€'], undefined],
    ])('%s: as it is directly', async (_, words, input) => {
      const flags = input === undefined ? [] : ['-i']
      const [direct, relayed] = await both(['exec', ...flags, 'web-1', '-c', 'app', '--', ...words], input)
      const isEarly = words[0] === 'true'
      expect(withoutInputRace(isEarly ? withoutLostStatus(relayed) : relayed)).toEqual(withoutInputRace(direct))
    })

    it('answers what cannot be as the API server does', async () => {
      for (const args of [
        ['exec', 'nobody', '--', 'ls'],
        ['exec', 'web-1', '-c', 'none', '--', 'ls'],
      ]) {
        const [direct, relayed] = await both(args)
        expect(relayed).toEqual(direct)
        expect(relayed.code).toBe(1)
      }
    })

    it('attaches to a process and its input', async () => {
      const { stdout } = await cluster.kubectl(['attach', '-i', 'echo', '-c', 'app', '--quiet'], {
        version,
        kubeconfig: proxy.kubeconfig,
        env,
        input: `${transport}\n`,
        until: `got ${transport}`,
      })
      expect(stdout).toContain(`got ${transport}`)
    })

    it('copies files in both directions', async () => {
      const here = join(cluster.directory, `copy-${version}-${transport}`)
      mkdirSync(here)
      const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7919) & 0xff))
      writeFileSync(join(here, 'file'), content)
      const name = `file-${version}-${transport}`
      const kubectl = (...args: string[]) => cluster.kubectl(args, { version, kubeconfig: proxy.kubeconfig, env })
      const pod = cluster.containerDirectory('dev', 'web-1', 'app')
      const sent = await kubectl('cp', join(here, 'file'), `dev/web-1:${pod}/${name}`, '-c', 'app')
      expect(sent).toMatchObject({ code: 0 })
      expect(readFileSync(join(pod, name)).equals(content)).toBe(true)
      const fetched = await kubectl('cp', `dev/web-1:${pod}/${name}`, join(here, 'back'), '-c', 'app')
      expect(fetched.code).toBe(0)
      expect(readFileSync(join(here, 'back')).equals(content)).toBe(true)
    })

    it('forwards ports, and says how much passed', async () => {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        let text = ''
        socket.on('data', (bytes) => (text += bytes.toString()))
        socket.on('end', () => socket.end(`echo ${text}`))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      const local = await freePort()
      const forwarding = spawn(
        kubectlProgram(version) as string,
        ['port-forward', 'db-1', '-n', 'shop', `${local}:${port}`],
        {
          env: { ...process.env, KUBECONFIG: proxy.kubeconfig, HOME: cluster.directory, ...env },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      try {
        await new Promise((resolve) => forwarding.stdout.once('data', resolve))
        const answers = await Promise.all(['one', 'two', 'three'].map((text) => exchange(local, text)))
        expect(answers).toEqual(['echo one', 'echo two', 'echo three'])
        await eventually(
          () =>
            proxy.events.filter(({ tag }) => /^\d+ bytes up, \d+ bytes down$/.test(String(tag))).length >= 3 ||
            undefined,
          'three connections are recorded',
        )
        expect(proxy.events).toContainEqual(
          expect.objectContaining({ tag: '5 bytes up, 10 bytes down', command: 'cmd_port' }),
        )
      } finally {
        forwarding.kill()
        server.close()
      }
    })

    it('was spoken as it says', () => {
      const expected =
        transport === 'SPDY'
          ? ['v4.channel.k8s.io', 'portforward.k8s.io']
          : ['v5.channel.k8s.io', 'SPDY/3.1+portforward.k8s.io']
      expect([...new Set(proxy.transports)].toSorted()).toEqual(expected.toSorted())
    })
  })

  const email = [{ kind: 'email', style: 'redact', hashScope: 'session' }] as const

  it.each(WAYS)('kubectl %s over %s: masks output, and records it as the client got it', (version, _, env) =>
    through({ kinds: email }, async (proxy) => {
      const script = 'printf "mail jane.roe"; sleep 0.01; printf "@example.com\\n"; echo joe@example.com >&2; exit 2'
      const args = ['exec', 'web-1', '-c', 'app', '--', 'sh', '-c', script]
      const { stdout, stderr, code } = await cluster.kubectl(args, { version, kubeconfig: proxy.kubeconfig, env })
      expect(`${stdout}${stderr}`).not.toMatch(/example\.com/)
      expect(stdout).toMatch(/^mail /)
      expect(code).toBe(2)
      const recorded = proxy.events
        .filter(({ type }) => type === 'terminal')
        .map(({ text }) => text)
        .join('')
      expect(recorded).not.toMatch(/example\.com/)
      expect(proxy.events).toContainEqual(expect.objectContaining({ type: 'result', tag: 'exit 2', command: 'cmd_1' }))
    }),
  )

  it.each(WAYS)('kubectl %s over %s: ends with the session, and says why', (version, _, env) =>
    through({}, async (proxy) => {
      const marker = join(cluster.directory, `started-${version}-${_}`)
      const running = cluster.kubectl(
        ['exec', 'web-1', '-c', 'app', '--', 'sh', '-c', `touch ${marker}; exec sleep 1000`],
        {
          version,
          kubeconfig: proxy.kubeconfig,
          env,
        },
      )
      await eventually(() => existsSync(marker) || undefined, 'the command runs')
      proxy.end(new PamError('GRANT_OVER', 'your access to the cluster has ended'))
      const { code, stderr } = await running
      expect(code).toBe(1)
      expect(stderr).toContain('pam: your access to the cluster has ended')
      expect(proxy.events).toContainEqual(expect.objectContaining({ type: 'result', tag: 'no exit status' }))
    }),
  )

  it.each(WAYS)('kubectl %s over %s: a terminal has its size, and is masked star by star', (version, _, env) =>
    through({ kinds: email }, async (proxy) => {
      const script = 'until [ "$(stty size)" = "33 99" ]; do sleep 0.05; done; stty size; echo joe@example.com; exit 5'
      const words = [kubectlProgram(version), 'exec', '-it', 'web-1', '-c', 'app', '--', 'sh', '-c', `'${script}'`]
      // It gives kubectl a terminal, and exits as that does.
      const terminal = ['-qec', `stty rows 33 cols 99; ${words.join(' ')}`, '/dev/null']
      const { stdout, code } = await run('script', terminal, {
        env: { ...env, KUBECONFIG: proxy.kubeconfig, HOME: cluster.directory, SHELL: '/bin/sh' },
      })
      // The input of this terminal has ended, which it may echo.
      expect(stdout).toMatch(/33 99\r\n(\^@)?\*{15}\r\n/)
      expect(code).toBe(5)
      expect(proxy.events).toContainEqual({ type: 'resize', channel: 'web-1', columns: 99, rows: 33 })
      expect(proxy.events).toContainEqual(expect.objectContaining({ type: 'result', tag: 'exit 5' }))
    }),
  )

  it('refuses a connection to a port that is not allowed, and says why', () => {
    const error = new PamError('COMMAND_REFUSED', 'port 22 is not allowed')
    return through({ decidePort: () => ({ type: 'refuse', id: 'cmd_no', error }) }, async (proxy) => {
      const local = await freePort()
      const args = ['port-forward', 'db-1', '-n', 'shop', `${local}:22`]
      const forwarding = spawn(kubectlProgram('1.37') as string, args, {
        env: { ...process.env, KUBECONFIG: proxy.kubeconfig, HOME: cluster.directory },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let said = ''
      forwarding.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
      try {
        await new Promise((resolve) => forwarding.stdout.once('data', resolve))
        await exchange(local, 'x').catch(() => '')
        await eventually(() => said.includes('port 22 is not allowed') || undefined, 'kubectl says why')
      } finally {
        forwarding.kill()
      }
    })
  })
})

/**
 * kubectl may still be copying its input when the command has ended and the connection is closed. Whether that goroutine writes once more, and
 * logs that it failed ("websocket: close sent", "broken pipe"), before kubectl exits is a race within kubectl, also without a gateway:
 * copyStdin of k8s.io/client-go/tools/remotecommand/v2.go is waited for by nobody.
 */
const withoutInputRace = (outcome: Outcome): Outcome => ({
  ...outcome,
  stderr: outcome.stderr.replaceAll(/^E\d{4} .* v2\.go:\d+\] "Copying stdin failed" err=.*\n/gm, ''),
})

/**
 * An API server ends both connections as soon as it cannot write the input to the kubelet, whatever is still on its way back
 * (k8s.io/apimachinery, pkg/util/proxy/upgradeaware.go: it waits for one half). kubectl takes no status for success; the gateway says that
 * there was none.
 */
const withoutLostStatus = (outcome: Outcome): Outcome =>
  outcome.code === 1 && outcome.stderr.endsWith('error: the target did not say how the command ended\n')
    ? { ...outcome, code: 0, stderr: outcome.stderr.replace(/error: .*\n$/, '') }
    : outcome

/** Sends a text to its end, and gives all that comes. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(text))
    socket.on('data', (bytes) => (answer += bytes.toString()))
    socket.on('end', () => resolve(answer))
    socket.on('error', reject)
  })
}
