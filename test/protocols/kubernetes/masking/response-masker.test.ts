import { describe, expect, it } from 'vitest'
import { planMasking, type MaskingPlan } from '../../../../src/masking/plan.ts'
import { acceptJson } from '../../../../src/protocols/kubernetes/request/accept.ts'
import {
  passesWarnings,
  responseMasker,
  UnmaskableAnswer,
} from '../../../../src/protocols/kubernetes/masking/response-masker.ts'
import { refusedByMasking } from '../../../../src/protocols/kubernetes/masking/write-guard.ts'
import { readApiRequest, type ApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'
import { readBody } from '../../../../src/protocols/kubernetes/request/read-body.ts'
import { policyLanguage } from '../../../../src/protocols/policy-language.ts'
import { policySchemas } from '../../../../src/policy/parse-policy.ts'

const PERSON = { id: 'a', kind: 'person', label: 'a', groups: [] } as const
const TARGET = { name: 'k', type: 'kubernetes', labels: {} }
const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }

function planOf(...rules: readonly object[]): MaskingPlan {
  const masking = policySchemas(policyLanguage).policyShape.masking.parse(rules.map((rule) => ({ name: 'r', ...rule })))
  return planMasking(
    masking.map((rule) => ({ ...rule, except: rule.except })),
    () => true,
    PERSON,
    TARGET,
    undefined,
  )
}

function requestOf(line: string): ApiRequest {
  const [method = '', target = ''] = line.split(' ')
  const request = readApiRequest(method, target)
  if ('failure' in request) throw new Error(request.failure)
  return request
}

function mask(plan: MaskingPlan, line: string, answer: unknown, type = 'application/json', size = 7): string {
  const masker = responseMasker(requestOf(line), plan, KEYS, type)
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer)
  if (masker === 'as it is') return text
  if ('refuse' in masker) throw new Error(masker.refuse)
  const bytes = Buffer.from(text)
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) out.push(masker.mask(bytes.subarray(at, at + size)))
  out.push(masker.end())
  return Buffer.concat(out).toString()
}

const SECRETS = planOf({ fields: ['secrets:data.*'], style: 'redact' })
const PASSWORD = 'hunter2-hunter2'
const ENCODED = Buffer.from(PASSWORD).toString('base64')
const LAST = 'kubectl.kubernetes.io/last-applied-configuration'
const secret = {
  kind: 'Secret',
  apiVersion: 'v1',
  metadata: { name: 'db', namespace: 'dev', uid: 'u' },
  data: { password: ENCODED },
  type: 'Opaque',
}
const { kind: _kind, apiVersion: _apiVersion, ...bare } = secret
const applied = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Secret',
  stringData: { password: PASSWORD },
  data: { a: ENCODED },
})
const withAnnotation = { ...secret, metadata: { ...secret.metadata, annotations: { [LAST]: applied } } }
const table = (object: unknown): object => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata: { resourceVersion: '1' },
  columnDefinitions: [
    { name: 'Name', type: 'string', format: 'name' },
    { name: 'Type', type: 'string' },
    { name: 'Data', type: 'string' },
    { name: 'Age', type: 'string' },
  ],
  rows: [{ cells: ['db', 'Opaque', 1, '5m'], object }],
})
const SECRET = 'GET /api/v1/namespaces/dev/secrets/db'
const ALL = 'GET /api/v1/secrets'

describe('answers with Secrets', () => {
  it.each<[string, string, unknown, number?]>([
    ['get', SECRET, secret],
    ['list', ALL, { kind: 'SecretList', apiVersion: 'v1', metadata: {}, items: [bare, bare] }],
    ['a list whose kind comes last', ALL, { apiVersion: 'v1', items: [bare], kind: 'SecretList' }],
    ['a list in another order', ALL, { items: [bare], metadata: {} }],
    ['a list twice', ALL, '{"items":[],"items":[{"data":{"password":"'.concat(ENCODED, '"}}]}')],
    ['an object with data twice', SECRET, `{"data":{"a":"x"},"data":{"password":"${ENCODED}"}}`],
    ['an object in a list of lists', ALL, { items: [[bare]] }],
    [
      'watch',
      `${ALL}?watch=1`,
      `${JSON.stringify({ type: 'ADDED', object: secret })}\n${JSON.stringify({ type: 'DELETED', object: secret })}\n`,
    ],
    ['watch by path', 'GET /api/v1/watch/secrets', { type: 'MODIFIED', object: bare }],
    ['watch of tables', `${ALL}?watch=1`, { type: 'ADDED', object: table(secret) }],
    ['watch whose object comes first', `${ALL}?watch=1`, { object: secret, type: 'ADDED' }],
    ['table with objects', `${ALL}?includeObject=Object`, table(bare)],
    ['table with metadata', ALL, table({ kind: 'PartialObjectMetadata', metadata: withAnnotation.metadata })],
    [
      'metadata alone',
      SECRET,
      { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: withAnnotation.metadata },
    ],
    ['last-applied-configuration', SECRET, withAnnotation],
    [
      'an annotation that another tool keeps',
      SECRET,
      { ...secret, data: {}, metadata: { annotations: { 'example.com/original': applied } } },
    ],
    ['an annotation with a list', SECRET, { ...secret, data: {}, metadata: { annotations: { x: `[${applied}]` } } }],
    [
      'an annotation that says another kind',
      SECRET,
      { ...secret, data: {}, metadata: { annotations: { x: applied.replace('"Secret"', '"ConfigMap"') } } },
    ],
    [
      'an annotation that is cut off',
      SECRET,
      { ...secret, data: {}, metadata: { annotations: { x: applied.slice(0, -1) } } },
    ],
    [
      'an annotation in JSON in base64',
      SECRET,
      { ...secret, data: {}, metadata: { annotations: { x: Buffer.from(applied).toString('base64') } } },
    ],
    ['create', 'POST /api/v1/namespaces/dev/secrets', secret],
    ['apply', 'PATCH /api/v1/namespaces/dev/secrets/db', withAnnotation],
    ['deletion', 'DELETE /api/v1/namespaces/dev/secrets/db', secret],
    ['deletion of a collection', 'DELETE /api/v1/namespaces/dev/secrets', { kind: 'SecretList', items: [bare] }],
    [
      'a custom resource that holds one',
      'GET /apis/example.com/v1/namespaces/dev/bundles/x',
      { kind: 'Bundle', spec: { objects: [secret] } },
    ],
    [
      'a custom resource in a list',
      'GET /apis/example.com/v1/bundles',
      { items: [{ spec: { objects: [secret] } }], kind: 'BundleList' },
    ],
    [
      'a pod with one in an annotation',
      'GET /api/v1/pods',
      { items: [{ metadata: { annotations: { x: JSON.stringify(secret) } } }] },
    ],
    [
      'a List of another resource',
      'GET /apis/example.com/v1/bundles',
      { kind: 'SecretList', apiVersion: 'v1', items: [bare] },
    ],
    ['pretty JSON', `${SECRET}?pretty=true`, JSON.stringify(secret, undefined, 2)],
    ['escaped JSON', SECRET, JSON.stringify(secret).replace('"data"', '"d\\u0061ta"')],
    ['one byte at a time', ALL, { kind: 'SecretList', items: [bare, withAnnotation] }, 1],
    ['stringData', SECRET, { ...secret, data: undefined, stringData: { password: PASSWORD } }],
    ['data that is nested', SECRET, { ...secret, data: { a: { b: ENCODED } } }],
    ['data that is a list', SECRET, { ...secret, data: [ENCODED] }],
  ])('%s', (_, line, answer, size) => {
    const shown = mask(SECRETS, line, answer, 'application/json', size)
    expect(shown).not.toContain(ENCODED)
    expect(shown).not.toContain(PASSWORD)
    expect(shown).not.toContain(Buffer.from(applied).toString('base64'))
    for (const line of shown.trim().split(/\n(?=\{)/)) JSON.parse(line)
  })

  it('leaves all else as it is, byte for byte', () => {
    const text =
      '{ "kind":"Secret", "metadata":{"name":"db","generation":12345678901234567890},\n"data":{"a":"aGk="},"x":1.0e2 }'
    expect(mask(SECRETS, SECRET, text)).toBe(text.replace('aGk=', 'KioqKg=='))
    const pods = JSON.stringify({ kind: 'PodList', items: [{ metadata: { name: 'a' }, data: { x: ENCODED } }] })
    expect(mask(SECRETS, 'GET /api/v1/pods', pods)).toBe(pods)
    const maps = JSON.stringify({ kind: 'ConfigMap', data: { x: ENCODED } })
    expect(mask(SECRETS, 'GET /api/v1/namespaces/dev/configmaps/x', maps)).toBe(maps)
    const cells = JSON.stringify(table({ metadata: { name: 'db' } }))
    expect(mask(SECRETS, ALL, cells)).toBe(cells)
  })

  it('shows what every client can decode', () => {
    const shown = (style: string, value: string): unknown => {
      const data = { a: Buffer.from(value).toString('base64') }
      const plan = planOf({ fields: ['secrets:data.*'], style })
      const answer = JSON.parse(mask(plan, SECRET, { data })) as { data: { a: string | null } }
      return answer.data.a === null ? null : Buffer.from(answer.data.a, 'base64').toString()
    }
    expect(shown('redact', PASSWORD)).toBe('****')
    expect(shown('keep-last-4', PASSWORD)).toBe('****ter2')
    expect(shown('partial', PASSWORD)).toBe('h***')
    expect(shown('hash', PASSWORD)).toMatch(/^h_[\w-]{16}$/)
    expect(shown('hash', PASSWORD)).toBe(shown('hash', PASSWORD))
    expect(shown('null', PASSWORD)).toBeNull()
    const bytes = Buffer.from([0xff, 0xfe, 1, 2, 3, 4, 5, 6, 7, 8]).toString('base64')
    const answer = JSON.parse(
      mask(planOf({ fields: ['secrets:data.*'], style: 'keep-last-4' }), SECRET, { data: { a: bytes } }),
    ) as object
    expect(answer).toEqual({ data: { a: Buffer.from('****').toString('base64') } })
  })

  it('shows releases of helm where a rule says so', () => {
    const plan = planOf({ fields: ['secrets:data.*'], exceptWhere: ['type=helm.sh/release.v1'], style: 'redact' })
    const release = {
      metadata: { name: 'sh.helm.release.v1.a.v1' },
      data: { release: ENCODED },
      type: 'helm.sh/release.v1',
    }
    const shown = mask(plan, ALL, { items: [release, bare] })
    expect(JSON.parse(shown)).toEqual({ items: [release, { ...bare, data: { password: 'KioqKg==' } }] })
    const trick = {
      ...bare,
      metadata: { annotations: { x: JSON.stringify({ type: 'helm.sh/release.v1', data: { a: ENCODED } }) } },
    }
    expect(mask(plan, ALL, { items: [trick] })).not.toContain(ENCODED)
    expect(
      mask(plan, ALL, `{"items":[{"type":"Opaque","type":"helm.sh/release.v1","data":{"a":"${ENCODED}"}}]}`),
    ).not.toContain(ENCODED)
  })

  it.each([
    ['text', SECRET, '{"data":', 'application/json'],
    ['bytes that are not UTF-8', SECRET, Buffer.from([0x7b, 0xff]).toString('latin1'), 'application/json'],
    ['YAML', SECRET, 'data: x', 'application/yaml'],
    ['protobuf', SECRET, 'k8s', 'application/vnd.kubernetes.protobuf'],
    ['CBOR', SECRET, 'x', 'application/cbor-seq'],
    ['an answer of a node', 'GET /api/v1/nodes/n/proxy/pods', '{}', 'application/json'],
    ['a log of the server', 'GET /logs/audit.log', 'x', 'text/plain'],
    ['a profile of the server', 'GET /debug/pprof/heap', 'x', 'application/octet-stream'],
  ])('passes nothing on of %s', (_, line, text, type) => {
    expect(() => mask(SECRETS, line, text, type)).toThrow()
  })

  it('gives up on an object that is too long', () => {
    const long = JSON.stringify({ items: [{ data: { a: 'x'.repeat(17 * 1024 * 1024) } }] })
    expect(() => mask(SECRETS, ALL, long, 'application/json', 1 << 20)).toThrow(UnmaskableAnswer)
  })

  it('does not read what cannot hold any', () => {
    expect(responseMasker(requestOf('GET /openapi/v2'), SECRETS, KEYS, 'application/json')).toBe('as it is')
    expect(responseMasker(requestOf(SECRET), planOf({ columns: ['a.b'] }), KEYS, 'x/y')).toBe('as it is')
  })
})

describe('fields that rules name', () => {
  it.each<[string, string, unknown, unknown]>([
    [
      'configmaps:data.password',
      'GET /api/v1/configmaps',
      { items: [{ data: { password: 'abcdef', a: 'b' } }] },
      { items: [{ data: { password: '****', a: 'b' } }] },
    ],
    [
      'configmaps:binaryData',
      'GET /api/v1/configmaps',
      { items: [{ binaryData: { a: 'AAEC' } }] },
      { items: [{ binaryData: { a: 'KioqKg==' } }] },
    ],
    [
      'pods:spec.containers.*.env.*.value',
      'GET /api/v1/pods',
      { items: [{ spec: { containers: [{ env: [{ name: 'A', value: 'x' }] }] } }] },
      { items: [{ spec: { containers: [{ env: [{ name: 'A', value: '****' }] }] } }] },
    ],
    [
      'pods:spec.containers.env.value',
      'GET /api/v1/pods',
      { items: [{ spec: { containers: [{ env: [{ name: 'A', value: 'x' }] }] } }] },
      { items: [{ spec: { containers: [{ env: [{ name: 'A', value: '****' }] }] } }] },
    ],
    [
      '*:metadata.annotations.example\\.com/token',
      'GET /api/v1/nodes',
      { items: [{ metadata: { annotations: { 'example.com/token': 'x', 'example.com/t': 'y' } } }] },
      { items: [{ metadata: { annotations: { 'example.com/token': '****', 'example.com/t': 'y' } } }] },
    ],
    [
      'things.example.com:spec',
      'GET /apis/example.com/v1/things/x',
      { kind: 'Thing', spec: { a: [1, true, null, 'x'] } },
      { kind: 'Thing', spec: { a: [null, null, null, '****'] } },
    ],
    [
      '*.example.com:items.*.key',
      'GET /apis/example.com/v1/things/x',
      { items: [{ key: 'x' }] },
      { items: [{ key: '****' }] },
    ],
    [
      'serviceaccounts/token:status.token',
      'POST /api/v1/namespaces/dev/serviceaccounts/a/token',
      { status: { token: 'x' } },
      { status: { token: '****' } },
    ],
    [
      'serviceaccounts/token:status.token',
      'GET /api/v1/namespaces/dev/serviceaccounts/a',
      { status: { token: 'x' } },
      { status: { token: 'x' } },
    ],
    [
      'services:spec.externalName',
      'GET /api/v1/services',
      { ...table({}), rows: [{ cells: ['web', 'secret-host', 80, '5m'] }] },
      { ...table({}), rows: [{ cells: ['web', '****', null, '5m'] }] },
    ],
    [
      'services:spec.externalName',
      'GET /api/v1/services',
      { rows: [{ cells: ['web', 'secret-host'] }] },
      { rows: [{ cells: ['****', '****'] }] },
    ],
    [
      'pods:metadata.labels',
      'GET /api/v1/pods',
      {
        items: [
          {
            metadata: {
              managedFields: [
                { fieldsV1: { 'f:metadata': { 'f:labels': { 'v:"x"': {} } }, 'k:{"a":1}': { '.': {} } } },
              ],
            },
          },
        ],
      },
      {
        items: [
          {
            metadata: {
              managedFields: [
                { fieldsV1: { 'f:metadata': { 'f:labels': { 'v:"**** 0"': {} } }, 'k:{"a":1}': { '.': {} } } },
              ],
            },
          },
        ],
      },
    ],
    [
      'things.a.io:spec.users.*.name',
      'GET /apis/a.io/v1/things/x',
      { metadata: { managedFields: [{ fieldsV1: { 'f:spec': { 'f:users': { 'k:{"name":"jo"}': { '.': {} } } } } }] } },
      { metadata: { managedFields: [{ fieldsV1: { 'f:spec': { 'f:users': { 'k:"**** 0"': { '.': {} } } } } }] } },
    ],
  ])('%s in %s', (field, line, answer, expected) => {
    expect(JSON.parse(mask(planOf({ fields: [field], style: 'redact' }), line, answer))).toEqual(expected)
  })

  it('hides values in errors about what is written', () => {
    const plan = planOf({ fields: ['services:spec.externalName'], style: 'redact' })
    const status = (reason: string, message: string): object => ({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason,
      message,
      details: { causes: [{ message }] },
      code: 422,
    })
    const line = 'PATCH /api/v1/namespaces/dev/services/web'
    const invalid = 'Service "web" is invalid: spec.externalName: Invalid value: "secret-host": a DNS name'
    expect(mask(plan, line, status('Invalid', invalid))).not.toContain('secret-host')
    expect(mask(plan, line, status('Invalid', invalid))).toContain('spec.externalName: Invalid value: ****')
    expect(mask(plan, line, status('BadRequest', 'found secret-host'))).not.toContain('secret-host')
    const denied =
      "services \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: secret-host"
    for (const reason of ['Forbidden', 'Invalid', 'Unauthorized'])
      expect(mask(plan, line, status(reason, denied))).not.toContain('secret-host')
    expect(mask(plan, 'DELETE /api/v1/namespaces/dev/services/web', status('Forbidden', denied))).not.toContain(
      'secret-host',
    )
    expect(mask(plan, line, status('NotFound', 'services "web" not found'))).toContain('services \\"web\\" not found')
    expect(mask(plan, 'PATCH /api/v1/namespaces/dev/pods/web', status('Invalid', invalid))).toContain('secret-host')
  })

  it.each([
    [
      'of what differs',
      'Pod "web" is invalid: spec: Forbidden: pod updates may not change fields\n  Value: "secret-host"',
      'spec: Forbidden: ****',
    ],
    [
      'of the text of a rule',
      'Service "web" is invalid: spec: Required value: not secret-host',
      'spec: Required value: ****',
    ],
    ['of several', 'Service "web" is invalid: [a: Too many: 2, b: Invalid value: "secret-host"]', '[a: Too many: ****'],
    ['of a cause', 'Forbidden: secret-host', 'Forbidden: ****'],
    ['of another form', 'secret-host', 'message withheld'],
  ])('hides the detail %s', (_, message, shown) => {
    const plan = planOf({ fields: ['services:spec.externalName'], style: 'redact' })
    const status = { kind: 'Status', status: 'Failure', reason: 'Invalid', message, details: { causes: [{ message }] } }
    const masked = mask(plan, 'PUT /api/v1/namespaces/dev/services/web', status)
    expect(masked).not.toContain('secret-host')
    expect((JSON.parse(masked) as { message: string }).message).toContain(shown)
  })

  it('says of what is immutable that it is', () => {
    const message = 'Secret "db" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    const status = { kind: 'Status', status: 'Failure', reason: 'Invalid', message }
    expect(mask(SECRETS, 'PUT /api/v1/namespaces/dev/secrets/db', status)).toBe(JSON.stringify(status))
  })

  it.each(['items', 'rows'])('masks an object that has a list of its own called %s', (name) => {
    const plan = planOf({ fields: ['things.example.com:data.token'], style: 'redact' })
    const line = 'GET /apis/example.com/v1/namespaces/dev/things/a'
    const thing = { kind: 'Thing', data: { token: 'secret' }, [name]: [{ a: 1 }], zone: 'x' }
    expect(JSON.parse(mask(plan, line, thing))).toEqual({ ...thing, data: { token: '****' } })
  })

  it('shows no column of a custom resource for its name', () => {
    const plan = planOf({ fields: ['things.example.com:spec.token'], style: 'redact' })
    const columns = [
      { name: 'Name', type: 'string', format: 'name' },
      { name: 'Age', type: 'string', format: '' },
      { name: 'Name', type: 'string', format: '' },
      { name: 'Age', type: 'date', format: '' },
    ]
    const shown = mask(plan, 'GET /apis/example.com/v1/things', {
      kind: 'Table',
      columnDefinitions: columns,
      rows: [{ cells: ['a', 'secret', 'secret', '5m'] }],
    })
    expect(JSON.parse(shown)).toMatchObject({ rows: [{ cells: ['a', '****', '****', '5m'] }] })
  })

  it('goes on showing the columns that the first table of a watch has named', () => {
    const plan = planOf({ fields: ['services:spec.externalName'], style: 'redact' })
    const [first, { columnDefinitions: _, ...later }] = [table({}), table({})] as [object, Record<string, unknown>]
    const events = [first, later].map((object) => JSON.stringify({ type: 'ADDED', object }))
    const shown = mask(plan, 'GET /api/v1/services?watch=1', events.join('\n')).split('\n')
    for (const event of shown)
      expect(JSON.parse(event)).toMatchObject({ object: { rows: [{ cells: ['db', '****', null, '5m'] }] } })
  })

  it('hides kinds of data in the cells of a table', () => {
    const plan = planOf({ kinds: ['email'], style: 'redact' })
    const shown = mask(plan, 'GET /api/v1/pods', {
      ...table({ metadata: { labels: { a: 'of jo@example.com' } } }),
      rows: [{ cells: ['jo@example.com', 'x'], object: { note: 'jo@example.com' } }],
    })
    expect(JSON.parse(shown)).toMatchObject({ rows: [{ cells: ['****', 'x'], object: { note: '****' } }] })
  })

  it('hides fields of all resources of a group, wherever an object of it comes', () => {
    const plan = planOf({ fields: ['*.apps:spec.token'], style: 'redact' })
    const deployment = { kind: 'Deployment', apiVersion: 'apps/v1', spec: { token: 'secret' } }
    for (const answer of [deployment, { kind: 'List', apiVersion: 'v1', items: [deployment] }])
      expect(mask(plan, 'GET /api/v1/namespaces/dev/pods', answer)).not.toContain('secret')
  })

  it('hides kinds of data in every value, name and number', () => {
    const plan = planOf({ kinds: ['email', 'payment-card'], style: 'redact' })
    const answer = {
      kind: 'Pod',
      metadata: {
        name: 'web',
        annotations: { owner: 'jo@example.com', 'jo@example.com': 'x', at: '2026-11-29T12:00:00Z' },
      },
      spec: { args: ['--card=4111111111111111', '4111111111111111'], card: 4111111111111111 },
      status: { message: 'sent to jo\\u0040example.com' },
    }
    const shown = mask(plan, 'GET /api/v1/namespaces/dev/pods/web', answer)
    expect(shown).not.toMatch(/jo@|4111|u0040/)
    expect(shown).toContain('2026-11-29T12:00:00Z')
    const encoded = Buffer.from('mail jo@example.com').toString('base64')
    expect(mask(plan, SECRET, { data: { a: encoded } })).toBe(
      JSON.stringify({ data: { a: Buffer.from('mail ****').toString('base64') } }),
    )
    expect(mask(plan, ALL, 'too many requests of jo@example.com', 'text/plain')).toBe('too many requests of ****')
  })

  it.each([
    ['events:message', '/apis/events.k8s.io/v1/namespaces/dev/events/a', { note: 'hunter2' }],
    ['events.events.k8s.io:note', '/api/v1/namespaces/dev/events/a', { message: 'hunter2' }],
    [
      'events:involvedObject.name',
      '/apis/events.k8s.io/v1/namespaces/dev/events/a',
      { regarding: { name: 'hunter2' } },
    ],
    ['events:reason', '/apis/events.k8s.io/v1/namespaces/dev/events/a', { reason: 'hunter2' }],
  ])('masks %s in the other group that shows the same object', (field, path, event) => {
    expect(mask(planOf({ fields: [field], style: 'redact' }), `GET ${path}`, event)).toBe(
      JSON.stringify(event).replace('hunter2', '****'),
    )
  })

  it.each([
    ['/apis/apps/v1/namespaces/dev/deployments/web/scale', 'deployments.apps:spec.selector.matchLabels.token', '****'],
    ['/apis/example.com/v1/namespaces/dev/things/a/scale', 'things.example.com:spec.pods', '****'],
    ['/apis/apps/v1/namespaces/dev/deployments/web/scale', 'deployments.apps:spec.template.x', 'token=hunter2'],
  ])('masks the selector that a Scale shows: %s, %s', (path, field, shown) => {
    const scale = { kind: 'Scale', spec: { replicas: 1 }, status: { replicas: 1, selector: 'token=hunter2' } }
    const masked = mask(planOf({ fields: [field], style: 'redact' }), `GET ${path}`, scale)
    expect(JSON.parse(masked)).toEqual({ ...scale, status: { replicas: 1, selector: shown } })
  })
})

describe('requests on masked fields', () => {
  const guard = (line: string, body?: unknown, type = 'application/json', plan = SECRETS): string | undefined => {
    const read = readBody(type, Buffer.from(body === undefined ? '' : JSON.stringify(body)))
    if ('failure' in read) throw new Error(read.failure)
    return refusedByMasking(requestOf(line), read, plan)
  }
  const stars = 'KioqKg=='
  const MERGE = 'application/merge-patch+json'
  const JSON_PATCH = 'application/json-patch+json'
  const PATCH = 'PATCH /api/v1/namespaces/dev/secrets/db'

  it.each<[string, string, unknown, string?]>([
    ['replace', 'PUT /api/v1/namespaces/dev/secrets/db', { data: { password: stars } }],
    ['create', 'POST /api/v1/namespaces/dev/secrets', { data: { password: stars } }],
    ['stringData', 'POST /api/v1/namespaces/dev/secrets', { stringData: { password: '****' } }],
    ['null in a whole object', 'PUT /api/v1/namespaces/dev/secrets/db', { data: { password: null } }],
    ['merge patch', PATCH, { data: { password: stars } }, MERGE],
    ['strategic patch', PATCH, { data: { password: stars } }, 'application/strategic-merge-patch+json'],
    ['apply', PATCH, { data: { password: stars } }, 'application/apply-patch+yaml'],
    [
      'the copy in an annotation',
      PATCH,
      { metadata: { annotations: { [LAST]: JSON.stringify({ data: { a: stars } }) } } },
      MERGE,
    ],
    ['a value of JSON patch', PATCH, [{ op: 'replace', path: '/data/password', value: stars }], JSON_PATCH],
    ['a value above', PATCH, [{ op: 'add', path: '/data', value: { password: stars } }], JSON_PATCH],
    ['a stand-in of style hash', PATCH, { data: { a: Buffer.from('h_abcdefghijklmnop').toString('base64') } }, MERGE],
    ['a stand-in of style keep-last-4', PATCH, { data: { a: Buffer.from('****ter2').toString('base64') } }, MERGE],
    ['test', PATCH, [{ op: 'test', path: '/data/password', value: ENCODED }], JSON_PATCH],
    ['test of the whole', PATCH, [{ op: 'test', path: '', value: {} }], JSON_PATCH],
    ['test of all data', PATCH, [{ op: 'test', path: '/data', value: {} }], JSON_PATCH],
    [
      'test of the copy',
      PATCH,
      [{ op: 'test', path: `/metadata/annotations/${LAST.replace('/', '~1')}`, value: '' }],
      JSON_PATCH,
    ],
    ['copy', PATCH, [{ op: 'copy', from: '/data/password', path: '/metadata/labels/x' }], JSON_PATCH],
    ['copy of all data', PATCH, [{ op: 'copy', from: '/data', path: '/metadata/annotations' }], JSON_PATCH],
    ['copy of annotations', PATCH, [{ op: 'copy', from: '/metadata/annotations', path: '/x' }], JSON_PATCH],
    ['a guess as a dry run', `${PATCH}?dryRun=All`, { data: { password: ENCODED } }, MERGE],
    ['a guess as a dry run of stringData', `${PATCH}?dryRun=All`, { stringData: { password: 'x' } }, MERGE],
    [
      'a guess as a dry run of a replacement',
      'PUT /api/v1/namespaces/dev/secrets/db?dryRun=All',
      { data: { password: ENCODED } },
    ],
    [
      'a guess as a dry run of a JSON patch',
      `${PATCH}?dryRun=All`,
      [{ op: 'replace', path: '/data/password', value: ENCODED }],
      JSON_PATCH,
    ],
    [
      'a guess by a conflict',
      `${PATCH}?fieldManager=a`,
      { data: { password: ENCODED } },
      'application/apply-patch+yaml',
    ],
    [
      'a guess by a conflict, not forced',
      `${PATCH}?force=false`,
      { data: { password: ENCODED } },
      'application/apply-patch+yaml',
    ],
    ['move', PATCH, [{ op: 'move', from: '/data/password', path: '/metadata/labels/x' }], JSON_PATCH],
  ])('refuses %s', (_, line, body, type) => {
    expect(guard(line, body, type)).toBeDefined()
  })

  it.each<[string, string, unknown, string?]>([
    ['a new value', PATCH, { data: { password: ENCODED } }, MERGE],
    ['a forced value', `${PATCH}?force=true`, { data: { password: ENCODED } }, 'application/apply-patch+yaml'],
    ['a label of a dry run', `${PATCH}?dryRun=All`, { metadata: { labels: { a: 'b' } } }, MERGE],
    ['a removed value', PATCH, { data: { password: null } }, MERGE],
    ['a label', PATCH, { metadata: { labels: { a: 'x***' } } }, MERGE],
    ['a test of a label', PATCH, [{ op: 'test', path: '/metadata/labels/a', value: 'x' }], JSON_PATCH],
    ['another resource', 'PATCH /api/v1/namespaces/dev/configmaps/x', { data: { a: '****' } }, MERGE],
    ['a selector by name', 'GET /api/v1/secrets?fieldSelector=metadata.name=db', undefined],
    ['a selector by type', 'GET /api/v1/secrets?fieldSelector=type=Opaque&labelSelector=a', undefined],
  ])('lets %s pass', (_, line, body, type) => {
    expect(guard(line, body, type)).toBeUndefined()
  })

  it('refuses to guess a value that could not be changed', () => {
    const plan = planOf({ fields: ['pods:spec.containers.*.env.*.value'], style: 'redact' })
    const pod = { spec: { containers: [{ name: 'a', env: [{ name: 'P', value: 'guess' }] }] } }
    const line = 'PATCH /api/v1/namespaces/dev/pods/web'
    expect(guard(line, pod, 'application/strategic-merge-patch+json', plan)).toContain('reveal')
    expect(guard(line.replace('PATCH', 'PUT'), pod, undefined, plan)).toContain('reveal')
    const replaced = [{ op: 'replace', path: '/spec/containers/0/env/0/value', value: 'guess' }]
    expect(guard(line, replaced, JSON_PATCH, plan)).toContain('reveal')
    expect(guard(line, { metadata: { labels: { a: 'b' } } }, MERGE, plan)).toBeUndefined()
  })

  it('refuses to set what a Kubernetes resource may not let change, and lets the rest be set', () => {
    const plan = planOf({
      fields: [
        'storageclasses.storage.k8s.io:parameters.key',
        'deployments.apps:spec.template.spec.x',
        '*:metadata.labels.a',
      ],
    })
    const line = 'PATCH /apis/storage.k8s.io/v1/storageclasses/fast'
    expect(guard(line, { parameters: { key: 'guess' } }, MERGE, plan)).toContain('reveal')
    expect(guard(line, [{ op: 'add', path: '/parameters', value: {} }], JSON_PATCH, plan)).toContain('reveal')
    expect(guard(line, { metadata: { labels: { a: 'x' } } }, MERGE, plan)).toBeUndefined()
    expect(guard(`${line}?dryRun=All`, { metadata: { labels: { a: 'x' } } }, MERGE, plan)).toContain('reveal')
    const deployment = 'PATCH /apis/apps/v1/namespaces/dev/deployments/web'
    expect(guard(deployment, { spec: { template: { spec: { x: 'new' } } } }, MERGE, plan)).toBeUndefined()
  })

  it.each(['$setElementOrder/imagePullSecrets', '$deleteFromPrimitiveList/imagePullSecrets'])(
    'takes the elements that %s names for those of the list',
    (directive) => {
      const plan = planOf({ fields: ['serviceaccounts:imagePullSecrets.*.name'] })
      const body = { [directive]: [{ name: 'guess' }] }
      const line = 'PATCH /api/v1/namespaces/dev/serviceaccounts/web?dryRun=All'
      expect(guard(line, body, 'application/strategic-merge-patch+json', plan)).toContain('reveal')
    },
  )

  it('refuses parameters that it does not know', () => {
    const line = 'GET /api/v1/namespaces/dev/secrets?futureSelector=data.password%3Da'
    expect(guard(line)).toBe(
      'the parameter "futureSelector" is not known for list secrets, and secrets have masked fields',
    )
    expect(guard(line.replace('/secrets', '/configmaps'))).toBeUndefined()
  })

  it('refuses what cannot be read', () => {
    const text = '[{"op":"copy","from":"/type","from":"/data/password","path":"/metadata/labels/x"}]'
    const body = readBody(JSON_PATCH, Buffer.from(text))
    expect(refusedByMasking(requestOf(PATCH), body, SECRETS)).toContain('twice in one object')
    expect(refusedByMasking(requestOf(PATCH.replace('secrets', 'configmaps')), body, SECRETS)).toBeUndefined()
  })

  it('tells helm that its releases are masked, unless they are shown', () => {
    const line = 'GET /api/v1/namespaces/dev/secrets?labelSelector=name%3Da%2Cowner%3Dhelm'
    const shown = planOf({ fields: ['secrets:data.*'], exceptWhere: ['type=helm.sh/release.v1'] })
    expect(guard(line)).toContain('helm keeps its releases in Secrets')
    expect(guard(line, undefined, undefined, shown)).toBeUndefined()
  })

  it('refuses selectors by masked fields', () => {
    const plan = planOf({ fields: ['things.a.io:spec.token', 'pods:metadata.labels.token'] })
    expect(guard('GET /apis/a.io/v1/things?fieldSelector=spec.token=x', undefined, undefined, plan)).toBeDefined()
    expect(
      guard('GET /apis/a.io/v1/things?fieldSelector=metadata.name=a,spec.token!=x', undefined, undefined, plan),
    ).toBeDefined()
    expect(guard('DELETE /apis/a.io/v1/things?fieldSelector=spec.token=x', undefined, undefined, plan)).toBeDefined()
    expect(guard('GET /api/v1/pods?labelSelector=token=x', undefined, undefined, plan)).toBeDefined()
    expect(guard('GET /apis/a.io/v1/things?fieldSelector=spec.name=x', undefined, undefined, plan)).toBeUndefined()
  })
})

describe('Accept', () => {
  it.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/json', 'application/json'],
    ['application/vnd.kubernetes.protobuf,application/json', 'application/json'],
    ['application/vnd.kubernetes.protobuf', undefined],
    ['application/yaml', undefined],
    ['application/cbor', undefined],
    [
      'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
      'application/json;as=Table;v=v1;g=meta.k8s.io, application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json',
    ],
    [
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;q=0',
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    ],
    ['application/json;as=Something;v=v1', undefined],
    ['text/html', undefined],
  ])('%s', (given, expected) => {
    expect(acceptJson(given)).toBe(expected)
  })
})

it('metrics pass as they are where nothing is searched for in all that is shown', () => {
  const kinds = planOf({ kinds: ['email'], style: 'redact' })
  expect(mask(SECRETS, 'GET /metrics', 'a 1', 'text/plain')).toBe('a 1')
  expect(() => mask(kinds, 'GET /metrics', 'a 1', 'text/plain')).toThrow(/cannot be masked/)
  expect(() => mask(SECRETS, 'GET /debug/pprof', 'a 1', 'text/plain')).toThrow(/cannot be masked/)
})

it('warnings pass where neither fields of the object nor kinds are masked, which they may quote', () => {
  const kinds = planOf({ kinds: ['email'], style: 'redact' })
  expect(passesWarnings(requestOf('GET /api/v1/namespaces/dev/pods/a'), SECRETS)).toBe(true)
  expect(passesWarnings(requestOf('GET /api/v1/namespaces/dev/secrets/a'), SECRETS)).toBe(false)
  expect(passesWarnings(requestOf('GET /api/v1/namespaces/dev/pods/a'), kinds)).toBe(false)
})
