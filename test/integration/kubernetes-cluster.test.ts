import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isClusterMissing, KUBECTL_VERSIONS, startCluster, type TestCluster } from '../helpers/kubernetes.ts'

/** What tests of Kubernetes rest on: a real API server, and a stand-in for the kubelet that really runs what it is asked to. */
describe.skipIf(isClusterMissing())('the test cluster', () => {
  let cluster: TestCluster
  beforeAll(async () => (cluster = await startCluster()))
  afterAll(() => cluster?.stop())

  describe.each(KUBECTL_VERSIONS)('with kubectl %s', (version) => {
    const kubectl = (...args: string[]) => cluster.kubectl(args, { version })

    it('lists pods that run', async () => {
      const { stdout, code } = await kubectl('get', 'pods', '-n', 'dev')
      expect(code).toBe(0)
      expect(stdout).toMatch(/^web-1 +2\/2 +Running/m)
    })

    it('runs commands, with their input and exit status', async () => {
      const { stdout, code } = await cluster.kubectl(
        ['exec', '-i', 'web-1', '-c', 'app', '--', 'sh', '-c', 'cat; exit 7'],
        {
          version,
          input: 'to the end',
        },
      )
      expect({ stdout, code }).toEqual({ stdout: 'to the end', code: 7 })
    })

    it('shows logs', async () => {
      const { stdout } = await kubectl('logs', 'web-1', '-c', 'app')
      expect(stdout).toBe('started\nmail from jane.roe@example.com\n')
    })

    it('runs a pod to its end and removes it', async () => {
      const name = `once-${version.replace('.', '-')}`
      const args = ['run', name, '--image=x', '-i', '--rm', '--restart=Never', '--quiet', '--', 'sh', '-c', 'cat']
      const { stdout } = await cluster.kubectl(args, { version, input: 'hello\n' })
      expect(stdout).toContain('hello')
      expect((await kubectl('get', 'pod', name)).stderr).toContain('NotFound')
    })
  })

  it('asks RBAC, and says in its audit log who asked as whom', async () => {
    const token = await cluster.serviceAccount('narrow', [
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
      { apiGroups: [''], resources: ['users'], verbs: ['impersonate'] },
    ])
    expect((await cluster.request('GET', '/api/v1/namespaces/dev/pods', { token })).status).toBe(200)
    expect((await cluster.request('GET', '/api/v1/namespaces/dev/secrets', { token })).status).toBe(403)
    await cluster.request('GET', '/api/v1/namespaces/dev/pods', { token, headers: { 'impersonate-user': 'jane' } })
    const entry = cluster.audit().find(({ impersonatedUser }) => impersonatedUser?.username === 'jane')
    expect(entry?.user.username).toBe('system:serviceaccount:kube-system:narrow')
    expect(entry?.responseStatus?.code).toBe(403)
  })
})
