import { EXAMPLES } from '../../src/cli/examples.ts'
import { simpleCommand } from './simple-command.ts'

/** Verbs that do their work, or find what is wrong with it, without the gateway. */
const WITHOUT_GATEWAY: ReadonlySet<string> = new Set([
  'login',
  'verify',
  'audit verify',
  'config get',
  'config set',
  'config unset',
  'config list',
  'config path',
  'completion',
  'doctor',
  'agent start',
  'agent stop',
  'agent status',
  // A connection on the process's own streams.
  'tunnel',
])

/** Where the first example is no plain command, or needs more than the gateway. */
const OTHER_CALLS: Readonly<Record<string, readonly string[]>> = {
  approve: ['approve', 'req_2nj8kxp4vq'],
  env: ['env', 'prod-db'],
  batch: ['batch', 'prod-db', '-'],
  open: ['open', 'prod-db'],
  result: ['result', 'apr_9w3r6gq1xe'],
  kubeconfig: ['kubeconfig', 'shop-k8s'],
  'ssh-config': ['ssh-config'],
}

/** A command line of each verb that asks the gateway, by its words. */
export const GATEWAY_CALLS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(EXAMPLES).flatMap(([verb, [example = '']]): [string, readonly string[]][] => {
    if (WITHOUT_GATEWAY.has(verb)) return []
    const args = OTHER_CALLS[verb] ?? simpleCommand(example, { clients: true })?.args
    if (args === undefined) throw new Error(`the example of ${verb} is no plain command`)
    return [[verb, args]]
  }),
)
