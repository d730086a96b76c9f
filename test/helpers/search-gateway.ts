import { join } from 'node:path'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { signIn } from './gateway-client.ts'
import { eventsOf, filesIn } from './recordings.ts'
import type { SecretSearch } from './secret-search.ts'

/**
 * Adds all that a gateway tells somebody who may see everything, and all that it has written: audit log, answers, records, store and log. It is
 * stopped for that. `isKept` says of a file whether the configuration keeps a secret in it.
 */
export async function searchGateway(
  search: SecretSearch,
  gateway: RunningGateway,
  directory: string,
  isKept?: (path: string) => boolean,
): Promise<void> {
  const alice = await signIn(gateway.url, 'alice')
  for await (const entry of alice.api.audit({})) search.add('audit log', JSON.stringify(entry))
  for (const path of ['/v1/targets', '/v1/sessions', '/v1/audit', '/v1/audit/status', '/v1/requests', '/v1/grants']) {
    const url = `${gateway.url}${path}`
    const response = await fetch(url, { headers: await alice.headers('GET', url) })
    search.add(`GET ${path}`, await response.text())
  }
  await gateway.stop('SIGTERM')
  for (const file of filesIn(join(directory, 'data'), '.pamrec'))
    for (const event of await eventsOf(file)) search.add(`record ${file}`, JSON.stringify(event))
  search.addDirectory(directory, isKept)
  search.add('gateway.log', gateway.log())
}
