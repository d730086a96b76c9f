import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kubernetesKinds } from '../../src/protocols/kubernetes/policy/kinds.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { throughGateway, type ClusterThroughGateway } from '../helpers/kubernetes-gateway.ts'
import { isClusterMissing, startCluster, type RawAnswer, type TestCluster } from '../helpers/kubernetes.ts'

/**
 * Ways to a masked value, each tried directly first: the API server shows it, or its answer tells it. Then the same request as the gateway sends
 * it: refused, or with an answer that holds nothing of it.
 */
const VALUE = 'leak-hunter2-hunter2'
const ENCODED = Buffer.from(VALUE).toString('base64')
const MAIL = 'jo.leak@example.com'
const RULES = [
  { name: 'Secrets', fields: ['secrets:data.*'], style: 'redact' },
  { name: 'one key', fields: ['configmaps:data.password', 'configmaps:binaryData'], style: 'partial' },
  { name: 'a resource of its own', fields: ['things.leak.example.com:spec.token'], style: 'keep-last-4' },
  {
    name: 'variables',
    fields: ['pods:spec.containers.*.env.*.value', '*:metadata.annotations.example\\.com/token'],
    style: 'hash',
  },
  { name: 'names of hosts', fields: ['services:spec.externalName', 'services:metadata.labels.token'], style: 'redact' },
  { name: 'addresses', kinds: ['email'], style: 'redact' },
  {
    name: 'what cannot be changed',
    fields: [
      'storageclasses.storage.k8s.io:parameters.key',
      'statefulsets.apps:spec.serviceName',
      'deployments.apps:spec.selector.matchLabels.token',
      'things.leak.example.com:spec.fixed',
    ],
    style: 'redact',
  },
  { name: 'what happened', fields: ['events:message'], style: 'redact' },
]

/** Rules hide nothing here. */
const ANYTHING = [{ name: 'anything', match: { kinds: kubernetesKinds, unknown: true }, allow: true }]

interface Case {
  readonly name: string
  readonly line: string
  readonly accept?: string
  readonly type?: string
  readonly body?: unknown
  /** Where an answer tells the value without showing it: whether it does. */
  readonly tells?: (answer: RawAnswer) => boolean
  readonly before?: readonly (readonly [string, object])[]
}

const NS = '/api/v1/namespaces/dev'
const SECRET = `${NS}/secrets/leak`
const THINGS = '/apis/leak.example.com/v1/namespaces/dev/things'
const JSON_PATCH = 'application/json-patch+json'
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const APPLY = 'application/apply-patch+yaml'
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'
const METADATA = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
const LAST = 'kubectl.kubernetes.io/last-applied-configuration'
const APPLIED = JSON.stringify({ kind: 'Secret', apiVersion: 'v1', stringData: { password: VALUE } })

const secret = (name: string, more: object = {}): readonly [string, object] => [
  `${NS}/secrets`,
  { metadata: { name, annotations: { [LAST]: APPLIED }, ...more }, stringData: { password: VALUE } },
]

const CASES: readonly Case[] = [
  { name: 'get', line: `GET ${SECRET}` },
  { name: 'get in protobuf', line: `GET ${SECRET}`, accept: 'application/vnd.kubernetes.protobuf' },
  {
    name: 'get in protobuf, else JSON',
    line: `GET ${SECRET}`,
    accept: 'application/vnd.kubernetes.protobuf, application/json',
  },
  { name: 'get in YAML', line: `GET ${SECRET}`, accept: 'application/yaml' },
  { name: 'get of anything', line: `GET ${SECRET}`, accept: '*/*' },
  { name: 'get, pretty', line: `GET ${SECRET}?pretty=true` },
  { name: 'get of the metadata', line: `GET ${SECRET}`, accept: METADATA },
  { name: 'list', line: 'GET /api/v1/secrets' },
  { name: 'list of a namespace', line: `GET ${NS}/secrets` },
  { name: 'list of one', line: `GET ${NS}/secrets?fieldSelector=metadata.name%3Dleak` },
  { name: 'list of the metadata', line: `GET ${NS}/secrets`, accept: METADATA_LIST },
  { name: 'list in pages', line: `GET ${NS}/secrets?limit=4` },
  { name: 'list from the cache', line: `GET ${NS}/secrets?resourceVersion=0` },
  { name: 'table', line: `GET ${NS}/secrets`, accept: TABLE },
  { name: 'table with objects', line: `GET ${NS}/secrets?includeObject=Object`, accept: TABLE },
  { name: 'watch', line: `GET ${NS}/secrets?watch=1&resourceVersion=0&timeoutSeconds=1` },
  {
    name: 'watch of tables',
    line: `GET ${NS}/secrets?watch=1&resourceVersion=0&timeoutSeconds=1&includeObject=Object`,
    accept: TABLE,
  },
  {
    name: 'watch of the metadata',
    line: `GET ${NS}/secrets?watch=1&resourceVersion=0&timeoutSeconds=1`,
    accept: METADATA,
  },
  {
    name: 'watch in protobuf',
    line: `GET ${NS}/secrets?watch=1&resourceVersion=0&timeoutSeconds=1`,
    accept: 'application/vnd.kubernetes.protobuf;stream=watch',
  },
  { name: 'watch by path', line: `GET /api/v1/watch/namespaces/dev/secrets/leak?resourceVersion=0&timeoutSeconds=1` },
  { name: 'create', line: `POST ${NS}/secrets`, body: { metadata: { name: 'c1' }, stringData: { password: VALUE } } },
  {
    name: 'create as a dry run',
    line: `POST ${NS}/secrets?dryRun=All`,
    body: { metadata: { name: 'c2' }, stringData: { password: VALUE } },
  },
  {
    name: 'replace',
    before: [secret('c3')],
    line: `PUT ${NS}/secrets/c3`,
    body: { metadata: { name: 'c3' }, data: { password: ENCODED } },
  },
  { name: 'merge patch', line: `PATCH ${SECRET}`, type: MERGE, body: { metadata: { labels: { a: 'b' } } } },
  {
    name: 'strategic merge patch',
    line: `PATCH ${SECRET}`,
    type: STRATEGIC,
    body: { metadata: { labels: { a: 'c' } } },
  },
  {
    name: 'JSON patch',
    line: `PATCH ${SECRET}`,
    type: JSON_PATCH,
    body: [{ op: 'add', path: '/metadata/labels', value: {} }],
  },
  {
    name: 'apply',
    line: `PATCH ${SECRET}?fieldManager=leak`,
    type: APPLY,
    body: { apiVersion: 'v1', kind: 'Secret', metadata: { labels: { x: 'y' } } },
  },
  {
    name: 'deletion of a collection',
    before: [secret('c4', { labels: { leak: 'c4' } })],
    line: `DELETE ${NS}/secrets?labelSelector=leak%3Dc4`,
  },
  {
    name: 'deletion of what has a finalizer',
    before: [secret('c5', { finalizers: ['example.com/a'] })],
    line: `DELETE ${NS}/secrets/c5`,
  },
  {
    name: 'a value copied into a label',
    line: `PATCH ${SECRET}`,
    type: JSON_PATCH,
    body: [
      { op: 'add', path: '/metadata/labels', value: {} },
      { op: 'copy', from: '/data/password', path: '/metadata/labels/x' },
    ],
  },
  {
    name: 'a value copied into an annotation',
    line: `PATCH ${SECRET}?dryRun=All`,
    type: JSON_PATCH,
    body: [{ op: 'copy', from: '/data/password', path: '/metadata/annotations/x' }],
  },
  {
    name: 'a value moved into an annotation',
    line: `PATCH ${SECRET}?dryRun=All`,
    type: JSON_PATCH,
    body: [{ op: 'move', from: '/data/password', path: '/metadata/annotations/x' }],
  },
  {
    name: 'a value copied into an error',
    line: `PATCH ${SECRET}?dryRun=All`,
    type: JSON_PATCH,
    body: [{ op: 'copy', from: '/data/password', path: '/type' }],
  },
  {
    name: 'the right guess of a value',
    line: `PATCH ${SECRET}?dryRun=All`,
    type: JSON_PATCH,
    body: [{ op: 'test', path: '/data/password', value: ENCODED }],
    tells: ({ status }) => status === 200,
  },
  {
    name: 'a wrong guess of a value',
    line: `PATCH ${SECRET}?dryRun=All`,
    type: JSON_PATCH,
    body: [{ op: 'test', path: '/data/password', value: 'eA==' }],
    tells: ({ status }) => status !== 200,
  },
  {
    name: 'a guess of the copy',
    line: `PATCH ${SECRET}?dryRun=All`,
    type: JSON_PATCH,
    body: [{ op: 'test', path: `/metadata/annotations/${LAST.replace('/', '~1')}`, value: APPLIED }],
    tells: ({ status }) => status === 200,
  },
  {
    name: 'a stand-in that is written back',
    before: [secret('c6')],
    line: `PATCH ${NS}/secrets/c6`,
    type: MERGE,
    body: { data: { password: 'KioqKg==' } },
    tells: ({ status, body }) => status === 200 && body.includes('KioqKg=='),
  },

  {
    name: 'the right guess by apply',
    line: `PATCH ${SECRET}?fieldManager=guess&dryRun=All`,
    type: APPLY,
    body: { apiVersion: 'v1', kind: 'Secret', data: { password: ENCODED } },
    tells: ({ status }) => status === 200,
  },
  {
    name: 'a wrong guess by apply',
    line: `PATCH ${SECRET}?fieldManager=guess`,
    type: APPLY,
    body: { apiVersion: 'v1', kind: 'Secret', data: { password: 'eA==' } },
    tells: ({ status }) => status === 409,
  },
  {
    name: 'the right guess by a dry run of what is immutable',
    before: [[`${NS}/secrets`, { metadata: { name: 'i1' }, immutable: true, stringData: { password: VALUE } }]],
    line: `PATCH ${NS}/secrets/i1?dryRun=All`,
    type: MERGE,
    body: { data: { password: ENCODED } },
    tells: ({ status }) => status === 200,
  },
  {
    name: 'a wrong guess by a dry run of what is immutable',
    before: [[`${NS}/secrets`, { metadata: { name: 'i2' }, immutable: true, stringData: { password: VALUE } }]],
    line: `PATCH ${NS}/secrets/i2?dryRun=All`,
    type: MERGE,
    body: { data: { password: 'eA==' } },
    tells: ({ status }) => status === 422,
  },
  ...(
    [
      ['the right guess', 'i3', ENCODED, 200],
      ['a wrong guess', 'i4', 'eA==', 422],
    ] as const
  ).map(([what, name, guess, status]): Case => ({
    name: `${what} by a write to what is immutable`,
    before: [[`${NS}/secrets`, { metadata: { name }, immutable: true, stringData: { password: VALUE } }]],
    line: `PATCH ${NS}/secrets/${name}`,
    type: MERGE,
    body: { data: { password: guess } },
    tells: (answer) => answer.status === status,
  })),
  {
    name: 'the right guess by a forced apply to what is immutable',
    before: [[`${NS}/secrets`, { metadata: { name: 'i5' }, immutable: true, stringData: { password: VALUE } }]],
    line: `PATCH ${NS}/secrets/i5?fieldManager=guess&force=true`,
    type: APPLY,
    body: { apiVersion: 'v1', kind: 'Secret', stringData: { password: VALUE } },
    tells: ({ status }) => status === 200,
  },
  {
    name: 'a wrong guess by a JSON patch of what is immutable',
    before: [[`${NS}/secrets`, { metadata: { name: 'i6' }, immutable: true, stringData: { password: VALUE } }]],
    line: `PATCH ${NS}/secrets/i6`,
    type: JSON_PATCH,
    body: [{ op: 'replace', path: '/data/password', value: 'eA==' }],
    tells: ({ status }) => status === 422,
  },
  // What may not be changed says of any other value that it may not be.
  {
    name: 'the right guess of a parameter of a class',
    line: 'PATCH /apis/storage.k8s.io/v1/storageclasses/leak',
    type: MERGE,
    body: { parameters: { key: VALUE } },
    tells: ({ status }) => status === 200,
  },
  {
    name: 'a wrong guess of a parameter of a class',
    line: 'PATCH /apis/storage.k8s.io/v1/storageclasses/leak',
    type: MERGE,
    body: { parameters: { key: 'guess' } },
    tells: ({ status }) => status === 422,
  },
  {
    name: 'the right guess of a field of a StatefulSet',
    line: 'PATCH /apis/apps/v1/namespaces/dev/statefulsets/leak',
    type: JSON_PATCH,
    body: [{ op: 'replace', path: '/spec/serviceName', value: VALUE }],
    tells: ({ status }) => status === 200,
  },
  {
    name: 'a wrong guess where the definition of a resource forbids changes',
    line: `PATCH ${THINGS}/a`,
    type: MERGE,
    body: { spec: { fixed: 'guess' } },
    tells: ({ status }) => status === 422,
  },
  {
    name: 'the right guess where the definition of a resource forbids changes',
    line: `PATCH ${THINGS}/a`,
    type: MERGE,
    body: { spec: { fixed: VALUE } },
    tells: ({ status }) => status === 200,
  },
  { name: 'an event in another group', line: 'GET /apis/events.k8s.io/v1/namespaces/dev/events' },
  { name: 'a selector in a Scale', line: 'GET /apis/apps/v1/namespaces/dev/deployments/leak/scale' },
  {
    name: 'the right guess by a write to an immutable ConfigMap',
    before: [[`${NS}/configmaps`, { metadata: { name: 'i7' }, immutable: true, data: { password: VALUE } }]],
    line: `PATCH ${NS}/configmaps/i7`,
    type: MERGE,
    body: { data: { password: VALUE } },
    tells: ({ status }) => status === 200,
  },
  {
    name: 'a policy of admission that quotes',
    line: `PATCH ${SECRET}?dryRun=All`,
    type: MERGE,
    body: { metadata: { labels: { quote: 'deny' } } },
  },
  { name: 'one key of a ConfigMap', line: `GET ${NS}/configmaps/leak` },
  { name: 'one key in a list', line: `GET ${NS}/configmaps` },
  { name: 'binary data', line: `GET ${NS}/configmaps/leak-binary` },
  { name: 'an object within a ConfigMap', line: `GET ${NS}/configmaps/leak-copy` },
  { name: 'a copy in an annotation of another', line: `GET ${NS}/configmaps/leak-annotation` },

  { name: 'a custom resource', line: `GET ${THINGS}/a` },
  { name: 'a custom resource in a list', line: `GET ${THINGS}` },
  { name: 'a custom resource in a table', line: `GET ${THINGS}`, accept: TABLE },
  { name: 'a custom resource in a table of one', line: `GET ${THINGS}/a`, accept: TABLE },
  { name: 'a custom resource in a watch', line: `GET ${THINGS}?watch=1&resourceVersion=0&timeoutSeconds=1` },
  {
    name: 'a custom resource in a watch of tables',
    line: `GET ${THINGS}?watch=1&resourceVersion=0&timeoutSeconds=1`,
    accept: TABLE,
  },
  {
    name: 'a custom resource by its value',
    line: `GET ${THINGS}?fieldSelector=spec.token%3D${VALUE}`,
    tells: ({ body }) => body.includes('"name":"a"'),
  },
  {
    name: 'a custom resource not by its value',
    line: `GET ${THINGS}?fieldSelector=spec.token!%3D${VALUE}`,
    tells: ({ body }) => !body.includes('"name":"a"'),
  },
  {
    name: 'deletion by a value',
    line: `DELETE ${THINGS}?fieldSelector=spec.token%3D${VALUE}&dryRun=All`,
    tells: ({ body }) => body.includes('"name":"a"'),
  },
  { name: 'a custom resource that holds a Secret', line: `GET ${THINGS}/bundle` },
  {
    name: 'an error of a custom resource',
    line: `PATCH ${THINGS}/a?dryRun=All`,
    type: JSON_PATCH,
    body: [{ op: 'copy', from: '/spec/token', path: '/spec/mode' }],
  },

  { name: 'variables of containers', line: `GET ${NS}/pods/leak` },
  { name: 'variables in a list of all', line: 'GET /api/v1/pods' },
  {
    name: 'variables in an answer to a patch',
    line: `PATCH ${NS}/pods/leak`,
    type: MERGE,
    body: { metadata: { labels: { a: 'b' } } },
  },
  { name: 'an annotation of anything', line: `GET ${NS}/serviceaccounts/leak` },
  { name: 'an annotation of metadata alone', line: `GET ${NS}/serviceaccounts/leak`, accept: METADATA },
  { name: 'a host in a table', line: `GET ${NS}/services`, accept: TABLE },
  { name: 'a host in a table of one', line: `GET ${NS}/services/leak`, accept: TABLE },
  {
    name: 'a host in an error',
    line: `PATCH ${NS}/services/leak-host?dryRun=All`,
    type: JSON_PATCH,
    body: [{ op: 'copy', from: '/spec/externalName', path: '/spec/sessionAffinity' }],
  },
  {
    name: 'a label that is selected by',
    line: `GET ${NS}/services?labelSelector=token%3D${VALUE}`,
    tells: ({ body }) => body.includes('"name":"leak"'),
  },
  { name: 'addresses', line: `GET ${NS}/configmaps/leak-mail` },
  { name: 'addresses in base64', line: `GET ${NS}/secrets/leak-mail` },
  { name: 'addresses in a table', line: `GET ${THINGS}`, accept: TABLE },
]

describe.skipIf(isClusterMissing())('ways to masked values of Kubernetes', () => {
  let cluster: TestCluster
  let gateway: ClusterThroughGateway

  beforeAll(async () => {
    cluster = await startCluster()
    gateway = await throughGateway(cluster, { commands: ANYTHING, masking: RULES })
    await create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', THING)
    for (const [path, object] of OBJECTS) await create(path, object)
    const admission = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic'
    await create(`${admission}ies`, QUOTING)
    await create(`${admission}ybindings`, {
      metadata: { name: 'quoting' },
      spec: { policyName: 'quoting', validationActions: ['Deny'] },
    })
    await eventually(async () => {
      const headers = { 'content-type': MERGE }
      const body = JSON.stringify({ metadata: { labels: { quote: 'deny' } } })
      const { status } = await cluster.request('PATCH', `${SECRET}?dryRun=All`, { headers, body })
      return status === 422 ? true : undefined
    }, 'the policy is in force')
    await eventually(async () => {
      const { status } = await cluster.request('GET', THINGS)
      return status === 200 ? true : undefined
    }, 'things are served')
    const things = [
      { metadata: { name: 'a' }, spec: { token: VALUE, mode: 'x', mail: MAIL, fixed: VALUE } },
      {
        metadata: { name: 'bundle' },
        spec: { objects: [{ kind: 'Secret', apiVersion: 'v1', data: { password: ENCODED } }] },
      },
    ]
    for (const thing of things) await create(THINGS, { apiVersion: 'leak.example.com/v1', kind: 'Thing', ...thing })
  })

  afterAll(async () => {
    await gateway?.stop()
    await cluster?.stop()
  })

  async function create(path: string, object: object): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const { status, body } = await cluster.request('POST', path, { headers, body: JSON.stringify(object) })
    if (status !== 201) throw new Error(`${path}: ${body}`)
  }

  const send = (
    { line, type = 'application/json', body }: Case,
    accept: string | undefined,
    to: Pick<TestCluster, 'request'> = cluster,
  ): Promise<RawAnswer> => {
    const [method = '', target = ''] = line.split(' ')
    const text = body === undefined ? undefined : JSON.stringify(body)
    return to.request(method, target, {
      headers: {
        ...(accept === undefined ? {} : { accept }),
        ...(text === undefined ? {} : { 'content-type': type, 'content-length': String(Buffer.byteLength(text)) }),
      },
      ...(text === undefined ? {} : { body: text }),
    })
  }

  /** All that gives the values away, also within a text within a text. */
  const shows = (text: string): boolean =>
    [VALUE, ENCODED, MAIL, Buffer.from(`mail ${MAIL}`).toString('base64')].some((value) => text.includes(value))

  it('tries at least forty', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(40)
  })

  it.each(CASES.map((given) => [`${given.name}: ${given.line}`, given] as const))('%s', async (_, given) => {
    for (const [path, object] of given.before ?? []) await create(path, object)
    const direct = await send(given, given.accept)
    const told = given.tells?.(direct) ?? shows(direct.body)
    expect({ told, answer: told ? '' : `${direct.status} ${direct.body.slice(0, 600)}` }).toEqual({
      told: true,
      answer: '',
    })
    const { status, body } = await send(given, given.accept, gateway)
    expect(shows(body) ? body : '').toBe('')
    // What is asked for in JSON is answered.
    if (
      given.tells === undefined &&
      given.line.startsWith('GET ') &&
      /^(application\/json|\*)|^$/.test(given.accept ?? '')
    )
      expect({ status, body: status === 200 ? '' : body }).toEqual({ status: 200, body: '' })
    if (given.tells !== undefined) {
      expect(status).toBe(403)
      expect(body).not.toContain('system:serviceaccount')
    } else if (status < 300) {
      // What is shown is whole.
      for (const document of body.trim().split(/\n(?=\{"type")/)) if (document !== '') JSON.parse(document)
    }
  })

  it('shows all else as the server does', async () => {
    for (const line of [
      'GET /apis/apps/v1/namespaces/dev/deployments/worker',
      'GET /version',
      'GET /api/v1',
      'GET /apis/rbac.authorization.k8s.io/v1/clusterroles',
    ]) {
      const given: Case = { name: '', line }
      const [direct, through] = [await send(given, undefined), await send(given, undefined, gateway)]
      expect({ line, status: through.status, body: withoutMoment(through.body) }).toEqual({
        line,
        status: 200,
        body: withoutMoment(direct.body),
      })
    }
  })
})

/** The version of a list is that of the whole cluster, where something is written all the time. */
const withoutMoment = (body: string): string =>
  body.replace(/^(\{"kind":"\w+List","apiVersion":"[^"]+","metadata":\{"resourceVersion":")\d+/, '$1…')

/** Denies what has a label, and says what is in it. */
const QUOTING = {
  metadata: { name: 'quoting' },
  spec: {
    matchConstraints: {
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['secrets'] }],
    },
    validations: [
      {
        expression: "!has(object.metadata.labels) || !('quote' in object.metadata.labels)",
        messageExpression: "'it is ' + string(object.data['password'])",
      },
    ],
  },
}

const THING = {
  metadata: { name: 'things.leak.example.com' },
  spec: {
    group: 'leak.example.com',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        selectableFields: [{ jsonPath: '.spec.token' }],
        additionalPrinterColumns: [
          { name: 'Token', type: 'string', jsonPath: '.spec.token' },
          { name: 'Mail', type: 'string', jsonPath: '.spec.mail' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  token: { type: 'string' },
                  mail: { type: 'string' },
                  mode: { type: 'string', enum: ['x', 'y'] },
                  fixed: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
                  objects: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
                },
              },
            },
          },
        },
      },
    ],
  },
}

const configMap = (name: string, more: object, metadata: object = {}): readonly [string, object] => [
  `${NS}/configmaps`,
  { metadata: { name, ...metadata }, ...more },
]

/** Of no pods. */
const SET = {
  replicas: 0,
  selector: { matchLabels: { app: 'leak', token: VALUE } },
  template: {
    metadata: { labels: { app: 'leak', token: VALUE } },
    spec: { containers: [{ name: 'a', image: 'registry.test/a' }] },
  },
}

const OBJECTS: readonly (readonly [string, object])[] = [
  secret('leak'),
  [
    '/apis/storage.k8s.io/v1/storageclasses',
    { metadata: { name: 'leak' }, provisioner: 'leak.example.com/disks', parameters: { key: VALUE } },
  ],
  ['/apis/apps/v1/namespaces/dev/statefulsets', { metadata: { name: 'leak' }, spec: { ...SET, serviceName: VALUE } }],
  ['/apis/apps/v1/namespaces/dev/deployments', { metadata: { name: 'leak' }, spec: SET }],
  [
    `${NS}/events`,
    { metadata: { name: 'leak' }, involvedObject: { kind: 'Pod', namespace: 'dev', name: 'leak' }, message: VALUE },
  ],
  [`${NS}/secrets`, { metadata: { name: 'leak-mail' }, stringData: { a: `mail ${MAIL}` } }],
  configMap('leak', { data: { password: VALUE } }),
  configMap('leak-binary', { binaryData: { a: ENCODED } }),
  configMap('leak-copy', {
    data: { password: JSON.stringify({ kind: 'Secret', apiVersion: 'v1', data: { a: ENCODED } }) },
  }),
  configMap(
    'leak-annotation',
    { data: {} },
    { annotations: { copy: JSON.stringify({ kind: 'Secret', apiVersion: 'v1', data: { a: ENCODED } }) } },
  ),
  configMap('leak-mail', { data: { a: `to ${MAIL}, please` } }),
  [
    `${NS}/pods`,
    {
      metadata: { name: 'leak' },
      spec: { containers: [{ name: 'a', image: 'registry.test/a', env: [{ name: 'P', value: VALUE }] }] },
    },
  ],
  [`${NS}/serviceaccounts`, { metadata: { name: 'leak', annotations: { 'example.com/token': VALUE } } }],
  [
    `${NS}/services`,
    {
      metadata: { name: 'leak', labels: { token: VALUE } },
      spec: { type: 'ExternalName', externalName: `${VALUE}.example.com` },
    },
  ],
  [
    `${NS}/services`,
    { metadata: { name: 'leak-host' }, spec: { type: 'ExternalName', externalName: `${VALUE}.example.com` } },
  ],
]
