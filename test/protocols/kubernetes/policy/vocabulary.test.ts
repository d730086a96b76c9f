import { describe, expect, it } from 'vitest'
import { factsOf } from '../../../../src/protocols/kubernetes/facts/facts-of.ts'
import { kubernetesKinds, kindsNamedInFull } from '../../../../src/protocols/kubernetes/policy/kinds.ts'
import { kubernetesRuleSets } from '../../../../src/protocols/kubernetes/policy/rule-sets.ts'
import { kubernetesVocabulary } from '../../../../src/protocols/kubernetes/policy/vocabulary.ts'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'
import { readBody } from '../../../../src/protocols/kubernetes/request/read-body.ts'
import type { StatementMatch } from '../../../../src/policy/policy.ts'
import { PolicyLanguage } from '../../../../src/policy/language.ts'
import { policySchemas } from '../../../../src/policy/parse-policy.ts'
import { decideCommand } from '../../../../src/policy/decide.ts'

const language = new PolicyLanguage({
  kubernetes: { vocabulary: kubernetesVocabulary, kinds: kubernetesKinds, ruleSets: kubernetesRuleSets },
})
const { policyShape, toPolicy } = policySchemas(language)

function factsFor(line: string, body: unknown, type = 'application/json') {
  const [method = '', target = ''] = line.split(' ')
  const request = readApiRequest(method, target)
  if ('failure' in request) throw new Error(request.failure)
  return factsOf(request, readBody(type, Buffer.from(body === undefined ? '' : JSON.stringify(body))))
}

function judge(rules: readonly object[], line: string, body?: unknown, type?: string): string {
  const commands = policyShape.commands.parse(rules)
  const policy = toPolicy({ access: [], commands, masking: [] })
  const person = { id: 'a', kind: 'person', label: 'a', groups: ['dev'] } as const
  const target = { name: 'k', type: 'kubernetes', labels: {} }
  const facts = factsFor(line, body, type)
  return decideCommand(policy, person, target, {
    protocol: 'kubernetes',
    kind: 'statement',
    text: line,
    parameters: [],
    facts,
  }).type
}

const hold = { approvers: { groups: ['sre'] } }
const POD = '/api/v1/namespaces/dev/pods/web'
const allow = (match: StatementMatch): object => ({ name: 'r', match, allow: true })
const privileged = { spec: { hostNetwork: true } }

describe('events, which two groups show', () => {
  const everything = { name: 'all', match: { resources: ['*'] }, allow: true }
  it.each([
    ['events', 'GET /apis/events.k8s.io/v1/namespaces/dev/events', 'deny'],
    ['events.events.k8s.io', 'GET /api/v1/namespaces/dev/events', 'deny'],
    ['*.events.k8s.io', 'GET /api/v1/events', 'deny'],
    ['events', 'GET /apis/example.com/v1/namespaces/dev/events', 'allow'],
    ['events', 'GET /api/v1/namespaces/dev/pods', 'allow'],
  ])('are one for a rule that denies %s: %s', (resource, line, verdict) => {
    const rules = [
      { name: 'no', match: { resources: [resource] }, deny: 'no' },
      { ...everything, match: { resources: ['*', 'events.example.com'] } },
    ]
    expect(judge(rules, line)).toBe(verdict)
  })

  it('are two for a rule that allows them', () => {
    const rules = [allow({ kinds: ['list'], resources: ['events'] })]
    expect(judge(rules, 'GET /api/v1/namespaces/dev/events')).toBe('allow')
    expect(judge(rules, 'GET /apis/events.k8s.io/v1/namespaces/dev/events')).toBe('deny')
  })
})

describe('an object that could not be read in full', () => {
  const everything = { name: 'all', match: { unknown: true }, allow: true }
  const strange = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'web' }, spec: { noSuchField: true } }
  it.each<[StatementMatch, string]>([
    [{ images: ['docker.io/*'] }, 'deny'],
    [{ settings: ['host-network'] }, 'deny'],
    [{ kinds: ['privileged-pod'] }, 'deny'],
    [{ kinds: ['privileged-pod'], namespaces: ['prod'] }, 'allow'],
    [{ kinds: ['exec'] }, 'allow'],
  ])('may say what a rule refuses: %j', (match, verdict) => {
    expect(judge([{ name: 'no', match, deny: 'no' }, everything], 'POST /api/v1/namespaces/dev/pods', strange)).toBe(
      verdict,
    )
  })

  it.each([
    ['/api/v1/nodes/n1', 'evict', 'deny'],
    ['/api/v1/nodes/n1', 'delete', 'allow'],
    ['/apis/batch/v1/namespaces/dev/jobs/x', 'delete', 'deny'],
    ['/apis/resource.k8s.io/v1/resourceslices/x', 'evict', 'deny'],
    ['/api/v1/namespaces/dev/configmaps/x', 'evict', 'allow'],
    ['/api/v1/namespaces/dev/configmaps/x', 'delete', 'allow'],
  ])('may end what is there, where it can: %s, %s', (path, kind, verdict) => {
    const copy = [{ op: 'copy', from: '/metadata/name', path: '/metadata/labels/x' }]
    const rules = [{ name: 'no', match: { kinds: [kind] }, deny: 'no' }, everything]
    expect(judge(rules, `PATCH ${path}`, copy, 'application/json-patch+json')).toBe(verdict)
  })

  it('may say what a rule holds, or asks about', () => {
    const held = { name: 'h', match: { kinds: ['create'], images: ['docker.io/*'] }, hold }
    expect(judge([held, everything], 'POST /api/v1/namespaces/dev/pods', strange)).toBe('hold')
    const odd = { name: 'no', match: {}, when: "statement.images.exists(i, i == 'x')", deny: 'no' }
    expect(judge([odd, everything], 'POST /api/v1/namespaces/dev/pods', strange)).toBe('deny')
  })

  it('is not what is asked for where only the request is odd', () => {
    const no = { name: 'no', match: { images: ['docker.io/*'] }, deny: 'no' }
    expect(judge([no, everything], `GET ${POD}?noSuchParameter=1`)).toBe('allow')
  })
})

describe('rules for Kubernetes', () => {
  it.each<[string, StatementMatch, string, string, unknown?]>([
    [
      'names the verb and the place',
      { kinds: ['get'], resources: ['pods'], namespaces: ['dev'] },
      `GET ${POD}`,
      'allow',
    ],
    [
      'is not about another namespace',
      { kinds: ['get'], namespaces: ['dev'] },
      'GET /api/v1/namespaces/prod/pods/x',
      'deny',
    ],
    ['is not about all namespaces', { kinds: ['list'], namespaces: ['dev'] }, 'GET /api/v1/pods', 'deny'],
    ['is about all namespaces with *', { kinds: ['list'], namespaces: ['*'] }, 'GET /api/v1/pods', 'allow'],
    ['is not about what is in no namespace', { kinds: ['list'], namespaces: ['dev'] }, 'GET /api/v1/nodes', 'deny'],
    [
      'is not about any object of a list',
      { kinds: ['list'], objects: ['web'] },
      'GET /api/v1/namespaces/dev/pods',
      'deny',
    ],
    [
      'is about a list of one by selector',
      { kinds: ['list'], objects: ['web'] },
      'GET /api/v1/namespaces/dev/pods?fieldSelector=metadata.name=web',
      'allow',
    ],
    [
      'a group is part of the name',
      { kinds: ['get'], resources: ['pods'] },
      'GET /apis/metrics.k8s.io/v1beta1/namespaces/dev/pods/x',
      'deny',
    ],
    ['a resource stands for its subresources', { kinds: ['get'], resources: ['pods'] }, `GET ${POD}/status`, 'allow'],
    [
      'a subresource does not stand for its resource',
      { kinds: ['get'], resources: ['pods/status'] },
      `GET ${POD}`,
      'deny',
    ],
    ['exec needs its name', { kinds: ['*'], resources: ['*'] }, `POST ${POD}/exec?command=id`, 'deny'],
    ['exec with its name', { kinds: ['exec'], resources: ['*'] }, `POST ${POD}/exec?command=id`, 'allow'],
    ['exec is not create', { kinds: ['create', 'get'] }, `GET ${POD}/exec?command=id`, 'deny'],
    ['a privileged pod needs its name', { kinds: ['create'] }, 'POST /api/v1/namespaces/dev/pods', 'deny', privileged],
    [
      'a pattern names no privileged pod',
      { kinds: ['create', 'p*'] },
      'POST /api/v1/namespaces/dev/pods',
      'deny',
      privileged,
    ],
    ['no kinds name no privileged pod', { resources: ['*'] }, 'POST /api/v1/namespaces/dev/pods', 'deny', privileged],
    [
      'a privileged pod with its name',
      { kinds: ['create', 'privileged-pod'] },
      'POST /api/v1/namespaces/dev/pods',
      'allow',
      privileged,
    ],
    [
      'scale to zero needs its name',
      { kinds: ['update'] },
      'PUT /apis/apps/v1/namespaces/dev/deployments/x',
      'deny',
      { spec: { replicas: 0 } },
    ],
    ['what is unknown is denied', { kinds: ['get'] }, `GET ${POD}?x=1`, 'deny'],
    ['what is unknown is allowed by name', { kinds: ['get'], unknown: true }, `GET ${POD}?x=1`, 'allow'],
    ['a custom resource needs its name', { kinds: ['get'], resources: ['*'] }, 'GET /apis/a.io/v1/things/x', 'deny'],
    [
      'a custom resource with its name',
      { kinds: ['get'], resources: ['things.a.io'] },
      'GET /apis/a.io/v1/things/x',
      'allow',
    ],
    [
      'a custom resource with its group',
      { kinds: ['get'], resources: ['*.a.io'] },
      'GET /apis/a.io/v1/things/x',
      'allow',
    ],
    ['dry runs alone', { kinds: ['delete'], dryRun: true }, `DELETE ${POD}`, 'deny'],
    ['dry runs', { kinds: ['delete'], dryRun: true }, `DELETE ${POD}?dryRun=All`, 'allow'],
    [
      'images',
      { kinds: ['create'], images: ['registry.example.com/*'] },
      'POST /api/v1/namespaces/dev/pods',
      'allow',
      { spec: { containers: [{ image: 'registry.example.com/a' }] } },
    ],
    [
      'every image',
      { kinds: ['create'], images: ['registry.example.com/*'] },
      'POST /api/v1/namespaces/dev/pods',
      'deny',
      { spec: { containers: [{ image: 'registry.example.com/a' }, { image: 'b' }] } },
    ],
  ])('%s', (_, match, line, verdict, body) => {
    expect(judge([allow(match)], line, body)).toBe(verdict)
  })

  it.each<[string, StatementMatch, string, string, unknown?]>([
    ['a list of all namespaces', { namespaces: ['kube-*'] }, 'GET /api/v1/pods', 'deny'],
    ['nodes are in no namespace', { namespaces: ['kube-*'] }, 'GET /api/v1/nodes', 'allow'],
    [
      'Secrets in a namespace that is deleted',
      { kinds: ['delete'], resources: ['secrets'] },
      'DELETE /api/v1/namespaces/dev',
      'deny',
    ],
    ['any object of a list', { objects: ['web'] }, 'GET /api/v1/namespaces/dev/pods', 'deny'],
    [
      'one image of several',
      { images: ['*:latest'] },
      'POST /api/v1/namespaces/dev/pods',
      'deny',
      { spec: { containers: [{ image: 'a' }, { image: 'b:latest' }] } },
    ],
    ['unknown alone', { unknown: true }, `GET ${POD}`, 'allow'],
  ])('a rule that refuses: %s', (_, match, line, verdict, body) => {
    expect(
      judge([{ name: 'd', match, deny: 'no' }, allow({ kinds: [...kubernetesKinds], unknown: true })], line, body),
    ).toBe(verdict)
  })

  it('says what is wrong with patterns', () => {
    for (const match of [
      { resources: ['deployments'] },
      { resources: ['Pods'] },
      { resources: ['things'] },
      { namespaces: ['Dev'] },
      { settings: ['x'] },
      { kinds: ['exe'] },
    ])
      expect(policyShape.commands.safeParse([allow(match)]).success).toBe(false)
  })

  it('has every kind of those that are named in full', () => {
    expect([...kindsNamedInFull].filter((kind) => !kubernetesKinds.includes(kind))).toEqual([])
  })
})

describe('ready-made sets', () => {
  const everyday = [{ use: 'everyday' }]
  const all = allow({ kinds: [...kubernetesKinds], unknown: true })
  const withSecret = { spec: { containers: [{ image: 'a', envFrom: [{ secretRef: { name: 's' } }] }] } }
  it.each<[string, readonly object[], string, string, unknown?, string?]>([
    ['everyday', everyday, `GET ${POD}`, 'allow'],
    ['everyday', everyday, `GET ${POD}/log`, 'allow'],
    ['everyday', everyday, 'GET /api/v1/nodes', 'allow'],
    ['everyday', everyday, 'GET /api/v1/namespaces/dev/secrets', 'deny'],
    ['everyday', everyday, 'GET /api/v1/namespaces/dev/secrets/x?watch=1', 'deny'],
    ['everyday', everyday, `DELETE ${POD}`, 'allow'],
    ['everyday', everyday, `POST ${POD}/exec?command=id`, 'deny'],
    ['everyday', everyday, 'DELETE /api/v1/namespaces/dev', 'deny'],
    ['everyday', everyday, 'POST /api/v1/namespaces/dev/pods', 'deny', privileged],
    ['everyday', everyday, `PATCH ${POD}/status`, 'deny', { status: {} }, 'application/merge-patch+json'],
    ['everyday', everyday, `PATCH ${POD}`, 'allow', { status: {} }, 'application/merge-patch+json'],
    ['everyday', everyday, 'GET /apis/apps/v1/namespaces/dev/controllerrevisions', 'allow'],
    ['everyday', everyday, 'DELETE /apis/apps/v1/namespaces/dev/controllerrevisions/x', 'deny'],
    ['everyday', everyday, 'POST /api/v1/namespaces/dev/endpoints', 'deny', {}],
    [
      'everyday',
      everyday,
      'PATCH /apis/discovery.k8s.io/v1/namespaces/dev/endpointslices/x',
      'deny',
      {},
      'application/merge-patch+json',
    ],
    [
      'everyday',
      everyday,
      'PATCH /apis/apps/v1/namespaces/dev/deployments/x?fieldManager=a',
      'allow',
      { spec: { replicas: 2 } },
      'application/apply-patch+yaml',
    ],
    ['everyday', everyday, 'POST /apis/rbac.authorization.k8s.io/v1/namespaces/dev/roles', 'deny', {}],
    ['everyday', everyday, 'GET /apis/metrics.k8s.io/v1beta1/nodes', 'allow'],
    ['everyday', everyday, 'GET /metrics', 'deny'],
    ['read-only', [{ use: 'read-only' }, all], `DELETE ${POD}`, 'deny'],
    ['read-only', [{ use: 'read-only' }, all], `GET ${POD}/exec?command=id`, 'deny'],
    ['read-only', [{ use: 'read-only' }, all], `DELETE ${POD}?dryRun=All`, 'allow'],
    ['read-only', [{ use: 'read-only' }, all], `DELETE ${POD}?dryRun=All`, 'deny', {}],
    ['read-only', [{ use: 'read-only' }, all], `GET ${POD}`, 'allow'],
    ['no-secrets', [{ use: 'no-secrets' }, all], 'GET /api/v1/secrets', 'deny'],
    ['no-secrets', [{ use: 'no-secrets' }, all], 'GET /api/v1/watch/namespaces/dev/secrets/x', 'deny'],
    ['no-secrets', [{ use: 'no-secrets' }, all], 'POST /api/v1/namespaces/dev/pods', 'deny', withSecret],
    [
      'no-privileged-pods',
      [{ use: 'no-privileged-pods' }, all],
      'POST /api/v1/namespaces/dev/pods',
      'deny',
      privileged,
    ],
    [
      'no-privileged-pods',
      [{ use: 'no-privileged-pods' }, all],
      'POST /api/v1/namespaces/dev/pods',
      'allow',
      withSecret,
    ],
    [
      'no-privileged-pods',
      [{ use: 'no-privileged-pods' }, all],
      `PATCH ${POD}/ephemeralcontainers`,
      'deny',
      { spec: {} },
      'application/merge-patch+json',
    ],
    [
      'no-rbac-change',
      [{ use: 'no-rbac-change' }, all],
      'DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/x',
      'deny',
    ],
    [
      'no-rbac-change',
      [{ use: 'no-rbac-change' }, all],
      'POST /api/v1/namespaces/dev/serviceaccounts/x/token',
      'deny',
      { spec: {} },
    ],
    ['no-shells', [{ use: 'no-shells' }, all], `GET ${POD}/attach`, 'deny'],
    ['deletes-need-approval', [{ use: 'deletes-need-approval', hold }, all], `DELETE ${POD}`, 'hold'],
    [
      'deletes-need-approval',
      [{ use: 'deletes-need-approval', hold }, all],
      'DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/x',
      'hold',
    ],
    [
      'deletes-need-approval',
      [{ use: 'deletes-need-approval', hold }, all],
      `POST ${POD}/eviction`,
      'hold',
      { metadata: { name: 'web' } },
    ],
    [
      'deletes-need-approval',
      [{ use: 'deletes-need-approval', hold }, all],
      'PATCH /apis/apps/v1/namespaces/dev/deployments/x/scale',
      'hold',
      { spec: { replicas: 0 } },
      'application/merge-patch+json',
    ],
    [
      'deletes-need-approval',
      [{ use: 'deletes-need-approval', hold }, all],
      `PATCH ${POD}`,
      'hold',
      { metadata: { ownerReferences: [{ uid: 'x' }] } },
      'application/merge-patch+json',
    ],
    ['deletes-need-approval', [{ use: 'deletes-need-approval', hold }, all], `GET ${POD}`, 'allow'],
  ])('%s %j %s %s', (_, rules, line, verdict, body, type) => {
    expect(judge(rules, line, body, type)).toBe(verdict)
  })
})
