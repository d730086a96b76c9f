import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from '../../api/schemas/access.ts'
import type {
  ClientHalf,
  ClientStart,
  EnvironmentStart,
  HowToConnect,
  ListenerInfo,
  PreparedClient,
} from '../client-half.ts'
import { replaceFile } from '../../shared/replace-file.ts'
import { needOpenPort } from '../need-open-port.ts'
import { kubeconfig } from './client/kubeconfig.ts'

/** A kubeconfig of its own for the child: kubectl, helm, k9s and everything made with client-go look where KUBECONFIG points. */
function prepare({ args, target, listener, environment: inherited }: ClientStart): PreparedClient {
  needOpenPort(listener, target)
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  return {
    args,
    environment: variables({ target, listener, directory, inherited }),
    cleanUp: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function variables({ target, listener, directory, inherited }: EnvironmentStart): NodeJS.ProcessEnv {
  const file = join(directory, 'kubeconfig')
  replaceFile(file, kubeconfig(target.name, listener))
  const environment: NodeJS.ProcessEnv = { ...inherited }
  for (const name of Object.keys(environment)) if (CONFLICTING.test(name)) delete environment[name]
  return {
    ...environment,
    KUBECONFIG: file,
    // A port is used for another cluster later: what is kept by its number would be that of this one.
    KUBECACHEDIR: join(directory, 'cache'),
  }
}

/** The port of a cluster, and a kubeconfig that leads there. */
function describe(target: Target, listener: ListenerInfo, directory: string): HowToConnect {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, `kubeconfig-${target.name}`)
  replaceFile(file, kubeconfig(target.name, listener))
  const { host, port } = listener
  return {
    json: { host, port, url: `https://${host}:${port}`, kubeconfig: file },
    lines: [
      `${target.name} is at https://${host}:${port}, for clients that have the certificate in ${file}`,
      `  export KUBECONFIG=${file}`,
      `  kubectl get pods`,
    ],
  }
}

/** Variables that lead programs past the kubeconfig, or give them an identity of their own. */
const CONFLICTING = /^(?:KUBECONFIG|KUBERNETES_(?:MASTER|SERVICE_HOST|SERVICE_PORT)|HELM_KUBE.*|PAMCTL_TOKEN)$/

export const kubernetesClient: ClientHalf = {
  listens: true,
  programs: new Set(['kubectl', 'helm', 'k9s']),
  prepare,
  environment: variables,
  describe,
}
