import { describe, expect, it } from 'vitest'
import { factsOf } from '../../../../src/protocols/kubernetes/facts/facts-of.ts'
import type { KubernetesStatement } from '../../../../src/protocols/kubernetes/facts/kubernetes-statement.ts'
import { kubernetesKinds } from '../../../../src/protocols/kubernetes/policy/kinds.ts'
import { SETTINGS } from '../../../../src/protocols/kubernetes/policy/settings.ts'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'
import { readBody } from '../../../../src/protocols/kubernetes/request/read-body.ts'

const TYPES = {
  json: 'application/json',
  yaml: 'application/yaml',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  'json-patch': 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
  cbor: 'application/cbor',
} as const

function facts(line: string, body?: unknown, type: keyof typeof TYPES = 'json'): KubernetesStatement {
  const [method = '', target = ''] = line.split(' ')
  const request = readApiRequest(method, target)
  if ('failure' in request) throw new Error(request.failure)
  const bytes = Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body))
  const [statement] = factsOf(request, readBody(TYPES[type], bytes)).statements
  expect(statement?.kinds.every((kind) => kubernetesKinds.includes(kind))).toBe(true)
  expect(statement?.settings.every((setting) => (SETTINGS as readonly string[]).includes(setting))).toBe(true)
  return statement as KubernetesStatement
}

const PODS = '/api/v1/namespaces/dev/pods'
const POD = `${PODS}/web`
const DEPLOYMENTS = '/apis/apps/v1/namespaces/dev/deployments'
const DEPLOYMENT = `${DEPLOYMENTS}/web`
const NODE = '/api/v1/nodes/n1'
const JOB = '/apis/batch/v1/namespaces/dev/jobs/x'
const container = (more: object): object => ({ containers: [{ name: 'a', image: 'nginx', ...more }] })
const pod = (spec: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec })

describe('what a request is', () => {
  it.each([
    ['GET /api/v1/pods', 'list', 'reads */pods/*'],
    ['GET /api/v1/nodes', 'list', 'reads /nodes/*'],
    [`GET ${POD}`, 'get', 'reads dev/pods/web'],
    [`GET ${PODS}?watch`, 'watch', 'reads dev/pods/*'],
    [`GET ${POD}/log?follow=true`, 'log', 'reads dev/pods/web'],
    [`GET ${POD}/exec?command=sh`, 'exec', 'writes dev/pods/web'],
    [`POST ${POD}/exec?command=sh`, 'exec', 'writes dev/pods/web'],
    [`GET ${POD}/attach`, 'attach', 'writes dev/pods/web'],
    [`POST ${POD}/portforward`, 'port-forward', 'writes dev/pods/web'],
    [`GET ${POD}/proxy/x`, 'proxy', 'writes dev/pods/web'],
    ['GET /api/v1/nodes/n1/proxy/run/dev/web/a?cmd=id', 'proxy', 'writes /nodes/n1'],
    ['DELETE /api/v1/namespaces/dev/services/https:web:/proxy/x/', 'proxy', 'writes dev/services/https:web:'],
    [`DELETE ${POD}`, 'delete', 'writes dev/pods/web'],
    [`DELETE ${PODS}`, 'deletecollection', 'writes dev/pods/*'],
    ['DELETE /api/v1/namespaces/dev', 'delete,delete-namespace', 'writes /namespaces/dev dev/*/*'],
    ['GET /apis/metrics.k8s.io/v1beta1/nodes', 'list', 'reads /nodes.metrics.k8s.io/*'],
    ['GET /healthz', 'health', ''],
    ['GET /readyz?verbose', 'health', ''],
    ['GET /openapi/v3/apis/apps/v1?hash=1', 'openapi', ''],
    ['GET /metrics', 'metrics', ''],
    ['GET /logs/kube-apiserver.log', 'server-logs', ''],
    ['GET /debug/pprof/heap', 'server-debug', ''],
    ['GET /apis/apps/v1', 'discovery', ''],
    ['GET /', 'discovery', ''],
    ['GET /openid/v1/jwks', 'discovery', ''],
  ])('%s', (line, kinds, effect) => {
    const { reads, writes, unknown, opaque, ...statement } = facts(line)
    expect(statement.kinds.join(',')).toBe(kinds)
    const found = [
      reads.length > 0 ? `reads ${reads.join(' ')}` : '',
      writes.length > 0 ? `writes ${writes.join(' ')}` : '',
    ]
    expect(found.join('')).toBe(effect)
    expect([...unknown, ...opaque]).toEqual([])
  })

  it.each([
    [
      `POST ${POD}/eviction`,
      { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web', namespace: 'dev' } },
      'evict',
    ],
    [
      'POST /api/v1/namespaces/dev/serviceaccounts/default/token',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [] } },
      'token-request',
    ],
    [
      'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: {} },
      'self-review',
    ],
    ['POST /apis/authorization.k8s.io/v1/subjectaccessreviews', { spec: { user: 'x' } }, 'access-review'],
    ['POST /apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'x' } }, 'access-review'],
    [
      'POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      { metadata: { name: 'x' }, roleRef: { kind: 'ClusterRole', name: 'cluster-admin' } },
      'create,rbac-change',
    ],
    [
      'POST /apis/certificates.k8s.io/v1/certificatesigningrequests',
      { metadata: { name: 'x' }, spec: { request: '' } },
      'create,certificate',
    ],
    [
      'PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval',
      { metadata: { name: 'x' } },
      'update,certificate',
    ],
    [
      'POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      { kind: 'CustomResourceDefinition', metadata: { name: 'x' }, spec: { any: 1 } },
      'create,api-change',
    ],
    ['POST /apis/apiregistration.k8s.io/v1/apiservices', { metadata: { name: 'x' } }, 'create,api-change'],
    [
      'POST /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
      { metadata: { name: 'x' } },
      'create,admission-change',
    ],
    [
      `PUT /api/v1/namespaces/dev/finalize`,
      { metadata: { name: 'dev' }, spec: { finalizers: [] } },
      'update,finalize,admission-change',
    ],
    [`POST ${POD}/binding`, { target: { kind: 'Node', name: 'n1' } }, 'bind'],
  ])('%s %j', (line, body, kinds) => {
    const statement = facts(line, body)
    expect(statement.kinds.join(',')).toBe(kinds)
    expect(statement.unknown).toEqual([])
  })

  it('counts a dry run where the server does', () => {
    expect(facts(`DELETE ${POD}?dryRun=All`).dryRun).toBe(true)
    expect(facts(`DELETE ${POD}?dryRun=All`, {}).dryRun).toBe(false)
    expect(facts(`DELETE ${POD}?dryRun=All`, { gracePeriodSeconds: 0 }).dryRun).toBe(false)
    expect(facts(`DELETE ${POD}`, { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }).dryRun).toBe(true)
    expect(facts(`POST ${PODS}?dryRun=All`, pod(container({}))).dryRun).toBe(true)
    expect(facts(`GET ${POD}/exec?command=x&dryRun=All`)).toMatchObject({
      dryRun: false,
      unknown: [expect.any(String)],
    })
    const token = facts('POST /api/v1/namespaces/dev/serviceaccounts/a/token?dryRun=All', { spec: {} })
    expect(token.dryRun).toBe(false)
    expect(facts('DELETE /apis/example.com/v1/namespaces/dev/things/x?dryRun=All').dryRun).toBe(false)
  })
})

describe('what a body asks for', () => {
  it.each<[string, object]>([
    ['privileged', container({ securityContext: { privileged: true } })],
    ['privileged', { initContainers: [{ name: 'a', securityContext: { privileged: true } }] }],
    ['privileged', { ephemeralContainers: [{ name: 'a', securityContext: { privileged: true } }] }],
    ['host-network', { hostNetwork: true }],
    ['host-pid', { hostPID: true }],
    ['host-ipc', { hostIPC: true }],
    ['host-path', { volumes: [{ name: 'a', hostPath: { path: '/' } }] }],
    ['host-path', { volumes: [{ name: 'a', hostPath: {} }] }],
    ['host-port', container({ ports: [{ containerPort: 1, hostPort: 1 }] })],
    ['host-process', { securityContext: { windowsOptions: { hostProcess: true } } }],
    ['capabilities', container({ securityContext: { capabilities: { add: ['KILL', 'SYS_ADMIN'] } } })],
    ['capabilities', container({ securityContext: { capabilities: { add: ['ALL'] } } })],
    ['proc-mount', container({ securityContext: { procMount: 'Unmasked' } })],
    ['unconfined', { securityContext: { seccompProfile: { type: 'Unconfined' } } }],
    ['unconfined', container({ securityContext: { appArmorProfile: { type: 'Unconfined' } } })],
    ['selinux', { securityContext: { seLinuxOptions: { type: 'spc_t' } } }],
    ['sysctls', { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }],
    ['node-name', { nodeName: 'n1' }],
    ['system-priority', { priorityClassName: 'system-node-critical' }],
  ])('a pod with %s %j', (setting, spec) => {
    for (const statement of [
      facts(`POST ${PODS}`, pod(spec)),
      facts(`PUT ${POD}`, pod(spec)),
      facts(`PATCH ${POD}`, { spec }, 'merge'),
      facts(`PATCH ${POD}`, { spec }, 'strategic'),
      facts(`PATCH ${POD}`, { spec }, 'apply'),
      facts(`PATCH ${POD}`, [{ op: 'replace', path: '/spec', value: spec }], 'json-patch'),
      facts(`PATCH ${POD}`, [{ op: 'add', path: '', value: pod(spec) }], 'json-patch'),
      facts(`POST ${DEPLOYMENTS}`, { spec: { template: { spec } } }),
      facts(`PATCH ${DEPLOYMENT}`, { spec: { template: { spec } } }, 'strategic'),
      facts('POST /apis/batch/v1/namespaces/dev/cronjobs', { spec: { jobTemplate: { spec: { template: { spec } } } } }),
      facts('POST /api/v1/namespaces/dev/podtemplates', { template: { spec } }),
      facts('POST /api/v1/namespaces/dev/replicationcontrollers', { spec: { template: { spec } } }),
      facts('PUT /apis/apps/v1/namespaces/dev/daemonsets/x', { spec: { template: { spec } } }),
    ]) {
      expect(statement.unknown).toEqual([])
      expect(statement.settings).toContain(setting)
      expect(statement.kinds).toContain('privileged-pod')
    }
  })

  it.each([
    ['service-account', { serviceAccountName: 'admin' }],
    ['service-account', { serviceAccount: 'admin' }],
    ['pod-secrets', { volumes: [{ name: 'a', secret: { secretName: 's' } }] }],
    ['pod-secrets', { volumes: [{ name: 'a', projected: { sources: [{ secret: { name: 's' } }] } }] }],
    ['pod-secrets', container({ envFrom: [{ secretRef: { name: 's' } }] })],
    ['pod-secrets', container({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] })],
    [
      'service-account-token',
      { volumes: [{ name: 'a', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
    ],
    [
      'pod-certificate',
      {
        volumes: [
          { name: 'a', projected: { sources: [{ podCertificate: { signerName: 'a/b', keyType: 'ED25519' } }] } },
        ],
      },
    ],
    ['root-user', { securityContext: { runAsUser: 0 } }],
    ['privilege-escalation', container({ securityContext: { allowPrivilegeEscalation: true } })],
    ['probe-host', container({ livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } })],
    ['runtime-class', { runtimeClassName: 'x' }],
  ])('a pod with %s, which is not privileged', (setting, spec) => {
    const statement = facts(`POST ${PODS}`, pod(spec))
    expect(statement.settings).toContain(setting)
    expect(statement.kinds).toEqual(['create'])
    expect(statement.unknown).toEqual([])
  })

  it.each<[string, unknown, keyof typeof TYPES | undefined]>([
    ['POST /api/v1/namespaces/dev/services', { spec: { externalIPs: ['10.0.0.1'] } }, undefined],
    ['PATCH /api/v1/namespaces/dev/services/web', { spec: { externalIPs: ['10.0.0.1'] } }, 'apply'],
    [
      'PATCH /api/v1/namespaces/dev/services/web',
      [{ op: 'add', path: '/spec/externalIPs/0', value: '10.0.0.1' }],
      'json-patch',
    ],
    [
      'PATCH /api/v1/namespaces/dev/services/web/status',
      { status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } } },
      'merge',
    ],
  ])('%s leads traffic of other addresses to a service', (line, body, type) => {
    const statement = facts(line, body, type)
    expect(statement.settings).toEqual(['external-ips'])
    expect(statement.unknown).toEqual([])
  })

  it('sees claims of devices that others use', () => {
    const spec = { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'gpu', adminAccess: true } }] } }
    const group = '/apis/resource.k8s.io/v1/namespaces/dev'
    for (const statement of [
      facts(`POST ${group}/resourceclaims`, { metadata: { name: 'x' }, spec }),
      facts(`POST ${group}/resourceclaimtemplates`, { metadata: { name: 'x' }, spec: { spec } }),
      facts(`PATCH ${group}/resourceclaims/x`, { spec }, 'merge'),
    ])
      expect(statement).toMatchObject({ settings: ['device-admin'], unknown: [] })
  })

  it('does not take for a plain deletion what skips finalizers', () => {
    const options = { kind: 'DeleteOptions', ignoreStoreReadErrorWithClusterBreakingPotential: true }
    expect(facts(`DELETE ${POD}`, options).unknown).not.toEqual([])
    expect(facts(`DELETE ${POD}?ignoreStoreReadErrorWithClusterBreakingPotential=true`).unknown).not.toEqual([])
    expect(facts(`POST ${POD}/eviction`, { metadata: { name: 'web' }, deleteOptions: options }).unknown).not.toEqual([])
  })

  it('has nothing to say of an ordinary pod', () => {
    const spec = container({
      securityContext: {
        privileged: false,
        capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
        procMount: 'Default',
      },
      ports: [{ containerPort: 80, hostPort: 0 }],
    })
    const statement = facts(
      `POST ${PODS}`,
      pod({ ...spec, hostNetwork: false, serviceAccountName: 'default', nodeName: '' }),
    )
    expect(statement).toMatchObject({ kinds: ['create'], settings: [], images: ['nginx'], unknown: [], name: 'web' })
  })

  it.each<[string, unknown, keyof typeof TYPES]>([
    [`PATCH ${DEPLOYMENT}/scale`, { spec: { replicas: 0 } }, 'merge'],
    [`PATCH ${DEPLOYMENT}/scale`, { spec: { replicas: null } }, 'merge'],
    [`PATCH ${DEPLOYMENT}/scale`, { spec: null }, 'merge'],
    [`PATCH ${DEPLOYMENT}/scale`, { spec: { $patch: 'replace' } }, 'strategic'],
    [`PATCH ${DEPLOYMENT}/scale`, { spec: { $patch: 'delete' } }, 'strategic'],
    [`PATCH ${DEPLOYMENT}/scale`, { spec: { $retainKeys: ['none'] } }, 'strategic'],
    [`PATCH ${DEPLOYMENT}/scale`, { $retainKeys: ['metadata'], metadata: { name: 'web' } }, 'strategic'],
    [`PATCH ${DEPLOYMENT}/scale`, [{ op: 'remove', path: '/spec/replicas' }], 'json-patch'],
    [`PATCH ${DEPLOYMENT}/scale`, [{ op: 'remove', path: '/spec' }], 'json-patch'],
    [`PATCH ${DEPLOYMENT}/scale`, [{ op: 'replace', path: '/spec', value: {} }], 'json-patch'],
    [`PATCH ${DEPLOYMENT}/scale`, [{ op: 'replace', path: '/spec/replicas', value: 0 }], 'json-patch'],
    [
      `PUT ${DEPLOYMENT}/scale`,
      { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: {} },
      'json',
    ],
    [`PUT ${DEPLOYMENT}/scale`, { spec: { replicas: 0 } }, 'json'],
    [`PATCH ${DEPLOYMENT}`, { spec: { replicas: 0 } }, 'strategic'],
    [`PATCH ${DEPLOYMENT}`, 'spec:\n  replicas: 0\n', 'apply'],
    [`PUT ${DEPLOYMENT}`, { spec: { replicas: 0 } }, 'json'],
    ['PATCH /apis/autoscaling/v2/namespaces/dev/horizontalpodautoscalers/x', { spec: { minReplicas: 0 } }, 'merge'],
    ['PATCH /apis/batch/v1/namespaces/dev/jobs/x', { spec: { suspend: true } }, 'merge'],
  ])('%s %j scales to zero', (line, body, type) => {
    expect(facts(line, body, type)).toMatchObject({ kinds: expect.arrayContaining(['scale-to-zero']), unknown: [] })
  })

  it.each<[string, unknown, keyof typeof TYPES, string]>([
    [`PATCH ${NODE}`, { spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } }, 'strategic', 'patch,evict'],
    [`PATCH ${NODE}`, { spec: { taints: [{ key: 'a', value: 'other' }] } }, 'strategic', 'patch,evict'],
    [`PATCH ${NODE}`, { spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } }, 'merge', 'patch,evict'],
    [`PATCH ${NODE}`, 'spec: { taints: [{ key: a, effect: NoExecute }] }', 'apply', 'patch,create,evict'],
    [`PUT ${NODE}`, { spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } }, 'json', 'update,evict'],
    ...['/spec/taints/0/effect', '/spec/taints/0/key', '/spec/taints/0/value'].map(
      (path): [string, unknown, keyof typeof TYPES, string] => [
        `PATCH ${NODE}`,
        [{ op: 'replace', path, value: 'NoExecute' }],
        'json-patch',
        'patch,evict',
      ],
    ),
    [
      `PATCH ${NODE}`,
      [{ op: 'add', path: '/spec/taints/-', value: { key: 'a', effect: 'NoExecute' } }],
      'json-patch',
      'patch,evict',
    ],
    [
      'POST /apis/resource.k8s.io/v1/resourceslices',
      { spec: { devices: [{ name: 'd', taints: [{ key: 'a', effect: 'NoExecute' }] }] } },
      'json',
      'create,evict',
    ],
    [`PATCH ${POD}`, { spec: { activeDeadlineSeconds: 1 } }, 'merge', 'patch,evict'],
    [`PATCH ${POD}`, { spec: { tolerations: [{ key: 'a', tolerationSeconds: 0 }] } }, 'strategic', 'patch,evict'],
    [`PUT ${POD}`, pod({ ...container({}), activeDeadlineSeconds: 1 }), 'json', 'update,evict'],
    [`PATCH ${JOB}`, { spec: { activeDeadlineSeconds: 1 } }, 'merge', 'patch,evict'],
    [`PATCH ${JOB}`, [{ op: 'add', path: '/spec/backoffLimit', value: 0 }], 'json-patch', 'patch,evict'],
    [`PATCH ${JOB}`, { spec: { ttlSecondsAfterFinished: 0 } }, 'merge', 'patch,delete'],
  ])('%s %j ends what is there', (line, body, type, kinds) => {
    expect(facts(line, body, type)).toMatchObject({ kinds: kinds.split(','), unknown: [] })
  })

  it.each<[string, unknown, keyof typeof TYPES, string]>([
    [`PATCH ${NODE}`, { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }, 'strategic', 'patch'],
    [`PATCH ${NODE}`, { spec: { taints: [{ $patch: 'delete', key: 'a' }] } }, 'strategic', 'patch'],
    [`PATCH ${NODE}`, { spec: { taints: null } }, 'merge', 'patch'],
    [`PATCH ${NODE}`, { spec: { unschedulable: true } }, 'strategic', 'patch'],
    [`PATCH ${NODE}`, [{ op: 'remove', path: '/spec/taints/0' }], 'json-patch', 'patch'],
    [`PATCH ${NODE}`, [{ op: 'replace', path: '/spec/taints/0/effect', value: 'NoSchedule' }], 'json-patch', 'patch'],
    [`POST ${PODS}`, pod({ ...container({}), activeDeadlineSeconds: 1 }), 'json', 'create'],
    [
      `PATCH ${DEPLOYMENT}`,
      { spec: { template: { spec: { tolerations: [{ tolerationSeconds: 1 }] } } } },
      'merge',
      'patch',
    ],
    [
      'PATCH /apis/batch/v1/namespaces/dev/cronjobs/x',
      { spec: { jobTemplate: { spec: { backoffLimit: 0 } } } },
      'merge',
      'patch',
    ],
  ])('%s %j ends nothing that is there', (line, body, type, kinds) => {
    expect(facts(line, body, type)).toMatchObject({ kinds: kinds.split(','), unknown: [] })
  })

  it.each<[string, unknown, keyof typeof TYPES, RegExp]>([
    [
      'POST /apis/apps/v1/namespaces/dev/controllerrevisions',
      { revision: 1, data: { spec: { template: { spec: { hostPID: true } } } } },
      'json',
      /revision/,
    ],
    [
      'PATCH /apis/apps/v1/namespaces/dev/controllerrevisions/x',
      [{ op: 'replace', path: '/data/spec', value: {} }],
      'json-patch',
      /revision/,
    ],
    [`POST ${PODS}`, { kind: 'List', apiVersion: 'v1', items: [] }, 'json', /another kind/],
    [`POST ${PODS}`, { kind: 'Deployment', apiVersion: 'apps/v1' }, 'json', /another kind/],
    [`POST ${PODS}`, '{"spec":{"hostNetwork":false},"spec":{"hostNetwork":true}}', 'json', /twice/],
    [`POST ${PODS}`, { metadata: { namespace: 'kube-system' } }, 'json', /another namespace/],
    [`PUT ${POD}`, { metadata: { name: 'other' } }, 'json', /another object/],
    [`POST ${PODS}`, pod({ hostNetworking: true }), 'json', /spec.hostNetworking is not known/],
    [`POST ${PODS}`, pod({ containers: { a: 1 } }), 'json', /not a list/],
    [`POST ${PODS}`, pod({ $patch: 'replace' }), 'json', /\$patch is not known/],
    [`PATCH ${POD}`, { $patch: 'replace', spec: {} }, 'strategic', /whole object/],
    [`PATCH ${POD}`, [{ op: 'copy', from: '/data/x', path: '/metadata/labels/y' }], 'json-patch', /copies/],
    [`PATCH ${POD}`, [{ op: 'move', from: '/data/x', path: '/metadata/labels/y' }], 'json-patch', /copies/],
    [`PATCH ${POD}`, [{ op: 'add', path: '/spec/x/y', value: 1 }], 'json-patch', /spec.x.y is not known/],
    [`PATCH ${POD}`, [{ op: 'ADD', path: '/spec', value: 1 }], 'json-patch', /cannot be read/],
    [`PATCH ${POD}`, { spec: {} }, 'json', /not a patch/],
    [`PUT ${POD}`, { spec: {} }, 'merge', /is a patch/],
    [`POST ${PODS}`, 'a: &x 1\nb: *x', 'yaml', /different ways/],
    [`POST ${PODS}`, 'a: 1\na: 2', 'yaml', /different ways/],
    [`POST ${PODS}`, `a: ${'x'.repeat(70_000)}`, 'yaml', /KiB is not analysed/],
    [`POST ${PODS}`, 'spec: {hostNetwork: yes}', 'yaml', /different ways/],
    [`POST ${PODS}`, 'x', 'cbor', /not supported/],
    [`POST ${PODS}`, undefined, 'json', /no body/],
    [`GET ${POD}`, {}, 'json', /body where none/],
    [`GET /healthz`, {}, 'json', /body where none/],
    [`DELETE ${POD}`, { kind: 'Pod' }, 'json', /options of a deletion/],
    [`DELETE ${POD}`, { dryrun: ['All'] }, 'json', /dryrun is not known/],
    ['POST /healthz', undefined, 'json', /POST is not known/],
    ['GET /ui', undefined, 'json', /path \/ui is not known/],
    [`POST ${POD}/other`, {}, 'json', /another kind/],
  ])('%s %j is not known', (line, body, type, reason) => {
    expect(facts(line, body, type).unknown.join('; ')).toMatch(reason)
  })

  it('leaves custom resources to those who know them', () => {
    const body = { apiVersion: 'argoproj.io/v1', kind: 'Workflow', spec: { podSpecPatch: 'hostNetwork: true' } }
    expect(facts('POST /apis/argoproj.io/v1/namespaces/dev/workflows', body)).toMatchObject({
      kinds: ['create'],
      unknown: [],
      opaque: ['the resource workflows.argoproj.io is not one of Kubernetes itself'],
    })
  })

  it.each<[string, unknown, keyof typeof TYPES, string]>([
    [
      'POST /api/v1/namespaces/dev/secrets',
      { type: 'kubernetes.io/service-account-token' },
      'json',
      'create,token-request',
    ],
    [
      'POST /api/v1/namespaces/kube-system/secrets',
      { type: 'bootstrap.kubernetes.io/token' },
      'json',
      'create,token-request',
    ],
    ['POST /api/v1/namespaces/dev/secrets', { type: 'Opaque' }, 'json', 'create'],
    [
      'PATCH /api/v1/namespaces/dev',
      { metadata: { labels: { 'pod-security.kubernetes.io/enforce': null } } },
      'merge',
      'patch,admission-change',
    ],
    [
      'PATCH /api/v1/namespaces/dev',
      [{ op: 'remove', path: '/metadata/labels' }],
      'json-patch',
      'patch,admission-change',
    ],
    [
      'PATCH /api/v1/namespaces/dev',
      [{ op: 'remove', path: '/metadata/labels/a' }],
      'json-patch',
      'patch,admission-change',
    ],
    [
      'PATCH /api/v1/namespaces/dev',
      [{ op: 'replace', path: '/metadata', value: {} }],
      'json-patch',
      'patch,admission-change',
    ],
    ['PATCH /api/v1/namespaces/dev', { metadata: { $patch: 'replace' } }, 'strategic', 'patch,admission-change'],
    ['PATCH /api/v1/namespaces/dev', { metadata: { $retainKeys: ['name'] } }, 'strategic', 'patch,admission-change'],
    ['PATCH /api/v1/namespaces/dev', { metadata: null }, 'merge', 'patch,admission-change'],
    [
      'PATCH /api/v1/namespaces/dev/status',
      { metadata: { labels: {} } },
      'merge',
      'patch,status-change,admission-change',
    ],
    ['PATCH /api/v1/namespaces/dev/status', { status: { phase: 'Active' } }, 'merge', 'patch,status-change'],
    [
      'PUT /api/v1/namespaces/dev/status',
      { metadata: { name: 'dev' } },
      'json',
      'update,status-change,admission-change',
    ],
    ['PATCH /api/v1/namespaces/dev', { metadata: { name: 'dev' } }, 'apply', 'patch,create,admission-change'],
    ['PATCH /api/v1/namespaces/dev', { metadata: { $retainKeys: ['labels'] } }, 'strategic', 'patch'],
    ['PATCH /api/v1/namespaces/dev', { metadata: { annotations: {} } }, 'merge', 'patch'],
    ['PUT /api/v1/namespaces/dev', { metadata: { name: 'dev' } }, 'json', 'update,admission-change'],
    ['PUT /api/v1/namespaces/dev/services/web', { metadata: { name: 'web' } }, 'json', 'update,create'],
    ['PUT /api/v1/namespaces/dev/services/web/status', { metadata: { name: 'web' } }, 'json', 'update,status-change'],
  ])('%s %j is %s', (line, body, type, kinds) => {
    expect(facts(line, body, type)).toMatchObject({ kinds: kinds.split(','), unknown: [] })
  })

  it.each<[unknown, keyof typeof TYPES]>([
    [{ metadata: { finalizers: null } }, 'merge'],
    [{ metadata: { $patch: 'replace' } }, 'strategic'],
    [{ metadata: { $retainKeys: ['name'] } }, 'strategic'],
    [{ metadata: { '$deleteFromPrimitiveList/finalizers': ['a/b'] } }, 'strategic'],
    [[{ op: 'replace', path: '/metadata', value: {} }], 'json-patch'],
    [[{ op: 'remove', path: '/metadata/finalizers/0' }], 'json-patch'],
  ])('%j touches finalizers', (body, type) => {
    expect(facts(`PATCH ${PODS}/a`, body, type)).toMatchObject({ settings: ['finalizers'], unknown: [] })
  })

  it('says that applying may create', () => {
    expect(facts(`PATCH ${DEPLOYMENT}?fieldManager=kubectl`, { spec: {} }, 'apply').kinds).toEqual(['patch', 'create'])
  })
})
