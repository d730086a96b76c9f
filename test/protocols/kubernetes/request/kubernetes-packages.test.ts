import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'
import { readBody } from '../../../../src/protocols/kubernetes/request/read-body.ts'
import { askKubernetes } from '../../../helpers/kube-go.ts'
import { KUBE_GO } from '../../../helpers/test-clients.ts'

describe.skipIf(KUBE_GO === undefined)('beside the packages of Kubernetes', () => {
  it('reads requests as RequestInfoFactory does, wherever it reads them at all', () => {
    const segment = fc.constantFrom(
      'api',
      'apis',
      'v1',
      'apps',
      'namespaces',
      'dev',
      'pods',
      'web',
      'exec',
      'status',
      'finalize',
      'watch',
      'w%61tch',
      'proxy',
      'deployments',
      'secrets',
      'scale',
      'healthz',
      'openapi',
      'v3',
      'p%6fds',
      'a%2Fb',
      '..',
      '',
      'x:y',
      'a;b',
      '%2e',
    )
    const parameter = fc.constantFrom(
      'watch',
      'watch=',
      'watch=0',
      'watch=False',
      'watch=yes',
      'w%61tch=1',
      'limit=5',
      'limit=x',
      'timeout=32s',
      'fieldSelector=metadata.name%3Dweb',
      'fieldSelector=metadata.name==a,spec.x=b',
      'fieldSelector=metadata.name!=a',
      'fieldSelector=metadata.name=',
      'fieldSelector=metadata.name%3Da%252Fb',
      'fieldSelector=a,b',
      'fieldSelector=',
      'labelSelector=a%3Db',
      'labelSelector=a in (b, c)',
      'dryRun=All',
      'resourceVersion=0',
      'x;y',
      'a+b=c+d',
      '%zz',
      'fieldSelector=metadata.name%3Da%5C%2Cmetadata.name%3Db',
      'fieldSelector=metadata.name=a,metadata.name=b',
    )
    const requests = fc.sample(
      fc.record({
        method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
        target: fc
          .tuple(
            fc.constantFrom(
              '/',
              '/api/v1/',
              '/api/v1/namespaces/dev/',
              '/apis/apps/v1/',
              '/apis/apps/v1/namespaces/dev/',
            ),
            fc.array(segment, { maxLength: 6 }),
            fc.array(parameter, { maxLength: 3 }),
          )
          .map(([start, path, query]) => `${start}${path.join('/')}${query.length === 0 ? '' : `?${query.join('&')}`}`)
          .map((target) => target.replaceAll(' ', '+')),
      }),
      { numRuns: 6000, seed: 21 },
    )
    const answers = askKubernetes(requests)
    let compared = 0
    requests.forEach(({ method, target }, index) => {
      const ours = readApiRequest(method, target)
      if ('failure' in ours) return
      const { isResource, verb, apiPrefix, group, version, namespace, resource, subresource, name, parts } = ours
      const theirs = answers[index] as Record<string, unknown>
      const { path: _path, query, parts: theirParts, ...info } = theirs
      const own = { isResource, verb, apiPrefix, group, version, namespace, resource, subresource, name }
      // Outside resources the prefixes are ours to tell apart.
      const expected = isResource ? info : { ...info, apiPrefix: '', group: '' }
      expect({ line: `${method} ${target}`, ...own }).toEqual({ line: `${method} ${target}`, ...expected })
      if (isResource) expect(parts).toEqual(theirParts)
      expect(Object.fromEntries(ours.query)).toEqual(query)
      compared++
    })
    expect(compared).toBeGreaterThan(1000)
  })

  it('reads protobuf as their decoder does', () => {
    const answers = askKubernetes(OBJECTS.map((Object) => ({ Object })))
    OBJECTS.forEach((object, index) => {
      const bytes = Buffer.from(answers[index]?.['protobuf'] as string, 'base64')
      const body = readBody('application/vnd.kubernetes.protobuf', bytes)
      expect(body).toHaveProperty('object')
      expect(withoutEmpty((body as { object: unknown }).object)).toEqual(withoutEmpty(object))
    })
  })

  it('reads YAML as they do, wherever it reads it at all', () => {
    const scalars = [
      'yes',
      'no',
      'on',
      'off',
      'y',
      'n',
      'true',
      'True',
      'false',
      'null',
      '~',
      '',
      '1',
      '-1',
      '0',
      '0777',
      '0o17',
      '0x1f',
      '0b1',
      '1_000',
      '+1',
      '+_1',
      '.5',
      '1.',
      '1.5',
      '1e3',
      '.inf',
      '.nan',
      '1:30',
      '2024-01-01',
      '500m',
      '1Gi',
      'web',
      'nginx:1.25',
      '/bin/sh',
      '"a\\u00e9"',
      "'it''s'",
      '!!str 1',
      '&a b',
      '*a',
      '!x y',
      '0.0',
      '-0',
      '12e03',
      '1.2.3',
      '|\n  a\n  b',
      '>-\n  a\n  b',
      '[a, 1, true]',
      '{a: 1}',
      '{a: yes}',
      '"<<"',
      'a: b',
      '- a',
      'a #b',
      '@x',
      '`x`',
      '=',
      '<<',
    ]
    const texts = [
      ...scalars.map((scalar) => `kind: Pod\nspec:\n  x: ${scalar}\n`),
      'a: 1\na: 2\n',
      '<<: {a: 1}\n',
      '"<<": {a: 1}\n',
      '1: a\n',
      'yes: a\n',
      '---\na: 1\n',
      'a: 1\n---\nb: 2\n',
      '%YAML 1.1\n---\na: 1\n',
      'a: &x {b: 1}\nc: *x\n',
      '? a\n: b\n',
      '{"a": 1, "a": 2}',
      '{"<<": {"a": 1}}',
      'a: b\n  c\n',
      "a: 'b\n  c'\n",
      'a:\n- b\n- c: d\n',
      '\ta: b\n',
    ]
    const answers = askKubernetes(texts.map((YAML) => ({ YAML })))
    let compared = 0
    texts.forEach((text, index) => {
      const body = readBody('application/yaml', Buffer.from(text))
      if ('failure' in body) return
      compared++
      expect({ text, object: (body as { object: unknown }).object }).toEqual({
        text,
        object: answers[index]?.['object'],
      })
    })
    expect(compared).toBeGreaterThan(20)
  })
})

/** Protobuf has values where JSON has nothing. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, withoutEmpty(inner)] as const)
  return Object.fromEntries(entries.filter(([, inner]) => !isEmpty(inner)))
}
const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === '' ||
  value === 0 ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0)

const pod = {
  metadata: {
    name: 'web',
    labels: { app: 'web' },
    annotations: { 'a/b': 'é ☃' },
    ownerReferences: [{ kind: 'X', name: 'x', uid: 'u', apiVersion: 'v1' }],
  },
  spec: {
    hostNetwork: true,
    nodeName: 'n1',
    securityContext: { runAsUser: 1000, sysctls: [{ name: 'a', value: 'b' }] },
    volumes: [
      { name: 'host', hostPath: { path: '/' } },
      { name: 'secret', secret: { secretName: 's', defaultMode: 420 } },
      { name: 'all', projected: { sources: [{ secret: { name: 's' } }, { serviceAccountToken: { path: 't' } }] } },
    ],
    containers: [
      {
        name: 'web',
        image: 'nginx:1.25',
        command: ['sh', '-c', 'true'],
        resources: { limits: { cpu: '500m', memory: '1Gi' } },
        ports: [{ containerPort: 80, hostPort: 80 }],
        env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
        envFrom: [{ secretRef: { name: 's' } }],
        livenessProbe: { httpGet: { path: '/', port: 'http', host: 'x' }, periodSeconds: 5 },
        securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } },
      },
    ],
  },
}
const OBJECTS = [
  { apiVersion: 'v1', kind: 'Pod', ...pod },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', creationTimestamp: '2026-11-29T12:00:00Z' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      strategy: { rollingUpdate: { maxUnavailable: '25%', maxSurge: 1 } },
      template: pod,
    },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c' },
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: pod } } },
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: { a: 'aGVsbG8=' },
    stringData: { b: 'x' },
    type: 'Opaque',
  },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 's' }, data: { a: 'x' }, binaryData: { b: 'AAEC' } },
  { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 's' }, spec: { replicas: 7 } },
  {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 's' },
    deleteOptions: { gracePeriodSeconds: 30, dryRun: ['All'] },
  },
  {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
    status: { userInfo: { username: 'u', uid: 'x', extra: { a: ['b'] } } },
  },
  {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'r' },
    rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'w' },
    webhooks: [
      {
        name: 'a.b.c',
        rules: [{ operations: ['*'], apiGroups: [''], resources: ['pods'] }],
        clientConfig: { url: 'https://x' },
      },
    ],
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'i' },
    spec: {
      rules: [
        { host: 'h', http: { paths: [{ path: '/', backend: { service: { name: 's', port: { number: 80 } } } }] } },
      ],
    },
  },
  { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Foreground', gracePeriodSeconds: 5 },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'p' },
    spec: { hostPath: { path: '/etc' }, capacity: { storage: '1Gi' } },
  },
]
