import { describe, expect, it } from 'vitest'
import { createCommandReader } from '../../../../src/host/command/command-reader.ts'
import { hostVocabulary } from '../../../../src/host/vocabulary.ts'
import { decideCommand } from '../../../../src/policy/decide.ts'
import { PolicyLanguage } from '../../../../src/policy/language.ts'
import { policySchemas } from '../../../../src/policy/parse-policy.ts'
import type { StatementMatch } from '../../../../src/policy/policy.ts'
import { factsOf } from '../../../../src/protocols/kubernetes/facts/facts-of.ts'
import type { KubernetesStatement } from '../../../../src/protocols/kubernetes/facts/kubernetes-statement.ts'
import { kubernetesKinds } from '../../../../src/protocols/kubernetes/policy/kinds.ts'
import { kubernetesVocabulary } from '../../../../src/protocols/kubernetes/policy/vocabulary.ts'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'
import { execFacts, forwardFacts } from '../../../../src/protocols/kubernetes/streams/stream-facts.ts'

const language = new PolicyLanguage({
  kubernetes: { vocabulary: kubernetesVocabulary, within: [hostVocabulary], kinds: kubernetesKinds, ruleSets: {} },
})
const { policyShape, toPolicy } = policySchemas(language)
const reader = createCommandReader()

const requestFor = (target: string) => {
  const request = readApiRequest('GET', target)
  if ('failure' in request) throw new Error(request.failure)
  return request
}
const aroundOf = (target: string): KubernetesStatement =>
  factsOf(requestFor(target), { type: 'none' }).statements[0] as KubernetesStatement

const execTarget = (words: readonly string[], { namespace = 'dev', more = 'stdout=true' } = {}): string =>
  `/api/v1/namespaces/${namespace}/pods/web-1/exec?${words.map((word) => `command=${encodeURIComponent(word)}&`).join('')}container=app&${more}`

interface Asked {
  readonly namespace?: string
  readonly more?: string
}

async function judge(rules: readonly object[], words: readonly string[], asked?: Asked): Promise<string> {
  const target = execTarget(words, asked)
  return decide(rules, await execFacts(requestFor(target), aroundOf(target), reader))
}

function decide(rules: readonly object[], facts: Parameters<typeof decideCommand>[3]['facts']): string {
  const commands = policyShape.commands.parse(rules)
  const policy = toPolicy({ access: [], commands, masking: [] })
  const person = { id: 'a', kind: 'person', label: 'a', groups: ['dev'] } as const
  const command = { protocol: 'kubernetes', kind: 'statement', text: '', parameters: [], facts } as const
  return decideCommand(policy, person, { name: 'k', type: 'kubernetes', labels: {} }, command).type
}

const allow = (match: StatementMatch, more: object = {}): object => ({ name: 'r', match, allow: true, ...more })
const deny = (match: StatementMatch, more: object = {}): object => ({ name: 'd', match, deny: 'no', ...more })
const TTY = { more: 'stdin=true&stdout=true&tty=true' }
const STDIN = { more: 'stdin=true&stdout=true' }

describe('exec', () => {
  it.each<[string, readonly object[], readonly string[], Asked | undefined, string]>([
    ['is nothing that a rule without kinds allows', [allow({})], ['ls'], undefined, 'deny'],
    ['needs its kind', [allow({ kinds: ['exec'] })], ['ls', '-l'], undefined, 'allow'],
    [
      'is about the place and the command at once',
      [allow({ kinds: ['exec'], namespaces: ['dev'], commands: ['ls ...'] })],
      ['ls', '-l'],
      undefined,
      'allow',
    ],
    [
      'in another place',
      [allow({ kinds: ['exec'], namespaces: ['dev'], commands: ['ls ...'] })],
      ['ls'],
      { namespace: 'prod' },
      'deny',
    ],
    [
      'of another command',
      [allow({ kinds: ['exec'], namespaces: ['dev'], commands: ['ls ...'] })],
      ['id'],
      undefined,
      'deny',
    ],
    [
      'is denied by the resource alone',
      [deny({ resources: ['pods/exec'] }), allow({ kinds: ['exec'] })],
      ['ls'],
      undefined,
      'deny',
    ],
    [
      'is denied by its kind, whatever it runs',
      [deny({ kinds: ['exec'], namespaces: ['dev'] }), allow({ kinds: ['exec', 'shell'] })],
      ['sh'],
      TTY,
      'deny',
    ],
    [
      'is denied by a condition on the place',
      [deny({}, { when: 'statement.namespace == "dev"' }), allow({ kinds: ['exec'] })],
      ['ls'],
      undefined,
      'deny',
    ],
    [
      'is denied by a condition on the words',
      [deny({}, { when: '"-l" in statement.argv' }), allow({ kinds: ['exec'] })],
      ['ls', '-l'],
      undefined,
      'deny',
    ],
    [
      'reads the script of a shell',
      [deny({ programs: ['rm'] }), allow({ kinds: ['exec'] })],
      ['sh', '-c', 'ls; rm -rf /data'],
      undefined,
      'deny',
    ],
    [
      'and of one within another program',
      [deny({ programs: ['rm'] }), allow({ kinds: ['exec'] })],
      ['env', 'A=b', 'bash', '-c', 'rm /x'],
      undefined,
      'deny',
    ],
    [
      'writes where a shell redirects',
      [deny({ writesPaths: ['/etc/**'] }), allow({ kinds: ['exec', 'file-write'] })],
      ['sh', '-c', 'echo x > /etc/passwd'],
      undefined,
      'deny',
    ],
    [
      'has no relative paths that anybody knows',
      [deny({ paths: ['/etc/**'] }), allow({ kinds: ['exec'] })],
      ['cat', 'passwd'],
      undefined,
      'deny',
    ],
    [
      'words are no script',
      [allow({ kinds: ['exec'], commands: ['echo ...'] })],
      ['echo', '$(rm -rf /)', ';', 'rm'],
      undefined,
      'allow',
    ],
    ['with a terminal is a shell', [allow({ kinds: ['exec'] })], ['sh'], TTY, 'deny'],
    ['that a rule has to name', [allow({ kinds: ['exec', 'shell'] })], ['/bin/bash', '-il'], TTY, 'allow'],
    [
      'with options that nobody knows is none',
      [allow({ kinds: ['exec', 'shell'] })],
      ['bash', '--rcfile', '/tmp/x'],
      TTY,
      'deny',
    ],
    ['that reads its input is unknown', [allow({ kinds: ['exec', 'shell'] })], ['sh'], STDIN, 'deny'],
    ['and so is one from elsewhere', [allow({ kinds: ['exec', 'shell'] })], ['/tmp/sh'], TTY, 'deny'],
    ['behind another program', [allow({ kinds: ['exec', 'shell'] })], ['env', 'sh'], TTY, 'deny'],
    ['with control characters is unknown', [allow({ kinds: ['exec'] })], ['echo', '\u001b[31m'], undefined, 'deny'],
    ['without a command is unknown', [allow({ kinds: ['exec'] })], [], undefined, 'deny'],
    ['that is too deep is unknown', [allow({ kinds: ['exec'] })], ['sh', '-c', '('.repeat(2000)], undefined, 'deny'],
    [
      'with a parameter that nobody knows is unknown',
      [allow({ kinds: ['exec'] })],
      ['ls'],
      { more: 'stdout=true&shell=x' },
      'deny',
    ],
  ])('%s', async (_, rules, words, asked, verdict) => {
    expect(await judge(rules, words, asked)).toBe(verdict)
  })
})

describe('port-forward', () => {
  const around = aroundOf('/api/v1/namespaces/shop/pods/db-1/portforward')
  it.each<[string, readonly object[], string]>([
    ['a rule without kinds', [allow({})], 'deny'],
    ['its kind', [allow({ kinds: ['port-forward'] })], 'allow'],
    ['the port', [allow({ kinds: ['port-forward'], hosts: ['*:5432'] })], 'allow'],
    ['pod and port', [allow({ kinds: ['port-forward'], hosts: ['db-1.shop:5432'], namespaces: ['shop'] })], 'allow'],
    ['another port', [allow({ kinds: ['port-forward'], hosts: ['*:80'] })], 'deny'],
    ['another namespace', [allow({ kinds: ['port-forward'], hosts: ['*:5432'], namespaces: ['dev'] })], 'deny'],
    ['a denied port', [deny({ hosts: ['*:5432'] }), allow({ kinds: ['port-forward'] })], 'deny'],
    ['the kind of another request', [allow({ kinds: ['exec'], hosts: ['*:5432'] })], 'deny'],
  ])('allowed by %s', (_, rules, verdict) => {
    expect(decide(rules, forwardFacts(around, 5432))).toBe(verdict)
  })
})
