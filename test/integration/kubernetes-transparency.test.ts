import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kindsNamedInFull } from '../../src/protocols/kubernetes/policy/kinds.ts'
import { throughGateway, type ClusterThroughGateway } from '../helpers/kubernetes-gateway.ts'
import { isClusterMissing, startCluster, type TestCluster } from '../helpers/kubernetes.ts'
import type { Outcome } from '../helpers/run.ts'

/** What people do with kubectl all day: the same output and exit status directly and through a gateway that allows everything. */
describe.skipIf(isClusterMissing())('kubectl through a gateway that allows everything', () => {
  let directory: string
  let cluster: TestCluster
  let gateway: ClusterThroughGateway
  /** As the same account. */
  let direct: string

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-transparency-'))
    for (const [name, text] of Object.entries(MANIFESTS)) writeFileSync(join(directory, name), text)
    cluster = await startCluster()
    gateway = await throughGateway(cluster, {
      commands: [{ name: 'everything', match: { kinds: ['*', ...kindsNamedInFull], unknown: true }, allow: true }],
    })
    direct = join(directory, 'kubeconfig')
    writeFileSync(direct, kubeconfigOf(cluster, gateway.token), { mode: 0o600 })
  })

  afterAll(async () => {
    await gateway?.stop()
    await cluster?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const inDev = (line: string, through: boolean): Promise<Outcome> => {
    const args = line.split(' ').map((word) => word.replace('FILES/', `${directory}/`))
    return cluster.kubectl(['--namespace', 'dev', ...args], {
      kubeconfig: through ? gateway.kubeconfig : direct,
    })
  }

  it.each(SCRIPTS)('%s', async (_name, lines) => {
    const runs: Outcome[][] = []
    for (const through of [false, true]) {
      const outcomes: Outcome[] = []
      for (const line of lines) outcomes.push(await inDev(line, through))
      runs.push(outcomes)
    }
    const [expected = [], seen = []] = runs
    lines.forEach((line, index) => expect([line, steady(seen[index])]).toEqual([line, steady(expected[index])]))
  })
})

/** Without what is another one each time. */
const steady = (outcome: Outcome | undefined) => ({
  code: outcome?.code,
  stdout: changing(outcome?.stdout ?? ''),
  stderr: changing(outcome?.stderr ?? ''),
})

const changing = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UID')
    .replaceAll(/https:\/\/127\.0\.0\.1:\d+/g, 'SERVER')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, 'TIME')
    .replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
    .replaceAll(/(LIVE|MERGED)-\d+/g, '$1')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g, 'TIME')
    .replaceAll(/"continue":"[\w=+/-]+"/g, '"continue":"TOKEN"')
    .replaceAll(/\b10\.96\.\d+\.\d+\b/g, 'ADDRESS')
    .replaceAll(/(resourceVersion"?:? *)"?\d+"?/g, '$1VERSION')
    .replaceAll(/(?:<invalid>|\b(?:\d+[dhms])+)(?= |$)/gm, 'AGE')
    .replaceAll(/ +/g, ' ')

const SCRIPTS: readonly (readonly [string, readonly string[]])[] = [
  [
    'looks',
    [
      'get pods',
      'get pods -A',
      'get pods -o wide --show-labels',
      'get pods -o yaml',
      'get pod web-1 -o json',
      'get pod web-1 -o jsonpath={.metadata.name}',
      'get pods -o custom-columns=N:.metadata.name,P:.status.phase',
      'get pods --sort-by=.metadata.name',
      'get pods --field-selector=status.phase=Running',
      'get pods -l app=web',
      'get pods,configmaps,secrets',
      'get all',
      'get secrets -o yaml',
      'get pod web-1 --output-watch-events --watch --request-timeout=2s',
      'get --raw /healthz',
      'get --raw /api/v1/namespaces/dev/pods?limit=1',
      'get pods --chunk-size=1',
      'get nothing',
      'get pod not-there',
      'get pods --namespace not-there',
      'describe pod web-1',
      'describe secrets',
      'describe namespace dev',
      'events',
      'logs web-1 -c app',
      'logs web-1 -c app --tail=1 --timestamps=false',
      'logs web-1 -c not-there',
      'explain pods.spec.containers',
      'api-resources',
      'api-versions',
      'cluster-info',
      'version',
      'get nodes',
      'get namespaces',
      'top pods',
      'auth can-i delete pods',
      'auth can-i --list',
      'diff -f FILES/configmap.yaml',
    ],
  ],
  [
    'writes',
    [
      'create configmap made --from-literal=a=b',
      'create configmap made --from-literal=a=b',
      'get configmap made -o yaml',
      'label configmap made team=shop',
      'annotate configmap made note=x',
      'patch configmap made -p {"data":{"a":"c"}}',
      'patch configmap made --type=merge -p {"data":{"d":"e"}}',
      'patch configmap made --type=json -p [{"op":"remove","path":"/data/d"}]',
      'patch configmap made --type=json -p [{"op":"test","path":"/data/a","value":"x"}]',
      'delete configmap made --dry-run=server',
      'delete configmap made',
      'delete configmap made',
      'create secret generic made --from-literal=password=hunter2',
      'get secret made -o jsonpath={.data.password}',
      'delete secret made',
      'apply -f FILES/configmap.yaml',
      'apply -f FILES/configmap.yaml',
      'apply -f FILES/changed.yaml',
      'apply -f FILES/configmap.yaml --server-side --force-conflicts',
      'apply view-last-applied configmap applied',
      'replace -f FILES/configmap.yaml',
      'delete -f FILES/configmap.yaml',
      'create -f FILES/wrong.yaml',
      'create -f FILES/unknown-kind.yaml',
      'create deployment web --image=registry.test/web:1 --replicas=2',
      'get deployments',
      'scale deployment web --replicas=3',
      'set image deployment/web web=registry.test/web:2',
      'set env deployment/web A=b',
      'rollout pause deployment/web',
      'rollout resume deployment/web',
      'rollout history deployment/web',
      'rollout restart deployment/web',
      'autoscale deployment web --max=5',
      'expose deployment web --port=80',
      'get services,hpa',
      'delete service,hpa,deployment web',
      'create serviceaccount made',
      'create role made --verb=get --resource=pods',
      'create rolebinding made --role=made --serviceaccount=dev:made',
      'auth can-i get pods --as=system:serviceaccount:dev:made --dry-run',
      'delete rolebinding,role,serviceaccount made',
      'create quota made --hard=pods=20',
      'delete quota made',
      'taint node node-1 a=b:NoSchedule',
      'taint node node-1 a-',
      'cordon node-1',
      'uncordon node-1',
      'wait --for=condition=Ready=false pod/web-1 --timeout=1s',
    ],
  ],
  [
    'runs',
    [
      'exec web-1 -c app -- echo hello',
      'exec web-1 -c app -- ls /not-there',
      'exec web-1 -c not-there -- true',
      'run once --image=registry.test/app:1 --restart=Never --command -- echo hi',
      'delete pod once --now',
    ],
  ],
]

const configMap = (data: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: applied }\ndata: { a: ${data} }\n`
const MANIFESTS = {
  'configmap.yaml': configMap('b'),
  'changed.yaml': configMap('c'),
  'wrong.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: Wrong_Name }\n',
  'unknown-kind.yaml': 'apiVersion: example.com/v1\nkind: Thing\nmetadata: { name: x }\n',
}

const kubeconfigOf = ({ url, ca }: TestCluster, token: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': ca } }],
    users: [{ name: 'gateway', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'gateway' } }],
    'current-context': 'test',
  })
