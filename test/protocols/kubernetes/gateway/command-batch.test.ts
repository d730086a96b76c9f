import { describe, expect, it } from 'vitest'
import { createCommandReader } from '../../../../src/host/command/command-reader.ts'
import { batchOf } from '../../../../src/protocols/kubernetes/gateway/command-batch.ts'
import { readCommand, type KubernetesCommand } from '../../../../src/protocols/kubernetes/gateway/read-command.ts'

const reader = createCommandReader()
const SESSION = '0d5c6fdd-1f68-4a44-9f9c-6ad0f0f8c7bd'
const OPTIONS = '{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"}'

interface Asked {
  readonly session?: string
  readonly name?: string
  readonly body?: string
  readonly place?: KubernetesCommand['place']
}

async function ask(method: string, target: string, asked: Asked = {}) {
  const { session = SESSION, name = 'kubectl delete', body = OPTIONS, place } = asked
  const headers = [
    ['kubectl-session', session],
    ['kubectl-command', name],
    ['content-type', 'application/json'],
  ] as const
  const request = { version: '1.1', method, target, host: 'localhost', headers } as const
  const upgrade = target.includes('/exec') ? 'websocket' : undefined
  const command = await readCommand({ request, upgrade }, Buffer.from(body), reader)
  return batchOf(place === undefined ? command : { ...command, place })
}

describe('deletions of one kubectl delete', () => {
  const first = '/api/v1/namespaces/dev/pods/web-1'

  it('are covered with the first, by any name', async () => {
    const batch = await ask('DELETE', first)
    expect(batch).toMatchObject({ limit: 19, covers: [batch?.item] })
    expect(batch?.shown).toEqual([expect.stringMatching(/^with it up to 19 more deletions of pods in dev /)])
    expect((await ask('DELETE', '/api/v1/namespaces/dev/pods/web-2'))?.item).toBe(batch?.item)
  })

  it.each<[string, string, string, Asked | undefined]>([
    ['in another namespace', 'DELETE', '/api/v1/namespaces/shop/pods/web-1', undefined],
    ['of another resource', 'DELETE', '/api/v1/namespaces/dev/secrets/web-1', undefined],
    ['in another version', 'DELETE', '/apis/apps/v1/namespaces/dev/pods/web-1', undefined],
    ['of a namespace', 'DELETE', '/api/v1/namespaces/dev', undefined],
    ['of what is in none', 'DELETE', '/api/v1/nodes/node-1', undefined],
    ['of all', 'DELETE', '/api/v1/namespaces/dev/pods', undefined],
    ['of a subresource', 'DELETE', '/api/v1/namespaces/dev/pods/web-1/ephemeralcontainers', undefined],
    ['with a query', 'DELETE', `${first}?gracePeriodSeconds=0`, undefined],
    ['with other options', 'DELETE', first, { body: OPTIONS.replace('Background', 'Orphan') }],
    ['of another invocation', 'DELETE', first, { session: SESSION.replace('0', '1') }],
    ['of what says no invocation', 'DELETE', first, { session: 'all' }],
    ['of another client command', 'DELETE', first, { name: 'kubectl drain' }],
    ['that is none', 'PUT', first, undefined],
  ])('are asked about by themselves: one %s', async (_, method, target, asked) => {
    const batch = await ask('DELETE', first)
    const other = await ask(method, target, asked)
    expect(batch?.covers).not.toContain(other?.item ?? 'nothing')
  })
})

describe('what kubectl cp runs', () => {
  const place = { pod: 'uid-1', container: 'app', image: 'app:1', note: '' }
  const cp = (words: readonly string[], asked: Asked = {}, pod = 'web-1') =>
    ask(
      'GET',
      `/api/v1/namespaces/dev/pods/${pod}/exec?${words.map((word) => `command=${encodeURIComponent(word)}`).join('&')}&container=app`,
      { name: 'kubectl cp', body: '', place, ...asked },
    )
  const question = ['test', '-d', '/tmp/a']

  it.each([
    [['tar', '-xmf', '-', '-C', '/tmp/a']],
    [['tar', '-xmf', '-', '-C', '/tmp']],
    [['tar', '--no-same-permissions', '--no-same-owner', '-xmf', '-', '-C', '/tmp/a']],
  ])('is shown, and covered once: %s', async (words) => {
    const batch = await cp(question)
    expect(batch).toMatchObject({ limit: 1, shown: [expect.stringContaining(words.join(' '))] })
    expect(batch?.covers).toContain((await cp(words))?.item)
  })

  const unpack = ['tar', '-xmf', '-', '-C', '/tmp/a']
  it.each<[string, readonly string[], Asked, string | undefined]>([
    ['elsewhere', ['tar', '-xmf', '-', '-C', '/etc'], {}, undefined],
    ['with more options', [...unpack, '--to-command=sh'], {}, undefined],
    ['another program', ['sh', '-c', unpack.join(' ')], {}, undefined],
    ['in another pod', unpack, {}, 'web-2'],
    ['in a pod that is new', unpack, { place: { ...place, pod: 'uid-2' } }, undefined],
    ['in another container', unpack, { place: { ...place, container: 'sidecar' } }, undefined],
    ['in another image', unpack, { place: { ...place, image: 'app:2' } }, undefined],
    ['of another invocation', unpack, { session: SESSION.replace('0', '1') }, undefined],
    ['of kubectl exec', unpack, { name: 'kubectl exec' }, undefined],
    ['in a pod that could not be looked up', unpack, { place: { ...place, pod: '' } }, undefined],
  ])('is asked about by itself: %s', async (_, words, asked, pod) => {
    const batch = await cp(question)
    expect(batch?.covers).not.toContain((await cp(words, asked, pod))?.item ?? 'nothing')
  })

  it('covers nothing by itself', async () => {
    expect(await cp(unpack)).toMatchObject({ covers: [], shown: [] })
    expect(await cp(question, { name: 'kubectl exec' })).toBeUndefined()
  })
})
