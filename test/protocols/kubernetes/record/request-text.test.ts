import { describe, expect, it } from 'vitest'
import { requestText } from '../../../../src/protocols/kubernetes/record/request-text.ts'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'
import { readBody } from '../../../../src/protocols/kubernetes/request/read-body.ts'

const PASSWORD = 'hunter2-hunter2'
const ENCODED = Buffer.from(PASSWORD).toString('base64')
const session = {
  masking: {
    columns: [],
    kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }],
    fields: [
      { name: 'f', owner: 'things.a.io', path: ['spec', 'key'], style: 'redact', hashScope: 'session', shownWhere: [] },
    ],
  },
  commitment: (text: string) => `c${text.length}`,
} as const

function textOf(line: string, body?: unknown, type = 'application/json') {
  const [method = '', target = ''] = line.split(' ')
  const request = readApiRequest(method, target)
  if ('failure' in request) throw new Error(request.failure)
  const bytes = Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body))
  return requestText(request, target, readBody(type, bytes), bytes, session)
}

const SECRET = 'POST /api/v1/namespaces/dev/secrets'
const MERGE = 'application/merge-patch+json'

describe('requests as people read them', () => {
  it('shows the line and the body as YAML', () => {
    const { shown, recorded } = textOf(
      'PATCH /api/v1/nodes/n1?fieldManager=a',
      { spec: { unschedulable: true } },
      MERGE,
    )
    expect(shown).toBe('PATCH /api/v1/nodes/n1?fieldManager=a\n\nspec:\n  unschedulable: true')
    expect(recorded).toEqual({ text: shown, parameters: [], keep: expect.any(Function) })
    expect(textOf('GET /api/v1/pods').shown).toBe('GET /api/v1/pods')
  })

  it('shows a long body as JSON, without its secrets', () => {
    const data = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key-${index}`, ENCODED]))
    const { shown, recorded } = textOf(SECRET, { metadata: { name: 'big' }, data, stringData: { a: PASSWORD } })
    expect(shown).toContain('\n{\n  "metadata": {\n    "name": "big"')
    expect(recorded.text).toBe(shown)
    expect(shown).not.toMatch(new RegExp(`${PASSWORD}|${ENCODED}`))
  })

  it.each<[string, string, unknown, string?]>([
    ['data', SECRET, { data: { password: ENCODED } }],
    ['stringData', SECRET, { stringData: { password: PASSWORD } }],
    ['data that is none', SECRET, { data: [PASSWORD] }],
    [
      'the copy in an annotation',
      SECRET,
      { metadata: { annotations: { x: JSON.stringify({ kind: 'Secret', apiVersion: 'v1', data: { a: ENCODED } }) } } },
    ],
    ['a merge patch', 'PATCH /api/v1/namespaces/dev/secrets/x', { data: { password: ENCODED } }, MERGE],
    [
      'a JSON patch',
      'PATCH /api/v1/namespaces/dev/secrets/x',
      [{ op: 'add', path: '/data/password', value: ENCODED }],
      'application/json-patch+json',
    ],
    [
      'a JSON patch of all data',
      'PATCH /api/v1/namespaces/dev/secrets/x',
      [{ op: 'replace', path: '/data', value: { a: ENCODED } }],
      'application/json-patch+json',
    ],
    [
      'a JSON patch of the whole',
      'PATCH /api/v1/namespaces/dev/secrets/x',
      [{ op: 'replace', path: '', value: { data: { a: ENCODED } } }],
      'application/json-patch+json',
    ],
    [
      'an object within another',
      'POST /apis/b.io/v1/bundles',
      { spec: [{ kind: 'Secret', apiVersion: 'v1', data: { a: ENCODED } }] },
    ],
    ['a token that is asked about', 'POST /apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: PASSWORD } }],
    ['a masked field', 'POST /apis/a.io/v1/things', { spec: { key: PASSWORD } }],
    [
      'what stands where passwords stand',
      'POST /api/v1/namespaces/dev/pods',
      { spec: { containers: [{ args: [`--password=${PASSWORD}`] }] } },
    ],
    [
      'a variable of an environment',
      'POST /api/v1/namespaces/dev/pods',
      { spec: { containers: [{ env: [{ name: 'DB_PASSWORD', value: PASSWORD }] }] } },
    ],
    ['a key that says so', 'POST /api/v1/namespaces/dev/configmaps', { data: { 'db-password': PASSWORD } }],
    ['a body that cannot be read', SECRET, `{"data":{"a":"${ENCODED}","a":"x"}}`],
  ])('shows and keeps nothing of %s', (_, line, body, type) => {
    const { shown, recorded } = textOf(line, body, type)
    for (const text of [shown, recorded.text]) {
      expect(text).not.toContain(ENCODED)
      expect(text).not.toContain(PASSWORD)
    }
    expect(recorded.text).toMatch(/c\d+/)
  })

  it('keeps values of masked kinds out, and what cannot be read apart', () => {
    const { recorded } = textOf('POST /api/v1/namespaces/dev/configmaps', { data: { a: 'jo@example.com' } })
    expect(recorded.text).not.toContain('jo@')
    expect(textOf(SECRET, '{"a":').recorded.detached).toBe(`${SECRET}\n\n{"a":`)
  })

  it('shows where a pod takes Secrets from', () => {
    const spec = { volumes: [{ name: 'a', secret: { secretName: 'db' } }], automountServiceAccountToken: true }
    expect(textOf('POST /api/v1/namespaces/dev/pods', { spec }).shown).toContain('secret:\n        secretName: db')
  })

  it.each(['command', 'args'])('keeps a password among the words of %s of a container out', (field) => {
    const words = ['mysql', '--password', 'hunter;22', 'token=hunter@22', '-v']
    const spec = { containers: [{ name: 'a', [field]: words }] }
    const { shown, recorded } = textOf('POST /api/v1/namespaces/dev/pods', { spec })
    for (const text of [shown, recorded.text]) expect(text).not.toMatch(/hunter|22/)
    expect(recorded.text).toContain('- -v')
  })

  it('spells out marks that a client sends', () => {
    const { recorded } = textOf('POST /api/v1/namespaces/dev/configmaps', { data: { '‹k›': '‹c5›' } })
    expect(recorded.text).not.toMatch(/‹c5›|‹k›/)
  })

  it.each([
    ['a word of a command', '/api/v1/namespaces/dev/pods/web/exec?command=mysql&command=--password&command=hunter22'],
    ['a body that could not be read', '/api/v1/namespaces/dev/pods/web/exec?command=token%3Dhunter22', '{'],
    ['a path', '/jane.hunter22%40example.org/x'],
  ])('leaves it out of what is said besides: %s', (_name, target, body?: string) => {
    const { shown, recorded } = textOf(`POST ${target}`, body)
    const [path = ''] = target.split('?')
    for (const said of [`of ${path}`, 'cannot tell what hunter22 is', 'of jane.hunter22@example.org'])
      expect([shown, recorded.text, recorded.keep?.(said)].join(' ')).not.toMatch(/hunter22.*hunter22|jane/)
    expect(`${shown} ${recorded.text}`).not.toContain('hunter22')
    expect(recorded.keep?.('plain')).toBe('plain')
  })
})
