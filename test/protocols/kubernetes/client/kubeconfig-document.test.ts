import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import {
  KubeconfigDocument,
  kubeconfigOf,
  type OpenPort,
} from '../../../../src/protocols/kubernetes/client/kubeconfig-document.ts'

const GATEWAY = 'https://gateway.example'
const port = (target: string, number = 20_001, gateway = GATEWAY): OpenPort => ({
  target,
  gateway,
  listener: { host: '127.0.0.1', port: number, tls: { authority: 'CA', certificate: 'CERT', key: 'KEY' } },
})
const merge = (text: string, ports = [port('prod')], current?: string): string =>
  new KubeconfigDocument('f', text).merge(ports, current)
const remove = (text: string): string => {
  const document = new KubeconfigDocument('f', text)
  return document.remove(document.targets())
}

/** A comment at the end may be set off by an empty line. */
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

interface Config {
  clusters: { name: string; cluster: Record<string, unknown> }[]
  users: { name: string; user: Record<string, unknown> }[]
  contexts: { name: string; context: Record<string, unknown> }[]
  'current-context'?: string
}
const read = (text: string): Config => parse(text) as Config

/** As kubectl writes it, with what people add. */
const OWN = `# my clusters
apiVersion: v1
clusters:
# the first
- cluster:
    certificate-authority-data: QUJD
    server: https://a.example # trailing
  name: a

# the second
- cluster: {server: 'https://b.example', insecure-skip-tls-verify: yes}
  name: "b"
# between
contexts:
- context:
    cluster: a
    user: a
  name: a
current-context: a
kind: Config
preferences: {}
users:
- name: a
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args: [0x10, 1e400, 12345678901234567890, 010, on, ~, 1_000, 1.10]
      env: null
      command: a-very-long-command with words that somebody who folds lines at eighty columns would break in two
      empty:
    token: |
      # no comment
      text
# the end
`

describe('a kubeconfig of its own', () => {
  it('has one cluster, user and context, with the certificates inside', () => {
    const { clusters, users, contexts, ...rest } = read(kubeconfigOf([port('prod')]))
    const extensions = [{ name: 'pamctl', extension: { gateway: GATEWAY } }]
    const name = 'pamctl-prod'
    const data = (text: string): string => Buffer.from(text).toString('base64')
    expect(clusters).toEqual([
      {
        name,
        cluster: { server: 'https://127.0.0.1:20001', 'certificate-authority-data': data('CA'), extensions },
      },
    ])
    expect(users).toEqual([
      { name, user: { 'client-certificate-data': data('CERT'), 'client-key-data': data('KEY'), extensions } },
    ])
    expect(contexts).toEqual([{ name, context: { cluster: name, user: name, extensions } }])
    expect(rest).toEqual({ apiVersion: 'v1', kind: 'Config', 'current-context': name })
  })

  it('has no current context where there are several', () => {
    const { clusters, 'current-context': current } = read(kubeconfigOf([port('one'), port('two')]))
    expect(clusters.map(({ name }) => name)).toEqual(['pamctl-one', 'pamctl-two'])
    expect(current).toBeUndefined()
  })
})

describe('merging into a kubeconfig', () => {
  it('leaves every other line as it is', () => {
    const merged = merge(OWN)
    const added = new Set(merged.split('\n'))
    for (const line of OWN.split('\n')) expect(added).toContain(line)
    expect(read(merged).clusters.map(({ name }) => name)).toEqual(['a', 'b', 'pamctl-prod'])
    expect(read(merged)['current-context']).toBe('a')
    expect(lines(remove(merged))).toEqual(lines(OWN))
  })

  it('replaces what it wrote, once, and keeps the namespace chosen for the context', () => {
    const merged = merge(OWN, [port('prod'), port('dev')])
      .replace('    cluster: pamctl-prod\n', '    cluster: pamctl-prod\n    namespace: shop\n')
      .replace('  - name: pamctl-prod\n', '  # about this one\n  - name: pamctl-prod\n')
      .replace('- name: pamctl-prod\n', '# about this one\n- name: pamctl-prod\n')
    const again = merge(merged, [port('prod', 20_002)])
    expect(again).toContain('# about this one')
    const { clusters, contexts, users } = read(again)
    expect([clusters, users, contexts].map(({ length }) => length)).toEqual([4, 3, 3])
    expect(clusters.find(({ name }) => name === 'pamctl-prod')?.cluster['server']).toBe('https://127.0.0.1:20002')
    expect(clusters.find(({ name }) => name === 'pamctl-dev')?.cluster['server']).toBe('https://127.0.0.1:20001')
    expect(contexts.find(({ name }) => name === 'pamctl-prod')?.context['namespace']).toBe('shop')
    expect(merge(again, [port('prod', 20_002)])).toBe(again)
    // A comment above an entry that is taken out stays with the next one, or at the end of the list.
    for (const target of ['prod', 'dev']) {
      const commented = again.replaceAll(`- name: pamctl-${target}\n`, `# above ${target}\n$&`)
      const without = new KubeconfigDocument('f', commented).remove([target])
      expect(without.split(`# above ${target}\n`)).toHaveLength(commented.split(`# above ${target}\n`).length)
    }
  })

  it('sets the current context only where it is told to, and takes it out with the rest', () => {
    const used = merge(OWN, [port('prod')], 'prod')
    expect(read(used)['current-context']).toBe('pamctl-prod')
    expect(lines(remove(used))).toEqual(lines(OWN.replace('current-context: a', 'current-context: ""')))
    expect(merge(used, [port('prod', 20_002)])).toContain('current-context: pamctl-prod\n')
  })

  it.each([
    ['nothing', ''],
    ['comments alone', '# mine\n'],
    ['lists without entries', 'apiVersion: v1\nkind: Config\nclusters: null\nusers: []\ncontexts:\n'],
    ['known keys alone', 'clusters: []\n# mine\n'],
    [
      'lists that are indented',
      'kind: Config\napiVersion: v1\nclusters:\n  # one\n  - name: x\n    cluster: { server: y }\n',
    ],
    ['Windows line ends', 'kind: Config\r\napiVersion: v1\r\nclusters:\r\n# one\r\n- name: x\r\n  cluster: {}\r\n'],
    [
      'anchors',
      'kind: Config\napiVersion: v1\nclusters:\n- name: x\n  cluster: &c {server: y}\n- name: z\n  cluster: *c\n',
    ],
    ['comments at the end', 'kind: Config\napiVersion: v1\nclusters:\n- name: x\n  cluster: {}\n  # one\n# two\n'],
  ])('takes one with %s', (_, text) => {
    const merged = merge(text)
    expect(read(merged).clusters.map(({ name }) => name)).toContain('pamctl-prod')
    for (const line of text.split('\n').filter((found) => found.includes('#'))) expect(merged).toContain(line)
    expect(merged.includes('\r\n')).toBe(text.includes('\r\n'))
    expect(merge(merged)).toBe(merged)
    const without = remove(merged)
    expect(without).not.toContain('pamctl')
    for (const line of text.split('\n').filter((found) => found.includes('#'))) expect(without).toContain(line.trim())
  })

  it('JSON stays JSON', () => {
    const json = { kind: 'Config', apiVersion: 'v1', clusters: [{ name: 'x', cluster: { server: 'y' } }], users: null }
    const merged = JSON.parse(merge(JSON.stringify(json, null, 2))) as Config
    expect(merged.clusters.map(({ name }) => name)).toEqual(['x', 'pamctl-prod'])
    expect(merged.users).toHaveLength(1)
  })

  const config = (rest: string): string => `apiVersion: v1\nkind: Config\n${rest}`
  it.each([
    ['text', 'hello', 'is not a kubeconfig'],
    ['a list', '- a\n', 'is not a kubeconfig'],
    ['broken YAML', 'a: [', 'is not a kubeconfig: '],
    ['another object', 'apiVersion: v1\nkind: Pod\nmetadata: {}\n', 'expected apiVersion v1 and kind Config'],
    ['another version', 'apiVersion: v2\nkind: Config\n', 'expected apiVersion v1 and kind Config'],
    ['something else', 'services: { web: {} }\n', 'expected apiVersion v1 and kind Config'],
    ['two documents', config('---\n') + config(''), 'several documents'],
    ['a key twice', config('clusters: []\nclusters: []\n'), 'must be unique'],
    ['a map for a list', config('clusters: {}\n'), 'clusters is not a list'],
    ['a word for a list', config('users: some\n'), 'users is not a list'],
    ['an alias for a list', config('users: &u []\ncontexts: *u\n'), 'contexts is not a list'],
    ['a nameless entry', config('contexts: [{ context: {} }]\n'), 'one of its contexts has no name'],
    ['a list as current context', config('current-context: []\n'), 'current-context is not a name'],
    ['an alias of nothing', config('preferences: *p\n'), 'is not a kubeconfig: '],
  ])('refuses %s', (_, text, message) => {
    expect(() => new KubeconfigDocument('f', text)).toThrow(message)
  })

  const marked = (name: string, gateway: string): string =>
    config(
      `clusters:\n- name: ${name}\n  cluster: { extensions: [{ name: pamctl, extension: { gateway: "${gateway}" } }] }\n`,
    )
  it.each([
    ['without the mark', config('clusters: [{ name: pamctl-prod, cluster: { server: x } }]\n'), 'did not write'],
    ['of a user without the mark', config('users: [{ name: pamctl-prod, user: {} }]\n'), 'did not write'],
    ['of a context without the mark', config('contexts: [{ name: pamctl-prod, context: {} }]\n'), 'did not write'],
    ['with another extension', marked('pamctl-prod', GATEWAY).replace('name: pamctl,', 'name: minikube,'), 'did not'],
    ['without content', config('users: [{ name: pamctl-prod }]\n'), 'did not write'],
    ['for another gateway', marked('pamctl-prod', 'https://other.example'), 'for the gateway https://other.example'],
    ['that is there twice', config('users: [{ name: pamctl-prod }, { name: pamctl-prod }]\n'), 'has 2 users named'],
  ])('refuses an entry of that name %s', (_, text, message) => {
    expect(() => merge(text)).toThrow(message)
    if (message.includes('did not')) expect(new KubeconfigDocument('f', text).targets()).toEqual([])
  })

  it('refuses what it could not change without loss', () => {
    const shared = merge(config('users: []\n')).replace('  cluster:\n', '  cluster: &c\n')
    const used = `${shared}extensions:\n- name: x\n  extension: *c\n`
    expect(() => merge(used, [port('prod', 20_002)])).toThrow(/cannot be changed without loss/)
    expect(() => remove(used)).toThrow(/cannot be changed without loss/)
  })

  it.each([
    ['beside the key of a value', '  cluster:\n', '  cluster: # mine\n', false],
    ['within a value', '    server:', '    # mine\n    server:', false],
    ['behind the name', '- name: pamctl-prod\n', '- name: pamctl-prod # mine\n', false],
    ['above and beside a list', 'users:\n', '# mine\nusers: # mine\n', true],
    ['above an entry', '- name: pamctl-prod\n', '# mine\n- name: pamctl-prod\n', true],
    ['at the end of a list', 'users:\n', '  # mine\nusers:\n', true],
    ['at the start', 'apiVersion:', '%YAML 1.1\n--- # mine\napiVersion:', true],
    ['at the end', /$/, '... # mine\n', true],
  ])('keeps a comment %s, and removes those within its entries', (_, place, comment, isKept) => {
    const text = merge('').replace(place, comment)
    const count = (found: string): number => found.split('# mine').length - 1
    expect(count(text)).toBeGreaterThan(0)
    const again = merge(text, [port('prod', 20_002)])
    expect(again).toContain('20002')
    if (isKept) expect(count(again)).toBe(count(text))
    const without = remove(text)
    expect(without).not.toContain('pamctl')
    expect(count(without)).toBe(isKept ? count(text) : 0)
  })

  it('leaves one alone with tags, which it would have to understand', () => {
    const text = config('extensions: [{ name: x, extension: !!int 3 }]\n')
    expect(() => merge(text)).toThrow('cannot be changed without loss: Unresolved tag')
  })

  it('takes out its own entries alone', () => {
    const mine = config(
      'clusters:\n- name: pamctl-mine\n  cluster: {server: x}\n- name: other\n  cluster:\n    extensions:\n    - name: pamctl\n      extension:\n        gateway: x\n',
    )
    expect(remove(mine)).toBe(mine)
    const text = merge(mine, [port('prod'), port('dev')])
    const document = new KubeconfigDocument('f', text)
    expect(document.targets()).toEqual(['dev', 'prod'])
    const left = document.remove(['dev'])
    expect(new KubeconfigDocument('f', left).targets()).toEqual(['prod'])
    expect(read(remove(left)).clusters.map(({ name }) => name)).toEqual(['pamctl-mine', 'other'])
  })
})
