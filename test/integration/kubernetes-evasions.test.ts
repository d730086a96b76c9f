import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decideCommand } from '../../src/policy/decide.ts'
import { policySchemas } from '../../src/policy/parse-policy.ts'
import { PolicyLanguage } from '../../src/policy/language.ts'
import { factsOf } from '../../src/protocols/kubernetes/facts/facts-of.ts'
import { kubernetesKinds } from '../../src/protocols/kubernetes/policy/kinds.ts'
import { kubernetesRuleSets } from '../../src/protocols/kubernetes/policy/rule-sets.ts'
import { kubernetesVocabulary } from '../../src/protocols/kubernetes/policy/vocabulary.ts'
import { readApiRequest } from '../../src/protocols/kubernetes/request/api-request.ts'
import { readBody } from '../../src/protocols/kubernetes/request/read-body.ts'
import { askKubernetes } from '../helpers/kube-go.ts'
import { throughGateway, type ClusterThroughGateway } from '../helpers/kubernetes-gateway.ts'
import {
  isClusterMissing,
  startCluster,
  type RawAnswer,
  type RawRequest,
  type TestCluster,
} from '../helpers/kubernetes.ts'
import { KUBE_GO } from '../helpers/test-clients.ts'

interface Rule {
  readonly name?: string
  readonly use?: string
  readonly match?: object
  readonly deny?: string
  readonly hold?: object
  readonly allow?: true
}

/**
 * Ways around rules, each tried directly first: the API server does what was asked. The rules then are those of a careful team: no Secrets, no
 * privileged pods, no change of access, no shells, nothing in kube-system, deletions wait for a person, all else is allowed where it is understood.
 */
const RULES: readonly Rule[] = [
  { name: 'nothing in kube-system', match: { namespaces: ['kube-system'] }, deny: 'not there' },
  { name: 'no new services', match: { kinds: ['create'], resources: ['services'] }, deny: 'ask for one' },
  { use: 'no-secrets' },
  { use: 'no-privileged-pods' },
  { use: 'no-rbac-change' },
  { use: 'no-shells' },
  { use: 'deletes-need-approval', hold: { approvers: { groups: ['sre'] } } },
  {
    name: 'all else',
    match: { kinds: kubernetesKinds.filter((kind) => !/^(server-|metrics)/.test(kind)) },
    allow: true,
  },
]

/** The same, where nobody waits for a person. */
const DENYING = RULES.map((rule) =>
  rule.use === 'deletes-need-approval'
    ? {
        name: 'what takes something away',
        match: {
          kinds: ['delete', 'deletecollection', 'delete-namespace', 'evict', 'finalize', 'scale-to-zero'],
          dryRun: false,
        },
        deny: 'ask a person',
      }
    : rule,
).toSpliced(-1, 0, { name: 'owners', match: { settings: ['owner-references'] }, deny: 'ask a person' })

interface Case {
  readonly name: string
  readonly line: string
  readonly type?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** What has to be there before: objects, each with the path that it is created at. */
  readonly before?: readonly (readonly [string, object])[]
  /** What has been applied before, to where the request leads, by the manager that it names. */
  readonly applied?: object
  /** Whether the server has done it; where nothing is said, whether it says so. */
  readonly hasEffect?: (answer: RawAnswer, cluster: TestCluster) => boolean | Promise<boolean>
}

const NS = '/api/v1/namespaces/dev'
const PODS = `${NS}/pods`
const APPS = '/apis/apps/v1/namespaces/dev'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const JSON_PATCH = 'application/json-patch+json'
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const APPLY = 'application/apply-patch+yaml'
const YAML = 'application/yaml'
const PROTOBUF = 'application/vnd.kubernetes.protobuf'
const PASSWORD = 'evasion-hunter2'
const ENCODED = Buffer.from(PASSWORD).toString('base64')

const shows = ({ body }: RawAnswer): boolean => body.includes(ENCODED) || body.includes(PASSWORD)
const get = async (cluster: TestCluster, path: string): Promise<Record<string, never>> =>
  JSON.parse((await cluster.request('GET', path)).body) as Record<string, never>
const at = async (cluster: TestCluster, path: string, ...steps: readonly string[]): Promise<unknown> => {
  let value: unknown = await get(cluster, path)
  for (const step of steps) value = (value as Record<string, unknown> | undefined)?.[step]
  return value
}
const isGone = async (cluster: TestCluster, path: string): Promise<boolean> => {
  const { status, body } = await cluster.request('GET', path)
  return status === 404 || body.includes('"deletionTimestamp"')
}

const container = { name: 'a', image: 'busybox' }
const pod = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [container], ...spec },
})
const template = (spec: object): object => ({
  metadata: { labels: { app: 'a' } },
  spec: { containers: [container], ...spec },
})
const deployment = (name: string, spec: object = {}, replicas = 1): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: 'a' } }, template: template(spec) },
})
const withDeployment = (name: string): Pick<Case, 'before'> => ({ before: [[`${APPS}/deployments`, deployment(name)]] })
const withPod = (name: string): Pick<Case, 'before'> => ({ before: [[PODS, pod(name, {})]] })
const templateHas =
  (name: string, field: string): NonNullable<Case['hasEffect']> =>
  async (_, cluster) =>
    (await at(cluster, `${APPS}/deployments/${name}`, 'spec', 'template', 'spec', field)) !== undefined
const replicasOf =
  (name: string): NonNullable<Case['hasEffect']> =>
  async (_, cluster) =>
    (await at(cluster, `${APPS}/deployments/${name}`, 'spec', 'replicas')) === 0
const gone =
  (path: string): NonNullable<Case['hasEffect']> =>
  (_, cluster) =>
    isGone(cluster, path)
const hostNetwork = { hostNetwork: true }
/** By this label a namespace says which pods are let into it. */
const ENFORCE = 'pod-security.kubernetes.io/enforce'
const namespace = (name: string, labels: Readonly<Record<string, string>>): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})
const letsPodsIn =
  (name: string): NonNullable<Case['hasEffect']> =>
  async (_, cluster) =>
    (await at(cluster, `/api/v1/namespaces/${name}`, 'metadata', 'labels', ENFORCE)) === undefined

const READS: readonly Case[] = [
  'GET /api/v1/namespaces/dev/secrets/evasion',
  'GET /api/v1/namespaces/dev/secrets',
  'GET /api/v1/secrets',
  'GET /api/v1/secrets?limit=500',
  'GET /api/v1/secrets?watch=1&resourceVersion=0&timeoutSeconds=1',
  'GET /api/v1/secrets?watch&resourceVersion=0&timeoutSeconds=1',
  'GET /api/v1/secrets?watch=yes&resourceVersion=0&timeoutSeconds=1',
  'GET /api/v1/secrets?%77atch=1&resourceVersion=0&timeoutSeconds=1',
  'GET /api/v1/watch/secrets?resourceVersion=0&timeoutSeconds=1',
  'GET /api/v1/watch/namespaces/dev/secrets?resourceVersion=0&timeoutSeconds=1',
  'GET /api/v1/watch/namespaces/dev/secrets/evasion?resourceVersion=0&timeoutSeconds=1',
  'GET /api/v1/w%61tch/secrets?resourceVersion=0&timeoutSeconds=1',
  'GET /api/v1/namespaces/dev/secrets?fieldSelector=metadata.name=evasion',
  'GET /api/v1/namespaces/dev/secrets?fieldSelector=type=Opaque',
  'GET /api/v1/namespaces/dev%2Fsecrets',
  'GET /api/v1/namespaces%2Fdev%2Fsecrets%2Fevasion',
  'GET /%61pi/v1/%6eamespaces/d%65v/s%65crets/evasion',
  'GET /api/v1/namespaces/dev/secrets/evasion?resourceVersion=0&x=1',
  'GET /api/v1/namespaces/dev/secrets?limit=500&limit=1',
].map((line) => ({ name: line, line, hasEffect: shows }))

const CASES: readonly Case[] = [
  ...READS,
  { name: 'Secrets in protobuf', line: 'GET /api/v1/secrets', headers: { accept: PROTOBUF }, hasEffect: shows },
  { name: 'Secrets in YAML', line: 'GET /api/v1/secrets', headers: { accept: YAML }, hasEffect: shows },
  {
    name: 'Secrets in a table',
    line: 'GET /api/v1/secrets?includeObject=Object',
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    hasEffect: shows,
  },
  {
    name: 'a Secret in the answer to a patch',
    line: `PATCH ${NS}/secrets/evasion`,
    type: MERGE,
    body: { metadata: { labels: { a: 'b' } } },
    hasEffect: shows,
  },
  {
    name: 'a Secret in the answer to an empty patch',
    line: `PATCH ${NS}/secrets/evasion?dryRun=All`,
    type: JSON_PATCH,
    body: [],
    hasEffect: shows,
  },

  // Secrets given to pods.
  {
    name: 'a volume',
    line: `POST ${PODS}`,
    body: pod('s1', { volumes: [{ name: 'a', secret: { secretName: 'evasion' } }] }),
  },
  {
    name: 'a projected volume',
    line: `POST ${PODS}`,
    body: pod('s2', { volumes: [{ name: 'a', projected: { sources: [{ secret: { name: 'evasion' } }] } }] }),
  },
  {
    name: 'envFrom',
    line: `POST ${PODS}`,
    body: pod('s3', { containers: [{ ...container, envFrom: [{ secretRef: { name: 'evasion' } }] }] }),
  },
  {
    name: 'a variable',
    line: `POST ${PODS}`,
    body: pod('s4', {
      containers: [
        { ...container, env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'evasion', key: 'password' } } }] },
      ],
    }),
  },
  {
    name: 'of an init container',
    line: `POST ${PODS}`,
    body: pod('s5', { initContainers: [{ ...container, name: 'i', envFrom: [{ secretRef: { name: 'evasion' } }] }] }),
  },
  {
    name: 'in protobuf',
    line: `POST ${PODS}`,
    type: PROTOBUF,
    body: pod('s6', { volumes: [{ name: 'a', secret: { secretName: 'evasion' } }] }),
  },
  {
    name: 'added to a deployment by JSON patch',
    ...withDeployment('s7'),
    line: `PATCH ${APPS}/deployments/s7`,
    type: JSON_PATCH,
    body: [
      { op: 'add', path: '/spec/template/spec/volumes', value: [{ name: 'a', secret: { secretName: 'evasion' } }] },
    ],
    hasEffect: templateHas('s7', 'volumes'),
  },
  {
    name: 'added to a deployment by the place of its container',
    ...withDeployment('s8'),
    line: `PATCH ${APPS}/deployments/s8`,
    type: JSON_PATCH,
    body: [
      { op: 'add', path: '/spec/template/spec/containers/-1/envFrom', value: [{ secretRef: { name: 'evasion' } }] },
    ],
  },
  {
    name: 'added to a deployment by strategic merge',
    ...withDeployment('s9'),
    line: `PATCH ${APPS}/deployments/s9`,
    type: STRATEGIC,
    body: {
      spec: { template: { spec: { containers: [{ name: 'a', envFrom: [{ secretRef: { name: 'evasion' } }] }] } } },
    },
  },
  {
    name: 'in a job of a cron job',
    line: 'POST /apis/batch/v1/namespaces/dev/cronjobs',
    body: {
      metadata: { name: 's10' },
      spec: {
        schedule: '0 0 1 1 *',
        jobTemplate: {
          spec: {
            template: {
              spec: {
                restartPolicy: 'Never',
                containers: [{ ...container, envFrom: [{ secretRef: { name: 'evasion' } }] }],
              },
            },
          },
        },
      },
    },
  },

  // Privileged pods.
  {
    name: 'host network',
    line: `POST ${PODS}`,
    body: pod('p1', hostNetwork),
    hasEffect: async (_, cluster) => (await at(cluster, `${PODS}/p1`, 'spec', 'hostNetwork')) === true,
  },
  {
    name: 'in YAML',
    line: `POST ${PODS}`,
    type: YAML,
    body: 'kind: Pod\nmetadata: {name: p2}\nspec: {hostNetwork: true, containers: [{name: a, image: b}]}\n',
    hasEffect: async (_, cluster) => (await at(cluster, `${PODS}/p2`, 'spec', 'hostNetwork')) === true,
  },
  {
    name: 'yes in YAML',
    line: `POST ${PODS}`,
    type: YAML,
    body: 'kind: Pod\nmetadata: {name: p3}\nspec:\n  hostNetwork: yes\n  containers: [{name: a, image: b}]\n',
    hasEffect: async (_, cluster) => (await at(cluster, `${PODS}/p3`, 'spec', 'hostNetwork')) === true,
  },
  {
    name: 'an anchor in YAML',
    line: `POST ${PODS}`,
    type: YAML,
    body: 'kind: Pod\nmetadata: {name: p4}\nspec:\n  shareProcessNamespace: &x true\n  hostPID: *x\n  containers: [{name: a, image: b}]\n',
    hasEffect: (answer) => answer.status === 201 || answer.body.includes('ShareProcessNamespace and HostPID'),
  },
  {
    name: 'a merge key in YAML',
    line: `POST ${PODS}`,
    type: YAML,
    body: 'kind: Pod\nmetadata: {name: p5}\nspec:\n  <<: {hostNetwork: true}\n  containers: [{name: a, image: b}]\n',
    hasEffect: async (_, cluster) => (await at(cluster, `${PODS}/p5`, 'spec', 'hostNetwork')) === true,
  },
  { name: 'JSON that says it is YAML', line: `POST ${PODS}`, type: YAML, body: pod('p6', hostNetwork) },
  {
    name: 'in protobuf',
    line: `POST ${PODS}`,
    type: PROTOBUF,
    body: pod('p7', hostNetwork),
    hasEffect: async (_, cluster) => (await at(cluster, `${PODS}/p7`, 'spec', 'hostNetwork')) === true,
  },
  {
    name: 'a name twice in JSON',
    line: `POST ${PODS}`,
    body: '{"kind":"Pod","metadata":{"name":"p8"},"spec":{"hostNetwork":false,"containers":[{"name":"a","image":"b"}]},"spec":{"hostNetwork":true}}',
    hasEffect: async (_, cluster) => (await at(cluster, `${PODS}/p8`, 'spec', 'hostNetwork')) === true,
  },
  {
    name: 'an escape in a name',
    line: `POST ${PODS}`,
    body: '{"kind":"Pod","metadata":{"name":"p9"},"spec":{"host\\u004eetwork":true,"containers":[{"name":"a","image":"b"}]}}',
    hasEffect: async (_, cluster) => (await at(cluster, `${PODS}/p9`, 'spec', 'hostNetwork')) === true,
  },
  {
    name: 'a type with a parameter',
    line: `POST ${PODS}`,
    type: 'application/json; charset=utf-8',
    body: pod('p10', hostNetwork),
  },
  { name: 'a type in capitals', line: `POST ${PODS}`, type: 'Application/JSON', body: pod('p11', hostNetwork) },
  { name: 'no type', line: `POST ${PODS}`, type: '', body: pod('p12', hostNetwork) },
  {
    name: 'privileged',
    line: `POST ${PODS}`,
    body: pod('p13', { containers: [{ ...container, securityContext: { privileged: true } }] }),
  },
  {
    name: 'an init container that is privileged',
    line: `POST ${PODS}`,
    body: pod('p14', { initContainers: [{ ...container, name: 'i', securityContext: { privileged: true } }] }),
  },
  {
    name: 'an ephemeral container',
    ...withPod('p15'),
    line: `PATCH ${PODS}/p15/ephemeralcontainers`,
    type: STRATEGIC,
    body: { spec: { ephemeralContainers: [{ name: 'e', image: 'b', securityContext: { privileged: true } }] } },
  },
  {
    name: 'a path of the host',
    line: `POST ${PODS}`,
    body: pod('p16', { volumes: [{ name: 'a', hostPath: { path: '/' } }] }),
  },
  {
    name: 'a port of the host',
    line: `POST ${PODS}`,
    body: pod('p17', { containers: [{ ...container, ports: [{ containerPort: 1, hostPort: 1 }] }] }),
  },
  {
    name: 'capabilities',
    line: `POST ${PODS}`,
    body: pod('p18', { containers: [{ ...container, securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }] }),
  },
  { name: 'a chosen node', line: `POST ${PODS}`, body: pod('p19', { nodeName: 'node-1' }) },
  {
    name: 'a deployment',
    line: `POST ${APPS}/deployments`,
    body: deployment('p21', hostNetwork),
    hasEffect: templateHas('p21', 'hostNetwork'),
  },
  {
    name: 'a deployment that is replaced',
    ...withDeployment('p22'),
    line: `PUT ${APPS}/deployments/p22`,
    body: deployment('p22', hostNetwork),
    hasEffect: templateHas('p22', 'hostNetwork'),
  },
  {
    name: 'by merge patch',
    ...withDeployment('p23'),
    line: `PATCH ${APPS}/deployments/p23`,
    type: MERGE,
    body: { spec: { template: { spec: hostNetwork } } },
    hasEffect: templateHas('p23', 'hostNetwork'),
  },
  {
    name: 'by strategic merge',
    ...withDeployment('p24'),
    line: `PATCH ${APPS}/deployments/p24`,
    type: STRATEGIC,
    body: { spec: { template: { spec: hostNetwork } } },
    hasEffect: templateHas('p24', 'hostNetwork'),
  },
  {
    name: 'by strategic merge with directives',
    ...withDeployment('p25'),
    line: `PATCH ${APPS}/deployments/p25`,
    type: STRATEGIC,
    body: { spec: { template: { spec: { $retainKeys: ['hostNetwork', 'containers'], ...hostNetwork } } } },
    hasEffect: templateHas('p25', 'hostNetwork'),
  },
  {
    name: 'by apply',
    ...withDeployment('p26'),
    line: `PATCH ${APPS}/deployments/p26?fieldManager=e&force=true`,
    type: APPLY,
    body: 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: p26}\nspec: {template: {spec: {hostNetwork: true}}}\n',
    hasEffect: templateHas('p26', 'hostNetwork'),
  },
  {
    name: 'by apply of what is not there',
    line: `PATCH ${APPS}/deployments/p27?fieldManager=e`,
    type: APPLY,
    body: deployment('p27', hostNetwork),
    hasEffect: templateHas('p27', 'hostNetwork'),
  },
  {
    name: 'by JSON patch',
    ...withDeployment('p28'),
    line: `PATCH ${APPS}/deployments/p28`,
    type: JSON_PATCH,
    body: [{ op: 'add', path: '/spec/template/spec/hostNetwork', value: true }],
    hasEffect: templateHas('p28', 'hostNetwork'),
  },
  {
    name: 'by JSON patch of a whole',
    ...withDeployment('p29'),
    line: `PATCH ${APPS}/deployments/p29`,
    type: JSON_PATCH,
    body: [{ op: 'replace', path: '', value: deployment('p29', hostNetwork) }],
    hasEffect: templateHas('p29', 'hostNetwork'),
  },
  {
    name: 'by a JSON patch that copies true',
    before: [[`${APPS}/deployments`, deployment('p30', { containers: [{ ...container, tty: true }] })]],
    line: `PATCH ${APPS}/deployments/p30`,
    type: JSON_PATCH,
    body: [{ op: 'copy', from: '/spec/template/spec/containers/0/tty', path: '/spec/template/spec/hostNetwork' }],
    hasEffect: templateHas('p30', 'hostNetwork'),
  },
  {
    name: 'by a JSON patch that moves true',
    before: [[`${APPS}/deployments`, deployment('p31', { containers: [{ ...container, tty: true }] })]],
    line: `PATCH ${APPS}/deployments/p31`,
    type: JSON_PATCH,
    body: [{ op: 'move', from: '/spec/template/spec/containers/0/tty', path: '/spec/template/spec/hostNetwork' }],
    hasEffect: templateHas('p31', 'hostNetwork'),
  },
  {
    name: 'by JSON patches that put it together',
    ...withDeployment('p32'),
    line: `PATCH ${APPS}/deployments/p32`,
    type: JSON_PATCH,
    body: [
      { op: 'add', path: '/metadata/annotations', value: { a: 'x' } },
      { op: 'add', path: '/spec/template/spec/containers/0/securityContext', value: {} },
      { op: 'add', path: '/spec/template/spec/containers/0/securityContext/privileged', value: true },
    ],
  },
  {
    name: 'a template of pods',
    line: `POST ${NS}/podtemplates`,
    body: { metadata: { name: 'p33' }, template: template(hostNetwork) },
  },
  {
    name: 'a replication controller',
    line: `POST ${NS}/replicationcontrollers`,
    body: { metadata: { name: 'p34' }, spec: { selector: { app: 'a' }, template: template(hostNetwork) } },
  },
  {
    name: 'a daemon set',
    line: `POST ${APPS}/daemonsets`,
    body: {
      metadata: { name: 'p35' },
      spec: { selector: { matchLabels: { app: 'a' } }, template: template(hostNetwork) },
    },
  },
  {
    name: 'a stateful set',
    line: `POST ${APPS}/statefulsets`,
    body: {
      metadata: { name: 'p36' },
      spec: { serviceName: 'a', selector: { matchLabels: { app: 'a' } }, template: template(hostNetwork) },
    },
  },
  {
    name: 'a job',
    line: 'POST /apis/batch/v1/namespaces/dev/jobs',
    body: {
      metadata: { name: 'p37' },
      spec: { template: { spec: { ...hostNetwork, restartPolicy: 'Never', containers: [container] } } },
    },
  },

  // Who may do what.
  {
    name: 'a role binding',
    line: `POST ${RBAC}/clusterrolebindings`,
    body: {
      metadata: { name: 'r1' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [],
    },
  },
  {
    name: 'a role that is put where none is',
    line: `PUT ${RBAC}/clusterroles/r2`,
    body: { metadata: { name: 'r2' }, rules: [] },
  },
  {
    name: 'a role by apply',
    line: `PATCH ${RBAC}/clusterroles/r3?fieldManager=e`,
    type: APPLY,
    body: 'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r3}\nrules: []\n',
  },
  {
    name: 'a token',
    before: [[`${NS}/serviceaccounts`, { metadata: { name: 't1' } }]],
    line: `POST ${NS}/serviceaccounts/t1/token`,
    body: { spec: {} },
    hasEffect: ({ body }) => body.includes('"token"'),
  },
  {
    name: 'a token as a dry run',
    before: [[`${NS}/serviceaccounts`, { metadata: { name: 't2' } }]],
    line: `POST ${NS}/serviceaccounts/t2/token?dryRun=All`,
    body: { spec: {} },
  },
  { name: 'a service account', line: `POST ${NS}/serviceaccounts`, body: { metadata: { name: 't3' } } },
  {
    name: 'a webhook',
    line: 'POST /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    body: { metadata: { name: 'w1' }, webhooks: [] },
  },
  {
    name: 'a policy of admission',
    line: 'POST /apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
    body: {
      metadata: { name: 'w2' },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['nothing'] }],
        },
        validations: [{ expression: 'true' }],
      },
    },
  },
  {
    name: 'a kind of its own',
    line: 'POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    body: {
      metadata: { name: 'things.evasion.example.com' },
      spec: {
        group: 'evasion.example.com',
        scope: 'Namespaced',
        names: { plural: 'things', kind: 'Thing' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    },
  },
  {
    name: 'an API of somebody',
    line: 'POST /apis/apiregistration.k8s.io/v1/apiservices',
    body: {
      metadata: { name: 'v1.evasion2.example.com' },
      spec: {
        group: 'evasion2.example.com',
        version: 'v1',
        groupPriorityMinimum: 100,
        versionPriority: 1,
        service: { name: 'a', namespace: 'dev' },
        insecureSkipTLSVerify: true,
      },
    },
  },

  {
    name: 'a token by a Secret',
    line: `POST /api/v1/namespaces/shop/secrets`,
    body: {
      metadata: { name: 't4', annotations: { 'kubernetes.io/service-account.name': 'default' } },
      type: 'kubernetes.io/service-account-token',
    },
  },
  {
    name: 'a namespace that lets any pod in',
    before: [['/api/v1/namespaces', namespace('n1', { [ENFORCE]: 'restricted' })]],
    line: 'PATCH /api/v1/namespaces/n1',
    type: MERGE,
    body: { metadata: { labels: null } },
    hasEffect: letsPodsIn('n1'),
  },
  {
    name: 'a namespace that is replaced without its labels',
    before: [['/api/v1/namespaces', namespace('n2', { [ENFORCE]: 'restricted' })]],
    line: 'PUT /api/v1/namespaces/n2',
    body: { metadata: { name: 'n2' } },
    hasEffect: letsPodsIn('n2'),
  },
  ...(
    [
      ['whose metadata a patch replaces', STRATEGIC, { metadata: { $patch: 'replace', name: 'n3' } }],
      ['of whose metadata a patch keeps the name', STRATEGIC, { metadata: { $retainKeys: ['name'], name: 'n4' } }],
      ['by its status', MERGE, { metadata: { labels: null } }, '/status'],
    ] as const
  ).map(([how, type, body, subresource = ''], index): Case => ({
    name: `a namespace that lets any pod in, ${how}`,
    before: [['/api/v1/namespaces', namespace(`n${index + 3}`, { [ENFORCE]: 'restricted' })]],
    line: `PATCH /api/v1/namespaces/n${index + 3}${subresource}`,
    type,
    body,
    hasEffect: letsPodsIn(`n${index + 3}`),
  })),
  {
    name: 'a namespace that loses what was applied',
    applied: namespace('n6', { [ENFORCE]: 'restricted' }),
    line: 'PATCH /api/v1/namespaces/n6?fieldManager=evasion',
    type: APPLY,
    body: namespace('n6', {}),
    hasEffect: letsPodsIn('n6'),
  },

  // Creation under another name; see the rule about it.
  {
    name: 'a service by an update',
    line: `PUT ${NS}/services/u1`,
    body: { metadata: { name: 'u1' }, spec: { ports: [{ port: 80 }] } },
    hasEffect: ({ status }) => status === 201,
  },
  {
    name: 'a service by apply',
    line: `PATCH ${NS}/services/u2?fieldManager=e`,
    type: APPLY,
    body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'u2' }, spec: { ports: [{ port: 80 }] } },
    hasEffect: ({ status }) => status === 201,
  },

  // Deletions, which wait for a person.
  { name: 'deletion', ...withPod('d1'), line: `DELETE ${PODS}/d1`, hasEffect: gone(`${PODS}/d1`) },
  {
    name: 'deletion with a dry run that does not count',
    ...withPod('d2'),
    line: `DELETE ${PODS}/d2?dryRun=All`,
    body: { gracePeriodSeconds: 0 },
    hasEffect: gone(`${PODS}/d2`),
  },
  {
    name: 'the same with an empty object',
    ...withPod('d3'),
    line: `DELETE ${PODS}/d3?dryRun=All`,
    body: {},
    hasEffect: gone(`${PODS}/d3`),
  },
  {
    name: 'the same in YAML',
    ...withPod('d4'),
    line: `DELETE ${PODS}/d4?dryRun=All`,
    type: YAML,
    body: 'kind: DeleteOptions\napiVersion: v1\n',
    hasEffect: gone(`${PODS}/d4`),
  },
  {
    name: 'the same in protobuf',
    ...withPod('d5'),
    line: `DELETE ${PODS}/d5?dryRun=All`,
    type: PROTOBUF,
    body: { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 },
    hasEffect: gone(`${PODS}/d5`),
  },
  {
    name: 'deletion of a collection',
    before: [[`${NS}/configmaps`, { metadata: { name: 'd6', labels: { d: '6' } } }]],
    line: `DELETE ${NS}/configmaps?labelSelector=d%3D6`,
    hasEffect: gone(`${NS}/configmaps/d6`),
  },
  {
    name: 'deletion of one by a selector',
    before: [[`${NS}/configmaps`, { metadata: { name: 'd7' } }]],
    line: `DELETE ${NS}/configmaps?fieldSelector=metadata.name=d7`,
    hasEffect: gone(`${NS}/configmaps/d7`),
  },
  {
    name: 'eviction',
    ...withPod('d8'),
    line: `POST ${PODS}/d8/eviction`,
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'd8' } },
    hasEffect: gone(`${PODS}/d8`),
  },
  {
    name: 'a namespace',
    before: [['/api/v1/namespaces', { metadata: { name: 'd9' } }]],
    line: 'DELETE /api/v1/namespaces/d9',
    hasEffect: gone('/api/v1/namespaces/d9'),
  },
  {
    name: 'a namespace that is told to be final',
    before: [['/api/v1/namespaces', { metadata: { name: 'd10' } }]],
    line: 'PUT /api/v1/namespaces/d10/finalize',
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'd10' }, spec: { finalizers: [] } },
  },
  {
    name: 'replicas of none',
    ...withDeployment('d11'),
    line: `PATCH ${APPS}/deployments/d11`,
    type: MERGE,
    body: { spec: { replicas: 0 } },
    hasEffect: replicasOf('d11'),
  },
  {
    name: 'a scale of none',
    ...withDeployment('d12'),
    line: `PATCH ${APPS}/deployments/d12/scale`,
    type: MERGE,
    body: { spec: { replicas: 0 } },
    hasEffect: replicasOf('d12'),
  },
  {
    name: 'a scale with null',
    ...withDeployment('d13'),
    line: `PATCH ${APPS}/deployments/d13/scale`,
    type: MERGE,
    body: { spec: { replicas: null } },
    hasEffect: replicasOf('d13'),
  },
  {
    name: 'a scale without replicas',
    ...withDeployment('d14'),
    line: `PUT ${APPS}/deployments/d14/scale`,
    body: { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'd14', namespace: 'dev' }, spec: {} },
    hasEffect: replicasOf('d14'),
  },
  {
    name: 'a scale that is removed',
    ...withDeployment('d15'),
    line: `PATCH ${APPS}/deployments/d15/scale`,
    type: JSON_PATCH,
    body: [{ op: 'remove', path: '/spec/replicas' }],
    hasEffect: replicasOf('d15'),
  },
  {
    name: 'a scale whose spec is removed',
    ...withDeployment('d16'),
    line: `PATCH ${APPS}/deployments/d16/scale`,
    type: JSON_PATCH,
    body: [{ op: 'remove', path: '/spec' }],
    hasEffect: replicasOf('d16'),
  },
  ...[{ spec: { $retainKeys: ['none'] } }, { $retainKeys: ['metadata'], metadata: { name: 'd21' } }].map(
    (body, index): Case => ({
      name: 'a scale of which a patch keeps no replicas',
      ...withDeployment(`d${index + 20}`),
      line: `PATCH ${APPS}/deployments/d${index + 20}/scale`,
      type: STRATEGIC,
      body,
      hasEffect: replicasOf(`d${index + 20}`),
    }),
  ),
  {
    name: 'a scale in protobuf',
    ...withDeployment('d17'),
    line: `PUT ${APPS}/deployments/d17/scale`,
    type: PROTOBUF,
    body: {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'd17', namespace: 'dev' },
      spec: { replicas: 0 },
    },
    hasEffect: replicasOf('d17'),
  },
  {
    name: 'an owner that is not there',
    ...withPod('d18'),
    line: `PATCH ${PODS}/d18`,
    type: MERGE,
    body: { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'none', uid: 'none' }] } },
    hasEffect: async (_, cluster) => (await at(cluster, `${PODS}/d18`, 'metadata', 'ownerReferences')) !== undefined,
  },
  {
    name: 'a job that is suspended',
    before: [
      [
        '/apis/batch/v1/namespaces/dev/jobs',
        {
          metadata: { name: 'd19' },
          spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } },
        },
      ],
    ],
    line: 'PATCH /apis/batch/v1/namespaces/dev/jobs/d19',
    type: MERGE,
    body: { spec: { suspend: true } },
  },

  // Another namespace.
  { name: 'pods of all namespaces', line: 'GET /api/v1/pods' },
  { name: 'pods of all namespaces, selected', line: 'GET /api/v1/pods?fieldSelector=metadata.namespace%3Dkube-system' },
  {
    name: 'a watch of all namespaces',
    line: 'GET /api/v1/watch/configmaps?resourceVersion=0&timeoutSeconds=1',
    hasEffect: ({ body }) => body.includes('kube-system'),
  },
  {
    name: 'a namespace with an escape',
    line: 'GET /api/v1/namespaces/kube%2Dsystem/configmaps',
    hasEffect: ({ body }) => body.includes('kube-system'),
  },
  { name: 'the namespace itself', line: 'GET /api/v1/namespaces/kube-system' },

  // The server itself.
  { name: 'metrics', line: 'GET /metrics', hasEffect: ({ body }) => body.includes('apiserver_') },
  { name: 'a profile', line: 'GET /debug/pprof/goroutine' },
]

describe.skipIf(isClusterMissing() || KUBE_GO === undefined)('ways around rules for Kubernetes', () => {
  let cluster: TestCluster
  let gateway: ClusterThroughGateway
  const language = new PolicyLanguage({
    kubernetes: { vocabulary: kubernetesVocabulary, kinds: kubernetesKinds, ruleSets: kubernetesRuleSets },
  })
  const { policyShape, toPolicy } = policySchemas(language)
  const policy = toPolicy({ access: [], commands: policyShape.commands.parse(RULES), masking: [] })

  beforeAll(async () => {
    cluster = await startCluster()
    gateway = await throughGateway(cluster, { commands: DENYING })
    await create(`${NS}/secrets`, { metadata: { name: 'evasion' }, stringData: { password: PASSWORD } })
    await create('/api/v1/namespaces/kube-system/configmaps', { metadata: { name: 'there' } })
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

  function bytesOf({ body, type }: Case): Buffer {
    if (body === undefined) return Buffer.alloc(0)
    if (type !== PROTOBUF) return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    const [answer] = askKubernetes([{ Object: body }])
    return Buffer.from(answer?.['protobuf'] as string, 'base64')
  }

  const sentAs = ({ type = 'application/json', headers = {} }: Case, bytes: Buffer): RawRequest => ({
    headers: {
      ...(bytes.length === 0 || type === '' ? {} : { 'content-type': type }),
      // Without it Node sends the body of a deletion behind the request.
      ...(bytes.length === 0 ? {} : { 'content-length': String(bytes.length) }),
      ...headers,
    },
    ...(bytes.length === 0 ? {} : { body: bytes }),
  })

  /** Requests of the gateway that reached the API server. */
  const arrivals = (): string[] =>
    cluster
      .audit()
      .filter(({ user }) => user.username === 'system:serviceaccount:kube-system:gateway')
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`)

  function verdictOn(given: Case, bytes: Buffer): string {
    const [method = '', target = ''] = given.line.split(' ')
    const request = readApiRequest(method, target)
    if ('failure' in request) return 'refused'
    const type = given.type === '' ? undefined : (given.type ?? 'application/json')
    const facts = factsOf(request, readBody(type, bytes))
    const person = { id: 'a', kind: 'person', label: 'a', groups: [] } as const
    const command = { protocol: 'kubernetes', kind: 'statement', text: given.line, parameters: [], facts } as const
    return decideCommand(policy, person, { name: 'k', type: 'kubernetes', labels: {} }, command).type
  }

  it.each([
    ['GET /api/v1/namespaces/dev/pods?watch=1'],
    ['GET /api/v1/namespaces/dev/pods/web-1/log'],
    ['GET /apis/apps/v1'],
    ['POST /api/v1/namespaces/dev/pods', pod('ordinary', { securityContext: { runAsNonRoot: true } })],
    ['PUT /apis/apps/v1/namespaces/dev/deployments/worker', deployment('worker', {}, 2)],
    ['POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec: {} }],
    ['DELETE /api/v1/namespaces/dev/pods/web-1?dryRun=All'],
  ])('allows what the rules are for: %s', (line, body?: object) => {
    const given = { name: '', line, ...(body === undefined ? {} : { body }) }
    expect(verdictOn(given, bytesOf(given))).toBe('allow')
  })

  it('lets through what the rules are for', async () => {
    const seen = arrivals().length
    const { status, body } = await gateway.request('GET', '/api/v1/namespaces/dev/pods/web-1')
    expect(status).toBe(200)
    expect(body).toContain('"name":"web-1"')
    expect(arrivals().slice(seen)).toEqual(['get /api/v1/namespaces/dev/pods/web-1'])
  })

  it('is reached under its own address alone', async () => {
    const { port } = gateway.port
    const get = (host: string) => gateway.request('GET', '/api/v1/namespaces/dev/pods/web-1', { headers: { host } })
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`])
      expect([host, (await get(host)).status]).toEqual([host, 200])
    const seen = arrivals().length
    for (const host of [`127.0.0.1:${port + 1}`, 'localhost', '127.0.0.1:443', `127.0.0.2:${port}`]) {
      const { status, body } = await get(host)
      expect([host, status]).toEqual([host, 400])
      expect(body).toContain('the request is for another host than this local port')
    }
    expect(arrivals().slice(seen)).toEqual([])
  })

  it('tries at least seventy', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(70)
  })

  it.each(CASES.map((given) => [`${given.name}: ${given.line}`, given] as const))('%s', async (_, given) => {
    const { line, before = [], applied, hasEffect } = given
    const [method = '', target = ''] = line.split(' ')
    const bytes = bytesOf(given)
    for (const [path, object] of before) await create(path, object)
    if (applied !== undefined)
      await cluster.request('PATCH', target, sentAs(given, bytesOf({ ...given, body: applied })))
    const answer = await cluster.request(method, target, sentAs(given, bytes))
    const worked = (await hasEffect?.(answer, cluster)) ?? (answer.status >= 200 && answer.status < 300)
    expect({ worked, answer: worked ? '' : `${answer.status} ${answer.body.slice(0, 400)}` }).toEqual({
      worked: true,
      answer: '',
    })
    expect(verdictOn(given, bytes)).not.toBe('allow')
    const seen = arrivals().length
    const refused = await gateway.request(method, target, sentAs(given, bytes))
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(arrivals().slice(seen)).toEqual([])
  })
})
