import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { readRecording } from '../../src/recording/read.ts'
import { eventually, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import {
  HELM,
  isClusterMissing,
  kubectlProgram,
  startCluster,
  type AuditEntry,
  type TestCluster,
} from '../helpers/kubernetes.ts'
import { pamctlSignedIn, type PamctlHome } from '../helpers/pamctl-client.ts'
import { ROOT, run, type Outcome } from '../helpers/run.ts'

/** Real pamctl, agent, gateway, kubectl and API server. */
describe.skipIf(isClusterMissing())('kubectl through pamctl connect', () => {
  let directory: string
  let cluster: TestCluster
  let gateway: RunningGateway
  let jane: PamctlHome
  let bob: SignedIn

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-kubectl-'))
    cluster = await startCluster()
    const token = await documentedAccount(cluster)
    await cluster.apply(JSON.stringify(PEOPLE_MAY))
    const gatewayPort = await freePort()
    const config = await writeDemoConfig(directory, { gatewayPort, postgresPort: 1 })
    writeFileSync(join(directory, 'token'), `${token}\n`, { mode: 0o600 })
    writeFileSync(join(directory, 'lost-token'), 'x\n', { mode: 0o600 })
    writeFileSync(config, configuration(gatewayPort, cluster))
    gateway = await hostGateway(config, join(directory, 'gateway.log'))
    jane = await pamctlSignedIn(gateway.url, 'jane')
    bob = await signIn(gateway.url, 'bob')
  })

  afterAll(async () => {
    if (jane !== undefined) {
      await pamctl('agent', 'stop')
      rmSync(jane.home, { recursive: true, force: true })
    }
    await gateway?.stop('SIGTERM')
    await cluster?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const pamctl = (...args: string[]): Promise<Outcome> =>
    run(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), ...args], { env: jane.environment })
  const kubectl = (...args: string[]): Promise<Outcome> =>
    pamctl('connect', 'prod-k8s', '--', kubectlProgram('1.37') ?? 'kubectl', ...args)
  const decide = async (verdict: 'approve' | 'deny'): Promise<void> => {
    const review = await eventually(
      async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command'),
      'a review',
    )
    const { id, digest } = review
    await bob.api.reviews.decide(id, { verdict, comment: '', ...(digest === undefined ? {} : { digest }) })
  }

  it('reads what the rules allow, as the person, with nothing of the client but the request', async () => {
    const direct = await cluster.kubectl(['get', 'pods', '-n', 'dev', '--no-headers', '-o', 'name'])
    const outcome = await kubectl('get', 'pods', '-n', 'dev', '--no-headers', '-o', 'name')
    expect(outcome).toEqual({ ...direct, stderr: '' })
    const seen = cluster.audit().find(({ impersonatedUser }) => impersonatedUser !== undefined)
    expect(seen?.user.username).toBe('system:serviceaccount:pam:gateway')
    expect(seen?.impersonatedUser).toMatchObject({
      username: 'pam:jane@example.com',
      groups: ['pam:engineering', 'system:authenticated'],
      extra: { via: ['pamctl'] },
    })
  })

  it('prints tables as they are', async () => {
    const [direct, outcome] = await Promise.all([
      cluster.kubectl(['get', 'pods', '-A', '-o', 'wide']),
      kubectl('get', 'pods', '-A', '-o', 'wide'),
    ])
    // Columns grow with them.
    const ages = (text: string): string => text.replaceAll(/ +\d+[smh]\d*s? +/g, ' ')
    expect(ages(outcome.stdout)).toBe(ages(direct.stdout))
    expect(outcome.code).toBe(0)
  })

  it('is refused what no rule allows, which does not reach the cluster', async () => {
    const before = cluster.audit().length
    const outcome = await kubectl('create', 'configmap', 'c', '--from-literal=a=b', '-n', 'shop')
    expect(outcome.stderr).toMatch(
      /^error: failed to create configmap: no rule allows create configmaps c in shop on prod-k8s \([^\n]*\)\n$/,
    )
    expect(outcome.code).toBe(1)
    expect(
      cluster
        .audit()
        .slice(before)
        .filter(({ verb }) => verb === 'create'),
    ).toEqual([])
  })

  it('waits while a person decides, and is told', async () => {
    await cluster.apply(JSON.stringify(configMap('held')))
    const held = kubectl('delete', 'configmap', 'held', '-n', 'dev')
    await decide('approve')
    const outcome = await held
    expect(outcome.stdout).toContain('configmap "held" deleted')
    expect(outcome.stderr).toMatch(/^Warning: approved: apr_/m)
    expect(outcome.code).toBe(0)
    const gone = await cluster.kubectl(['get', 'configmap', 'held', '-n', 'dev'])
    expect(gone.stderr).toContain('NotFound')
  })

  it('asks once for all deletions of a command where rules say so, and again for the next command', async () => {
    const names = ['one', 'two', 'three']
    for (const name of names) await cluster.apply(JSON.stringify(configMap(name)))
    const held = kubectl('delete', 'configmap', ...names, '-n', 'dev')
    const review = await eventually(
      async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command'),
      'a review',
    )
    expect(JSON.stringify(review)).toContain('with it up to 19 more deletions of configmaps in dev')
    await decide('approve')
    const outcome = await held
    expect(outcome.stdout.match(/deleted/g)).toHaveLength(3)
    const again = kubectl('delete', 'configmap', 'kube-root-ca.crt', 'settings', '-n', 'dev')
    await decide('deny')
    await decide('deny')
    expect((await again).stderr.match(/Forbidden/g)).toHaveLength(2)
  })

  it('asks once for what kubectl cp runs', async () => {
    const file = join(directory, 'copied')
    writeFileSync(file, 'content')
    const there = cluster.containerDirectory('dev', 'web-1', 'app')
    const held = kubectl('cp', file, `dev/web-1:${there}`, '-c', 'app')
    await decide('approve')
    const outcome = await held
    expect(outcome.stderr).not.toContain('Error')
    expect(outcome.code).toBe(0)
    expect(readFileSync(join(there, 'copied'), 'utf8')).toBe('content')
  })

  it('is denied by a person, and nothing happens', async () => {
    await cluster.apply(JSON.stringify(configMap('kept')))
    const held = kubectl('delete', 'configmap', 'kept', '-n', 'dev')
    await decide('deny')
    const outcome = await held
    expect(outcome.stderr).toMatch(/^Error from server \(Forbidden\): .*apr_/m)
    expect((await cluster.kubectl(['get', 'configmap', 'kept', '-n', 'dev'])).code).toBe(0)
  })

  it('takes its request back where it waits no longer than it says', async () => {
    const outcome = await kubectl('delete', 'configmap', 'kept', '-n', 'dev', '--request-timeout=2s')
    expect(outcome.code).toBe(1)
    await eventually(async () => ((await bob.api.reviews.list()).length === 0 ? true : undefined), 'it is withdrawn')
    expect((await cluster.kubectl(['get', 'configmap', 'kept', '-n', 'dev'])).code).toBe(0)
  })

  it('posts bodies in protobuf', async () => {
    const outcome = await kubectl('create', 'configmap', 'made', '--from-literal=a=b', '-n', 'dev')
    expect(outcome.stdout).toContain('configmap/made created')
    const who = await kubectl('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.groups}')
    expect(who.stdout).toBe('["pam:engineering","system:authenticated"]')
  })

  it('runs what rules allow in a container, with its exit status, and is refused the rest', async () => {
    const outcome = await kubectl('exec', '-n', 'dev', 'web-1', '-c', 'app', '--', 'ls', '/no-such-directory')
    expect(outcome.stderr).toContain('command terminated with exit code')
    expect(outcome.code).toBe(2)
    const shell = await kubectl('exec', '-n', 'dev', 'web-1', '-c', 'app', '--', 'sh', '-c', 'rm -rf /')
    expect(shell.stderr).toMatch(/rule|allows/)
    expect(shell.code).toBe(1)
  })

  it('waits for a person who decides on a command in a container, and is told once where that is no', async () => {
    const id = ['exec', '-n', 'dev', 'web-1', '-c', 'app', '--', 'id', '-u']
    const approved = kubectl(...id)
    const review = await eventually(
      async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command'),
      'a review',
    )
    expect(JSON.stringify(review)).toMatch(/container app, image registry\.test\/app:1/)
    await decide('approve')
    expect((await approved).stdout).toMatch(/^\d+\n$/)
    const denied = kubectl(...id)
    await decide('deny')
    const { code, stderr } = await denied
    // kubectl asks once more over SPDY: nobody is asked about that.
    expect(stderr).toContain('denied')
    expect(code).toBe(1)
    expect((await bob.api.reviews.list()).filter(({ kind }) => kind === 'command')).toEqual([])
  })

  it('a held command outlives pamctl exec --detach, and pamctl result has what it printed', async () => {
    const exec = (...words: string[]): Promise<Outcome> => {
      const where = ['--pod', 'web-1', '--namespace', 'dev', '--container', 'app']
      const PATH = `${dirname(kubectlProgram('1.37') ?? '')}:${process.env['PATH']}`
      const args = ['exec', 'prod-k8s', ...where, '--detach', '--quiet', '--', ...words]
      return run(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), ...args], { env: { ...jane.environment, PATH } })
    }
    expect(await exec('ls', '/no-such-directory')).toMatchObject({ code: 2, stdout: '' })
    const held = await exec('id', '-u')
    expect([held.code, held.stderr]).toEqual([6, ''])
    await decide('approve')
    expect(await pamctl('result', held.stdout.trim(), '--wait')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\n$/),
    })
  })

  it('voids an approval where the pod is another one by then', async () => {
    const made = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'swapped', namespace: 'dev' } }
    const pod = JSON.stringify({ ...made, spec: { containers: [{ name: 'app', image: 'x' }] } })
    const isRunning = (): Promise<true> =>
      eventually(async () => {
        const { stdout } = await cluster.kubectl(['get', 'pod', 'swapped', '-o', 'jsonpath={.status.phase}'])
        return stdout === 'Running' ? true : undefined
      }, 'the pod runs')
    await cluster.apply(pod)
    await isRunning()
    const held = kubectl('exec', '-n', 'dev', 'swapped', '--', 'id')
    await eventually(async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command'), 'a review')
    await cluster.kubectl(['delete', 'pod', 'swapped', '--now'])
    await cluster.apply(pod)
    await isRunning()
    await decide('approve')
    const { code, stdout } = await held
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  it('sees logs with masked kinds hidden', async () => {
    const outcome = await kubectl('logs', '-n', 'dev', 'web-1', '-c', 'app')
    expect(outcome.stdout).toMatch(/^started\nmail from (?!jane\.roe@)\S+\n$/)
    expect(outcome.code).toBe(0)
  })

  it('sees no contents of Secrets, however they are asked for', async () => {
    const direct = await cluster.kubectl(['get', 'secrets', '-n', 'dev', '-o', 'json'])
    const values = (JSON.parse(direct.stdout) as { items: { data?: Record<string, string> }[] }).items.flatMap(
      ({ data = {} }) => Object.values(data),
    )
    expect(values.length).toBeGreaterThan(0)
    for (const output of [['-o', 'json'], ['-o', 'yaml'], ['-o', 'jsonpath={.items[*].data}'], []]) {
      const outcome = await kubectl('get', 'secrets', '-n', 'dev', ...output)
      expect(outcome.code).toBe(0)
      for (const value of values) expect(outcome.stdout).not.toContain(value)
    }
  })

  it('is told in the middle of a watch that its session has ended', async () => {
    const watching = kubectl('get', 'pods', '-n', 'dev', '--watch')
    const session = await eventually(async () => {
      const live = (await bob.api.sessions.list({ active: true, limit: 10 })).items
      return live.find(({ person }) => person.label === 'jane@example.com')
    }, 'the session of the watch')
    await eventually(() => {
      const isHers = ({ verb, impersonatedUser }: AuditEntry): boolean =>
        verb === 'watch' && impersonatedUser !== undefined
      return cluster.audit().some(isHers) ? true : undefined
    }, 'the watch has reached the API server')
    const before = cluster.audit().length
    for (const args of [
      ['exec', '-n', 'dev', 'web-1', '-c', 'app', '--', 'rm', 'never-allowed'],
      ['patch', 'secret', 'payments', '-n', 'shop', '--type=merge', '-p', '{"data":{"key":"eA=="}}'],
    ])
      expect((await kubectl(...args)).code).toBe(1)
    await bob.api.sessions.kill(session.id, 'enough')
    const outcome = await watching
    // kubectl prints the Status of the last event as a table.
    expect(outcome.stdout).toMatch(/^Failure +Forbidden +.*enough/m)
    // The record of the session has what the client was shown.
    const recordings = join(directory, 'data', 'recordings')
    const stored = await eventually(
      () =>
        existsSync(recordings)
          ? readdirSync(recordings, { recursive: true, encoding: 'utf8' }).find((name) => name.includes(session.id))
          : undefined,
      'its record is stored',
    )
    const shown: (string | null)[] = []
    const denied: (string | undefined)[] = []
    for await (const { event } of readRecording(join(recordings, stored), {}))
      if (event.type === 'rows') shown.push(...event.rows.flat())
      else if (event.type === 'command' && event.verdict === 'deny') denied.push(/^\S+ [^?\s]+/.exec(event.text)?.[0])
    // What is denied is in it once: kubectl tries exec over a WebSocket and then over SPDY.
    expect(denied.slice(-3)).toEqual([
      'GET /api/v1/namespaces/dev/pods/web-1/exec',
      'POST /api/v1/namespaces/dev/pods/web-1/exec',
      'PATCH /api/v1/namespaces/shop/secrets/payments',
    ])
    // Nothing was looked up for it either: kubectl itself reads the pod, and what it patches.
    const asked = cluster.audit().slice(before)
    expect(asked.flatMap(({ verb, requestURI }) => (/web-1|payments/.test(requestURI) ? [verb] : []))).toEqual([
      'get',
      'get',
    ])
    expect(shown).toContainEqual(expect.stringMatching(/^\{"cells":\["web-1",/))
    expect(shown).toContainEqual(expect.stringMatching(/^\{.*"name":"db"/))
    expect(shown.join('\n')).not.toContain(Buffer.from('correct-horse-battery').toString('base64'))
  })

  it('is a context of a kubeconfig that kubectl writes, too, for as long as the port is open', async () => {
    const program = kubectlProgram('1.37') ?? 'kubectl'
    const [own, printed] = [join(directory, 'own-kubeconfig'), join(directory, 'printed-kubeconfig')]
    const plain = (file: string, ...args: string[]): Promise<Outcome> =>
      run(program, ['--kubeconfig', file, ...args], {
        env: { HOME: directory, KUBECACHEDIR: join(directory, 'cache') },
      })
    const pods = ['get', 'pods', '-n', 'dev', '-o', 'name']
    const direct = await cluster.kubectl(pods)
    await plain(own, 'config', 'set-cluster', 'mine', '--server=https://mine.example')
    writeFileSync(own, `# mine\n${readFileSync(own, 'utf8')}`)
    const opened = jane.start(['kubeconfig', 'prod-k8s', '--merge', own])
    try {
      await eventually(() => (opened.output().includes('Ctrl-C closes it') ? true : undefined), 'the port is open')
      expect(opened.output()).toContain(`pamctl-prod-k8s written to ${own}, valid while this port is open\n`)
      expect(readFileSync(own, 'utf8')).toMatch(/^# mine\n/)
      expect(await plain(own, '--context', 'pamctl-prod-k8s', ...pods)).toEqual(direct)

      const open = await pamctl('kubeconfig')
      expect(open.code).toBe(0)
      writeFileSync(printed, open.stdout, { mode: 0o600 })
      expect(await plain(printed, ...pods)).toEqual(direct)

      // kubectl writes the whole file anew, and what it keeps is known again.
      expect((await plain(own, 'config', 'use-context', 'pamctl-prod-k8s')).code).toBe(0)
      expect(await plain(own, ...pods)).toEqual(direct)
      writeFileSync(`${own}.lock`, '')
      expect((await plain(own, 'config', 'unset', 'current-context')).code).toBe(1)
      expect((await pamctl('kubeconfig', '--merge', own)).stderr).toContain(`${own} is locked: another program`)
      rmSync(`${own}.lock`)
      expect((await pamctl('kubeconfig', '--merge', own, '--use')).code).toBe(0)
      expect(await plain(own, ...pods)).toEqual(direct)
    } finally {
      opened.kill('SIGINT')
    }
    expect(await opened.closed).toBe(0)
    expect((await pamctl('kubeconfig')).stderr).toContain('no port of a Kubernetes target is open')
    expect((await plain(own, ...pods)).code).toBe(1)
    expect((await pamctl('kubeconfig', '--remove', own)).stderr).toBe(`pamctl-prod-k8s removed from ${own}\n`)
    expect((await plain(own, 'config', 'get-clusters')).stdout).toBe('NAME\nmine\n')
    expect((await plain(own, 'config', 'view')).stdout).not.toContain('pamctl')
  })

  it.skipIf(HELM === undefined)('helm finds its way, too', async () => {
    const outcome = await pamctl('connect', 'prod-k8s', '--', HELM ?? '', 'list', '-n', 'dev')
    expect(outcome.stderr).toBe('')
    expect(outcome.stdout).toMatch(/^NAME\s+NAMESPACE\s+REVISION/)
    expect(outcome.code).toBe(0)
  })

  it('kubectl of another minor version prints the same', async () => {
    const program = kubectlProgram('1.36') ?? 'kubectl'
    const outcome = await pamctl('connect', 'prod-k8s', '--', program, 'get', 'pods', '-n', 'dev', '-o', 'name')
    const direct = await cluster.kubectl(['get', 'pods', '-n', 'dev', '-o', 'name'], { version: '1.36' })
    expect(outcome).toEqual(direct)
  })

  it('is told why it is not let in, whichever request comes first', async () => {
    rmSync(join(directory, 'lost-token'))
    for (const args of [['get', 'pods'], ['get', '--raw', '/api/v1/pods'], ['version']]) {
      const outcome = await pamctl('connect', 'lost', '--', kubectlProgram('1.37') ?? 'kubectl', ...args)
      expect(outcome.stderr).toContain('there is no file lost-token')
      expect(outcome.code).toBe(1)
    }
  })

  it('finds an open port by the kubeconfig that pamctl writes, which others have not', async () => {
    const connected = jane.start(['connect', 'prod-k8s', '--json'])
    const { kubeconfig, url } = await eventually(() => {
      const line = /^\{.*\}$/ms.exec(connected.output())?.[0]
      return line === undefined ? undefined : (JSON.parse(line) as { kubeconfig: string; url: string })
    }, 'the port')
    expect(statSync(kubeconfig).mode & 0o777).toBe(0o600)
    const outcome = await cluster.kubectl(['get', 'pods', '-n', 'dev', '-o', 'name'], { kubeconfig })
    expect(outcome.stdout).toContain('pod/web-1')
    const empty = join(directory, 'empty-kubeconfig')
    writeFileSync(empty, '{"apiVersion":"v1","kind":"Config"}')
    const stranger = await cluster.kubectl(
      ['get', 'pods', '--server', url, '--insecure-skip-tls-verify', '--token=x'],
      {
        kubeconfig: empty,
      },
    )
    expect(stranger.stderr).toContain('this port requires the client certificate that was made for it')
    expect(stranger.code).toBe(1)
    connected.kill('SIGTERM')
    await connected.closed
  })

  it('may not be somebody else', async () => {
    const outcome = await kubectl('get', 'pods', '-n', 'dev', '--as=system:admin')
    expect(outcome.stderr).toContain('the gateway decides who you are on the cluster')
    expect(outcome.code).toBe(1)
  })
})

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'dev' } })

/** RBAC of the people, as they are known on the cluster. */
const PEOPLE_MAY = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'engineers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'Group', name: 'pam:engineering', apiGroup: 'rbac.authorization.k8s.io' }],
    },
  ],
}

/** The account that docs/protocols/kubernetes.md recommends, with nothing else: its token. */
async function documentedAccount(cluster: TestCluster): Promise<string> {
  const page = readFileSync(join(ROOT, 'docs', 'protocols', 'kubernetes.md'), 'utf8')
  const rules = /```yaml\n(apiVersion: rbac[^]*?)```/.exec(page)?.[1]
  if (rules === undefined) throw new Error('the page has no example of RBAC')
  const account = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: gateway, namespace: pam }\n'
  await cluster.apply('apiVersion: v1\nkind: Namespace\nmetadata: { name: pam }\n')
  await cluster.apply(`${account}---\n${rules}`)
  const { body } = await cluster.request('POST', '/api/v1/namespaces/pam/serviceaccounts/gateway/token', {
    headers: { 'content-type': 'application/json' },
    body: '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}',
  })
  return (JSON.parse(body) as { status: { token: string } }).status.token
}

const configuration = (port: number, cluster: TestCluster): string => `listen: { host: 127.0.0.1, port: ${port} }
dataDirectory: data
logLevel: debug
identity:
  evaluation: { people: people.yaml }
roles: { audit: [sre], operate: [sre] }
targets:
  - name: prod-k8s
    type: kubernetes
    host: 127.0.0.1
    port: ${cluster.port}
    ca: ${cluster.ca}
    token: file:token
    impersonate: { user: label, extra: { via: [pamctl] } }
  - name: lost
    type: kubernetes
    host: 127.0.0.1
    port: ${cluster.port}
    ca: ${cluster.ca}
    token: file:lost-token
access:
  - { name: the cluster, who: { groups: [engineering] }, targets: { names: [prod-k8s, lost] }, grant: standing }
commands:
  - { name: a person decides, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] }, per: command } }
  - name: copying
    match: { kinds: [exec], commands: ["test -d ...", "tar -xmf - ..."] }
    hold: { approvers: { groups: [sre] }, per: command }
  - { name: listing in containers, match: { kinds: [exec], programs: [ls] }, allow: true }
  - name: who one is
    match: { kinds: [exec], namespaces: [dev], commands: [id ...] }
    hold: { approvers: { groups: [sre] } }
  - { name: dev, match: { namespaces: [dev], kinds: [create, update, patch] }, allow: true }
  - { name: reading, match: { kinds: [get, list, watch, log, discovery, openapi, health, self-review] }, allow: true }
masking:
  - { name: secrets, fields: ["secrets:data.*"], exceptWhere: ["type=helm.sh/release.v1"], style: redact }
  - { name: addresses, kinds: [email], style: redact }
`
