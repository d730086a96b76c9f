import type { RuleSet } from '../../../policy/vocabulary.ts'
import { wordList } from '../../../shared/word-list.ts'

/** What people ask of the API server itself, and of themselves. */
const ORDINARY = wordList('discovery openapi health self-review')

/** What applications are made of. Not here: Secrets, nodes, accounts, roles, webhooks, quotas, policies and custom resources. */
const WORKLOADS = wordList(`
  pods services configmaps endpoints events persistentvolumeclaims replicationcontrollers podtemplates
  deployments.apps replicasets.apps statefulsets.apps daemonsets.apps controllerrevisions.apps
  jobs.batch cronjobs.batch horizontalpodautoscalers.autoscaling poddisruptionbudgets.policy
  ingresses.networking.k8s.io networkpolicies.networking.k8s.io endpointslices.discovery.k8s.io events.events.k8s.io
  leases.coordination.k8s.io
`)

/**
 * What controllers write and people do not: revisions that a StatefulSet makes pods of, and addresses that traffic of a Service goes to, in
 * any namespace (CVE-2021-25740).
 */
const OF_CONTROLLERS = new Set(wordList('controllerrevisions.apps endpoints endpointslices.discovery.k8s.io'))

/** What is read besides: nothing in it is secret. */
const READABLE = wordList(`
  namespaces nodes persistentvolumes resourcequotas limitranges serviceaccounts componentstatuses
  storageclasses.storage.k8s.io priorityclasses.scheduling.k8s.io ingressclasses.networking.k8s.io runtimeclasses.node.k8s.io
  customresourcedefinitions.apiextensions.k8s.io apiservices.apiregistration.k8s.io
  pods.metrics.k8s.io nodes.metrics.k8s.io
`)

const WRITING = wordList(`
  create update patch delete deletecollection exec attach port-forward proxy evict bind debug finalize scale-to-zero delete-namespace
  privileged-pod token-request certificate access-review rbac-change admission-change api-change
`)

/** What `use:` takes for Kubernetes. */
export const kubernetesRuleSets: Readonly<Record<string, RuleSet>> = {
  everyday: {
    summary:
      'reading, changing and deleting what applications are made of, logs and rollouts; no Secrets, no exec, no privileged pods, no deletion of namespaces',
    effect: 'allow',
    rules: [
      {
        name: 'reading applications',
        match: { kinds: ['get', 'list', 'watch', 'log'], resources: [...WORKLOADS, ...READABLE] },
        message: '',
      },
      {
        name: 'changing applications',
        match: {
          kinds: wordList('create update patch delete deletecollection evict scale-to-zero'),
          resources: WORKLOADS.filter((name) => !OF_CONTROLLERS.has(name)),
        },
        message: '',
      },
      { name: 'the API server itself', match: { kinds: ORDINARY }, message: '' },
    ],
  },
  'read-only': {
    summary: 'nothing is changed: no writes, no shells, no connections into the cluster',
    effect: 'deny',
    rules: [
      {
        name: 'writing requests',
        match: { kinds: WRITING, dryRun: false },
        message: 'this target is read-only',
      },
    ],
  },
  'no-secrets': {
    summary: 'Secrets are neither read nor changed, nor given to new pods',
    effect: 'deny',
    rules: [
      {
        name: 'Secrets',
        match: { resources: ['secrets'] },
        message: 'Secrets are out of reach on this target',
      },
      {
        name: 'pods with Secrets',
        match: { settings: ['pod-secrets'] },
        message: 'pods that are given Secrets are not created or changed here',
        hint: 'a pod that has a Secret shows it to whoever reads its logs or runs a command in it',
      },
    ],
  },
  'no-privileged-pods': {
    summary: 'no pods beyond the baseline of the Pod Security Standards, and none on a chosen node',
    effect: 'deny',
    rules: [
      {
        name: 'privileged pods',
        match: { kinds: ['privileged-pod'] },
        message: 'pods with privileged settings are not allowed',
        hint: 'leave out host namespaces, host paths and ports, added capabilities, privileged containers and node names',
      },
      {
        name: 'ephemeral containers',
        match: { kinds: ['debug'] },
        message: 'ephemeral containers are not allowed',
      },
    ],
  },
  'no-rbac-change': {
    summary: 'who may do what in the cluster stays as it is: roles, webhooks, APIs, certificates, tokens',
    effect: 'deny',
    rules: [
      {
        name: 'roles, admission and APIs',
        match: { kinds: wordList('rbac-change admission-change api-change certificate token-request') },
        message: 'access to the cluster is not changed here',
      },
      {
        name: 'service accounts',
        match: { kinds: wordList('create update patch delete deletecollection'), resources: ['serviceaccounts'] },
        message: 'access to the cluster is not changed here',
      },
    ],
  },
  'no-shells': {
    summary: 'nobody runs commands in pods or connects to them',
    effect: 'deny',
    rules: [
      {
        name: 'shells and connections',
        match: { kinds: wordList('exec attach port-forward proxy debug') },
        message: 'commands in pods and connections to them are not allowed',
      },
    ],
  },
  'deletes-need-approval': {
    summary: 'what takes something away waits for a person: deletions, evictions, scaling to zero',
    effect: 'hold',
    rules: [
      {
        name: 'deletions',
        match: {
          kinds: wordList('delete deletecollection delete-namespace evict finalize scale-to-zero'),
          dryRun: false,
          unknown: true,
        },
        message: '',
      },
      {
        name: 'owners and finalizers',
        match: { kinds: wordList('update patch create'), settings: ['owner-references'], dryRun: false, unknown: true },
        message: '',
      },
    ],
  },
}
